package module_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

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

// objects are the labels of what is in the token, sorted.
func (g *given) objects() string {
	g.t.Helper()
	var labels []string
	out := g.tool("pkcs11-tool", "--module", hsmtest.SoftHSM, "--token-label", "others", "--login", "--pin", "right-pin", "--list-objects")
	for line := range strings.Lines(out) {
		if _, label, ok := strings.Cut(line, "label:"); ok {
			labels = append(labels, strings.TrimSpace(label))
		}
	}
	slices.Sort(labels)
	return strings.Join(labels, " ")
}

func (g *given) setup(ctx context.Context, label string) error {
	return g.setupWith(ctx, func(cfg *module.SetupConfig) { cfg.Token.Label = label })
}

// setupWith sets up with what a test changes.
func (g *given) setupWith(ctx context.Context, change func(*module.SetupConfig)) error {
	cfg := module.SetupConfig{Token: module.Token{Module: spy, Label: "others", SoftHSMConf: g.conf}, Initialised: true, ID: mine,
		Origin: origin, Demonstration: true, PINFile: g.pin, StateDir: filepath.Join(g.dir, "state"), TLSNames: []string{"localhost"}}
	change(&cfg)
	_, err := module.Setup(ctx, cfg)
	return err
}

// mine is the set-up of these tests.
var mine = module.SetupID{0xca, 0x5e, 1, 2, 3, 4, 5, 6}

// makes puts a key of somebody else into the token.
func (g *given) makes(label, id string) {
	g.t.Helper()
	g.tool("pkcs11-tool", "--module", hsmtest.SoftHSM, "--token-label", "others", "--login", "--pin", "right-pin",
		"--keypairgen", "--key-type", "EC:prime256v1", "--label", label, "--id", id)
}

// TestGivenToken: one that others initialised is used as it is, beside what they have in it; a wrong PIN reaches
// it once, and what a safe holds is refused.
func TestGivenToken(t *testing.T) {
	g := newGiven(t, "others")
	g.makes("theirs", "01")
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
	g.makes("casemate-root-1", "ca5e010203040507") // of another safe, whose set-up has another ID
	if err := module.Withdraw(t.Context(), cfg); !errors.Is(err, module.ErrLeft) || !strings.Contains(g.objects(), "casemate-seal-1") {
		t.Errorf("withdrawn by whoever does not know the set-up: %v, it has %s", err, g.objects())
	}
	cfg.ID = mine
	if err := module.Withdraw(t.Context(), cfg); err != nil || g.objects() != "casemate-root-1 casemate-root-1 "+before {
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

// TestGivenTokenOfTwo: what another safe makes in the token after this set-up has looked stays, whichever of its
// keys it is; the set-up takes its own out and says whose token it is.
func TestGivenTokenOfTwo(t *testing.T) {
	for _, label := range []string{"casemate-seal-7", "casemate-root-1", "casemate-record-1"} {
		t.Run(label, func(t *testing.T) {
			g := newGiven(t, "others")
			err := g.setupWith(t.Context(), func(cfg *module.SetupConfig) {
				cfg.Now = func() time.Time { g.makes(label, "02"); return time.Now() } // the token was seen empty by now
			})
			if err == nil || errors.Is(err, module.ErrLeft) || (label == "casemate-seal-7" && !errors.Is(err, module.ErrHolds)) {
				t.Errorf("set up beside it: %v", err)
			}
			if has := g.objects(); has != label+" "+label {
				t.Errorf("it has %s", has)
			}
		})
	}
}

// TestGivenTokenInterrupted: who ends it while keys are made finds the token as it was.
func TestGivenTokenInterrupted(t *testing.T) {
	g := newGiven(t, "others")
	ctx, cancel := context.WithCancel(t.Context())
	err := g.setupWith(ctx, func(cfg *module.SetupConfig) { cfg.Now = func() time.Time { cancel(); return time.Now() } })
	if err == nil || errors.Is(err, module.ErrLeft) || g.objects() != "" {
		t.Errorf("%v, it has %s", err, g.objects())
	}
}

// TestGivenTokenDies: a token that goes away when some keys are made holds them still, and the set-up says so;
// when it is back they are found and removed.
func TestGivenTokenDies(t *testing.T) {
	g := newGiven(t, "others")
	r := &remote{t: t, k: &hsmtest.Token{SoftHSMConf: g.conf}, socket: filepath.Join(g.dir, "p11"), label: "others"}
	t.Cleanup(r.kill)
	r.start()
	t.Setenv("P11_KIT_SERVER_ADDRESS", "unix:path="+r.socket)
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		for t.Context().Err() == nil {
			if made, _ := filepath.Glob(filepath.Join(g.dir, "tokens", "*", "*.object")); len(made) >= 5 { // the token's own, two pairs
				r.signal(syscall.SIGKILL)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	err := g.setupWith(t.Context(), func(cfg *module.SetupConfig) {
		cfg.Token.Module, cfg.WrapMethods = p11kitClient, []string{"rsa-oaep-sha1"}
	})
	if !errors.Is(err, module.ErrLeft) || !strings.Contains(err.Error(), mine.String()) || g.objects() == "" {
		t.Errorf("it ends with %v; the token has %q", err, g.objects())
	}
	<-killed
	cfg := module.SetupConfig{Token: module.Token{Module: spy, Label: "others", SoftHSMConf: g.conf}, PINFile: g.pin, ID: mine}
	if err := module.Withdraw(t.Context(), cfg); err != nil || strings.Contains(g.objects(), "casemate-") { // SoftHSM may keep half an object of no name
		t.Errorf("withdrawn: %v, it has %s", err, g.objects())
	}
}
