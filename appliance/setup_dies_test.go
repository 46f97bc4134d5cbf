package appliance_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casemate/appliance"
	"casemate/appliance/setup"
)

// TestSetupTokenDies: a token of others that goes away while keys are made in it is told as holding them, by the
// identifier that the tools of tokens show; nobody says that all was taken back.
func TestSetupTokenDies(t *testing.T) {
	s := newSite(t)
	s.initialised()
	run := s.inProcess()
	if found := run.Check(t.Context()); len(found) != 0 {
		t.Fatalf("%+v", found)
	}
	gone := make(chan error, 1)
	go func() {
		for t.Context().Err() == nil {
			if made, _ := filepath.Glob(s.in("theirs/*/*.object")); len(made) >= 5 { // the token's own, two pairs
				gone <- os.Rename(s.in("theirs"), s.in("gone"))
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	var left []string
	run.Say = func(step appliance.SetupStep, args ...any) {
		if step == appliance.SetupLeft {
			left = append(left, args[0].(string)+" "+args[1].(string))
		}
	}
	_, err := run.Run(t.Context())
	s.must(<-gone)
	var known *appliance.SetupError
	if errors.Is(err, appliance.ErrSetup) || !errors.Is(err, appliance.ErrSetupLeft) || !errors.As(err, &known) || known.Problem.Code != setup.BadLeft {
		t.Errorf("it ends with %v", err)
	}
	if len(left) != 1 || !strings.HasPrefix(left[0], setup.TokenTaken+" theirs, CKA_ID ") {
		t.Fatalf("told as left: %q", left)
	}
	s.must(os.RemoveAll(s.in("theirs")))
	s.must(os.Rename(s.in("gone"), s.in("theirs")))
	_, id, _ := strings.Cut(strings.TrimSuffix(left[0], "…"), "CKA_ID ")
	keys := s.softhsm("pkcs11-tool", "--module", "/usr/lib/softhsm/libsofthsm2.so", "--token-label", "theirs", "--login", "--pin", "right-pin", "--list-objects")
	if s.keysInToken() < 2 || strings.Count(keys, "casemate-") != strings.Count(keys, " "+id) || !strings.Contains(known.Problem.Detail, id) {
		t.Errorf("left under %s (%s):\n%s", id, known.Problem.Detail, keys)
	}
}
