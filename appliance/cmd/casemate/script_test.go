package main

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"casemate/store/proof"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"casemate": main})
}

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// TestScripts runs what holds against any safe. With CASEMATE_TEST_ENV=1 in the
// environment the safe is the real one that CASEMATE_URL and its sisters name, whose
// caller must be depositor, reader, auditor and administrator; else a fake.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			if os.Getenv("CASEMATE_TEST_ENV") == "1" {
				for _, name := range []string{"CASEMATE_URL", "CASEMATE_CA", "CASEMATE_CERT", "CASEMATE_KEY"} {
					env.Setenv(name, os.Getenv(name))
				}
				common(env)
				return nil
			}
			return withFake(t, env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"setid": setID},
	})
}

// TestFaults runs what only a safe that misbehaves can show.
func TestFaults(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/fault",
		RequireExplicitExec: true,
		Setup:               func(env *testscript.Env) error { return withFake(t, env) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"setid": setID, "fault": setFault, "prove": prove, "await": await, "interrupt": interrupt, "big": bigFile,
		},
	})
}

func common(env *testscript.Env) {
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, ".config"))
	env.Setenv("LANG", "C.UTF-8")
	env.Setenv("VAULT", "test-"+proof.NewVaultID().String()) // a real safe keeps the vaults of earlier runs
}

type fakeKey struct{}

func withFake(t *testing.T, env *testscript.Env) error {
	ca := newAuthority(t, "access")
	safe := newFakeSafe(t, ca)
	dir := filepath.Join(env.WorkDir, ".credentials")
	for name, from := range map[string]*authority{"": ca, "stranger": newAuthority(t, "elsewhere")} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
		from.credentials(t, filepath.Join(dir, name), "alice", 10)
	}
	common(env)
	env.Setenv("CREDENTIALS", dir)
	env.Setenv("CASEMATE_URL", safe.url)
	env.Setenv("CASEMATE_CA", filepath.Join(dir, "ca.pem"))
	env.Setenv("CASEMATE_CERT", filepath.Join(dir, "cert.pem"))
	env.Setenv("CASEMATE_KEY", filepath.Join(dir, "key.pem"))
	env.Values[fakeKey{}] = safe
	return nil
}
