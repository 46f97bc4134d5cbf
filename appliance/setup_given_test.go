package appliance_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"casemate/appliance"
	"casemate/appliance/setup"
)

// initialised makes a token as others leave it, and answers that name it.
func (s *site) initialised() {
	s.t.Helper()
	s.must(os.Mkdir(s.in("theirs"), 0o700))
	s.must(os.WriteFile(s.in("theirs.conf"), []byte("directories.tokendir = "+s.in("theirs")+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o644))
	s.softhsm("softhsm2-util", "--init-token", "--free", "--label", "theirs", "--so-pin", "officer-pin", "--pin", "right-pin")
	s.answers.Token = setup.Token{Module: "/usr/lib/softhsm/libsofthsm2.so", Label: "theirs", Initialised: true, SoftHSMConf: s.in("theirs.conf"), PINFile: s.pin("right-pin", 0o600)}
}

func (s *site) softhsm(name string, args ...string) string {
	s.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "SOFTHSM2_CONF="+s.in("theirs.conf"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// keysInToken counts the objects of a safe in it.
func (s *site) keysInToken() int {
	s.t.Helper()
	return strings.Count(s.softhsm("pkcs11-tool", "--module", "/usr/lib/softhsm/libsofthsm2.so", "--token-label", "theirs", "--login", "--pin", "right-pin", "--list-objects"), "casemate-")
}

// TestSetupWithATokenOfOthers: a wrong PIN is refused with its own sentence and leaves nothing, a set-up that
// fails later takes its keys out again, and one that goes through leaves a safe whose configuration names it.
func TestSetupWithATokenOfOthers(t *testing.T) {
	s := newSite(t)
	s.initialised()
	run := s.inProcess()
	run.Answers.Token.PINFile = ""
	if codes := codesOf(t, run.CheckPart(t.Context(), appliance.PartToken)); len(codes) != 1 || codes[0] != setup.BadPIN {
		t.Errorf("without its PIN: %v", codes)
	}
	run.Answers.Token.PINFile, run.Answers.Token.Label = s.in("some-pin"), "nobody's"
	if codes := codesOf(t, run.CheckPart(t.Context(), appliance.PartToken)); len(codes) != 1 || codes[0] != setup.BadGiven {
		t.Errorf("another label: %v", codes)
	}
	run.Answers.Token.Label = "theirs"

	s.pin("wrong-pin", 0o600)
	if found := run.Check(t.Context()); len(found) != 0 {
		t.Fatalf("%+v", found)
	}
	before := s.tree()
	s.failsWith(run, setup.BadPIN, before)
	s.pin("right-pin", 0o600)

	s.has(s.in("units/casemate.service.d/setup.conf")) // since it was checked: the last step fails
	before = s.tree()
	s.failsWith(run, "", before)
	if n := s.keysInToken(); n != 0 {
		t.Errorf("%d keys are left in the token", n)
	}

	s.must(os.RemoveAll(s.in("units")))
	done, err := run.Run(t.Context())
	if err != nil {
		t.Fatalf("%v\n%s", err, s.words)
	}
	if _, err := os.Stat(run.Layout.SOPINFile()); done.SOPIN != "" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a PIN for an officer who has one: %+v, %v", done, err)
	}
	s.pinIsEncrypted("box/etc/pin.cred", "right-pin")
	c, err := appliance.LoadConfig(run.Layout.ConfigFile())
	if err != nil || c.HSM.Token != "theirs" || c.HSM.SoftHSMConf != s.in("theirs.conf") || s.keysInToken() == 0 {
		t.Errorf("%+v, %v", c.HSM, err)
	}
}

// failsWith runs a set-up that must fail, with a code if one is named, and leave everything as it was.
func (s *site) failsWith(run *appliance.Setup, code, before string) {
	s.t.Helper()
	left := ""
	run.Say = func(step appliance.SetupStep, args ...any) {
		if step == appliance.SetupLeft {
			left = args[0].(string)
		}
	}
	_, err := run.Run(s.t.Context())
	var known *appliance.SetupError
	if !errors.Is(err, appliance.ErrSetup) || (code != "" && (!errors.As(err, &known) || known.Problem.Code != code)) {
		s.t.Errorf("it ends with %v", err)
	}
	if left != "" {
		s.t.Errorf("%s could not be taken back", left)
	}
	s.must(os.RemoveAll(s.in("box")))
	if after := s.tree(); noTokens(after) != noTokens(before) {
		s.t.Errorf("left:\n%s\nbefore:\n%s", after, before)
	}
}

// noTokens leaves out the files in which SoftHSM keeps a token: it makes some for whatever it does.
func noTokens(tree string) string {
	var b strings.Builder
	for line := range strings.Lines(tree) {
		if !strings.Contains(line, "/theirs/") {
			b.WriteString(line)
		}
	}
	return b.String()
}
