package module_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"casemate/hsm/hsmtest"
)

// TestOfficerSetsAnotherPIN: where the PIN is lost with the machine that could open it, the security officer
// sets another, by the tool of any vendor, and the same keys answer under it.
func TestOfficerSetsAnotherPIN(t *testing.T) {
	k := hsmtest.Start(t, origin)
	before, err := k.Client.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	k.Kill()
	so, err := os.ReadFile(k.SOPINFile)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("pkcs11-tool", "--module", hsmtest.SoftHSM, "--token-label", "casemate", "--login", "--login-type", "so",
		"--so-pin", "env:SO", "--init-pin", "--new-pin", "env:NEW")
	cmd.Env = append(os.Environ(), "SOFTHSM2_CONF="+k.SoftHSMConf, "SO="+strings.TrimSpace(string(so)), "NEW=another-pin")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(k.PINFile, []byte("another-pin\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k.Restart()
	after, err := k.Client.Info(ctx)
	if err != nil || after.JournalVKey != before.JournalVKey || len(after.Keys) != len(before.Keys) {
		t.Errorf("under another PIN: %+v, %v", after, err)
	}
}
