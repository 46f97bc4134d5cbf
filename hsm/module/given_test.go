package module_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"casemate/hsm/hsmtest"
	"casemate/hsm/module"
)

// given is a SoftHSM token that somebody else has initialised; what asks it goes through OpenSC's spy.
type given struct {
	t     *testing.T
	dir   string
	conf  string
	calls string
	pin   string // file
}

func newGiven(t *testing.T, label string) *given {
	t.Helper()
	g := &given{t: t, dir: t.TempDir()}
	g.conf, g.calls, g.pin = filepath.Join(g.dir, "softhsm2.conf"), filepath.Join(g.dir, "calls"), filepath.Join(g.dir, "pin")
	g.must(os.Mkdir(filepath.Join(g.dir, "tokens"), 0o700))
	g.must(os.WriteFile(g.conf, []byte("directories.tokendir = "+filepath.Join(g.dir, "tokens")+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600))
	g.tool("softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "officer-pin", "--pin", "right-pin")
	g.write("right-pin")
	t.Setenv("SOFTHSM2_CONF", g.conf)
	t.Setenv("PKCS11SPY", hsmtest.SoftHSM)
	t.Setenv("PKCS11SPY_OUTPUT", g.calls)
	return g
}

func (g *given) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *given) write(pin string) {
	g.t.Helper()
	g.must(os.WriteFile(g.pin, []byte(pin+"\n"), 0o600))
}

func (g *given) tool(name string, args ...string) string {
	g.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "SOFTHSM2_CONF="+g.conf)
	out, err := cmd.CombinedOutput()
	if err != nil {
		g.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// logins counts the tries that reached the token.
func (g *given) logins() int {
	text, _ := os.ReadFile(g.calls) // none is no call
	return strings.Count(string(text), "C_Login\n")
}

// objects are the labels of what is in the token.
func (g *given) objects() string {
	g.t.Helper()
	var labels []string
	out := g.tool("pkcs11-tool", "--module", hsmtest.SoftHSM, "--token-label", "others", "--login", "--pin", "right-pin", "--list-objects")
	for line := range strings.Lines(out) {
		if _, label, ok := strings.Cut(line, "label:"); ok {
			labels = append(labels, strings.TrimSpace(label))
		}
	}
	return strings.Join(labels, " ")
}

func (g *given) setup(ctx context.Context, label string) error {
	_, err := module.Setup(ctx, module.SetupConfig{Token: module.Token{Module: spy, Label: label, SoftHSMConf: g.conf}, Initialised: true,
		Origin: origin, Demonstration: true, PINFile: g.pin, StateDir: filepath.Join(g.dir, "state"), TLSNames: []string{"localhost"}})
	return err
}

// TestGivenToken: one that others initialised is used as it is, beside what they have in it; a wrong PIN reaches
// it once, and what a safe holds is refused.
func TestGivenToken(t *testing.T) {
	g := newGiven(t, "others")
	g.tool("pkcs11-tool", "--module", hsmtest.SoftHSM, "--token-label", "others", "--login", "--pin", "right-pin", "--keypairgen", "--key-type", "EC:prime256v1", "--label", "theirs", "--id", "01")
	before := g.objects()
	cfg := module.SetupConfig{Token: module.Token{Module: spy, Label: "others", SoftHSMConf: g.conf}, Initialised: true, PINFile: g.pin}
	if err := module.Probe(cfg); err != nil || g.logins() != 0 {
		t.Errorf("looked at: %v, %d logins", err, g.logins())
	}
	if err := g.setup(t.Context(), "nobody's"); !errors.Is(err, module.ErrNoGiven) {
		t.Errorf("another label: %v", err)
	}
	g.write("wrong-pin")
	if err := g.setup(t.Context(), "others"); !module.RefusesPIN(err) || g.logins() != 1 {
		t.Errorf("a wrong PIN: %v, tried %d times", err, g.logins())
	}
	g.write("right-pin")
	if err := g.setup(t.Context(), "others"); err != nil {
		t.Fatal(err)
	}
	if after := g.objects(); !strings.Contains(after, "theirs") || !strings.Contains(after, "casemate-seal-1") {
		t.Errorf("it has %s", after)
	}
	g.must(os.RemoveAll(filepath.Join(g.dir, "state")))
	if err := g.setup(t.Context(), "others"); !errors.Is(err, module.ErrHolds) {
		t.Errorf("one that a safe has: %v", err)
	}
	cfg.StateDir = filepath.Join(g.dir, "state")
	if err := module.Withdraw(t.Context(), cfg); err != nil || g.objects() != before {
		t.Errorf("withdrawn: %v, it has %s, had %s", err, g.objects(), before)
	}
}

// TestGivenTokenAfterAFault: a setup that fails behind the first keys takes them out again.
func TestGivenTokenAfterAFault(t *testing.T) {
	g := newGiven(t, "others")
	g.must(os.MkdirAll(filepath.Join(g.dir, "state", "seal.pem"), 0o700)) // where a file must be: publishing fails
	if err := g.setup(t.Context(), "others"); err == nil {
		t.Fatal("it went well")
	}
	if left := g.objects(); left != "" {
		t.Errorf("left: %s", left)
	}
}
