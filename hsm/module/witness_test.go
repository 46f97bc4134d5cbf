package module_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casemate/hsm"
	"casemate/hsm/hsmtest"
)

// mark is a mirror's mark with its order number.
func mark(order uint64, text string) []byte {
	return append(binary.BigEndian.AppendUint64(nil, order), text...)
}

func wantMark(t *testing.T, k *hsmtest.Token, want []byte) {
	t.Helper()
	got, err := k.Client.Witness(ctx)
	if err != nil || !bytes.Equal(got, want) || (got == nil) != (want == nil) {
		t.Errorf("the mark is %q, want %q: %v", got, want, err)
	}
}

func setMark(t *testing.T, k *hsmtest.Token, m []byte) {
	t.Helper()
	if err := k.Client.SetWitness(ctx, m); err != nil {
		t.Fatalf("setting %q: %v\n%s", m, err, k.Log())
	}
}

// copyState copies what a person would copy, for putting it back later.
func copyState(t *testing.T, from, to string) {
	t.Helper()
	if err := errors.Join(os.RemoveAll(to), os.CopyFS(to, os.DirFS(from))); err != nil {
		t.Fatal(err)
	}
}

func TestWitness(t *testing.T) {
	k := hsmtest.Start(t, origin)
	wantMark(t, k, nil)
	if info, err := k.Client.Info(ctx); err != nil || info.Witness != hsm.WitnessToken {
		t.Errorf("kept in %q: %v", info.Witness, err)
	}
	setMark(t, k, mark(7, "seven"))
	setMark(t, k, mark(7, "seven"))
	wantMark(t, k, mark(7, "seven"))
	for order := range uint64(7) {
		if err := k.Client.SetWitness(ctx, mark(order, "back")); !errors.Is(err, hsm.ErrConflict) {
			t.Errorf("back to %d: %v, want ErrConflict", order, err)
		}
	}
	setMark(t, k, mark(7, "seven, in other words"))
	largest := mark(1<<63, strings.Repeat("x", hsm.MaxWitness-8))
	setMark(t, k, largest)
	for _, size := range []int{0, 7, hsm.MaxWitness + 1} {
		if err := k.Client.SetWitness(ctx, bytes.Repeat([]byte{0xff}, size)); !errors.Is(err, hsm.ErrRefused) {
			t.Errorf("a mark of %d bytes: %v, want a refusal", size, err)
		}
	}
	k.Kill()
	k.Restart()
	wantMark(t, k, largest)
	if err := k.Client.SetWitness(ctx, mark(8, "back")); !errors.Is(err, hsm.ErrConflict) {
		t.Errorf("back after a kill: %v, want ErrConflict", err)
	}
}

// An older state directory put back, or an older token: the other one knows better.
func TestWitnessPutBack(t *testing.T) {
	k := hsmtest.Start(t, origin)
	file, tokens := filepath.Join(k.StateDir, "mirror.mark"), filepath.Join(k.Dir, "tokens")
	oldState, oldTokens := filepath.Join(k.Dir, "old-state"), filepath.Join(k.Dir, "old-tokens")
	setMark(t, k, mark(1, "one"))
	k.Stop()
	copyState(t, k.StateDir, oldState)
	copyState(t, tokens, oldTokens)
	k.Restart()
	setMark(t, k, mark(2, "two"))
	k.Stop()
	copyState(t, oldState, k.StateDir)
	k.Restart()
	wantMark(t, k, mark(2, "two"))
	k.Stop()
	copyState(t, oldTokens, tokens)
	k.Restart()
	wantMark(t, k, mark(2, "two"))
	// At opening both places were brought to the same.
	k.Stop()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	k.Restart()
	wantMark(t, k, mark(2, "two"))
	if err := k.Client.SetWitness(ctx, mark(1, "one")); !errors.Is(err, hsm.ErrConflict) {
		t.Errorf("back: %v, want ErrConflict", err)
	}
}

// shimmed is a token behind testdata/shim.c; fault has it do what the file's name says.
func shimmed(t *testing.T, code string) (k *hsmtest.Token, fault func(name string, on bool)) {
	t.Helper()
	dir := t.TempDir()
	library := filepath.Join(dir, "shim.so")
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", library, "testdata/shim.c", "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("building the shim: %v\n%s", err, out)
	}
	k = hsmtest.Prepare(t, hsmtest.Options{Origin: origin})
	if out, err := k.Setup(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	k.Through(library, "SHIM_FAULTS="+dir, "SHIM_CODE="+code)
	return k, func(name string, on bool) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if on {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Killed at each step of replacing a mark: the new one is found, in whatever place, and the token
// is left with one object.
func TestWitnessKilledBetween(t *testing.T) {
	k, fault := shimmed(t, "0")
	k.Restart()
	file, order := filepath.Join(k.StateDir, "mirror.mark"), uint64(1)
	setMark(t, k, mark(order, "first"))
	for _, step := range []string{"create-before", "create-after", "destroy-before", "destroy-after"} {
		for _, stateLost := range []bool{false, true} {
			before, next := mark(order, "before"), mark(order+1, step)
			order++
			setMark(t, k, before)
			fault(step, true)
			if err := k.Client.SetWitness(ctx, next); !errors.Is(err, hsm.ErrUnavailable) {
				t.Fatalf("%s: %v, want ErrUnavailable", step, err)
			}
			k.Stop()
			want := next
			if stateLost {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
				if step == "create-before" {
					want = before
				}
			}
			k.Restart()
			wantMark(t, k, want)
			setMark(t, k, next)
			if n := markObjects(t, k); n != 1 {
				t.Errorf("%s: %d objects in the token", step, n)
			}
		}
	}
}

// markObjects counts data objects of the token, as an outsider with the PIN sees them.
func markObjects(t *testing.T, k *hsmtest.Token) int {
	t.Helper()
	return strings.Count(pkcs11Tool(t, k, true), "Data object")
}

func pkcs11Tool(t *testing.T, k *hsmtest.Token, login bool) string {
	t.Helper()
	args := []string{"--module", hsmtest.SoftHSM, "--token-label", "casemate", "--list-objects", "--type", "data"}
	if login {
		pin, err := os.ReadFile(k.PINFile)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, "--login", "--pin", strings.TrimSpace(string(pin)))
	}
	cmd := exec.Command("pkcs11-tool", args...)
	cmd.Env = append(os.Environ(), "SOFTHSM2_CONF="+k.SoftHSMConf)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("pkcs11-tool: %v\n%s", err, out)
	}
	return string(out)
}

// Who has no PIN does not see the mark.
func TestWitnessIsPrivate(t *testing.T) {
	k := hsmtest.Start(t, origin)
	setMark(t, k, mark(1, "one"))
	if out := pkcs11Tool(t, k, false); strings.Contains(out, "casemate-mark") {
		t.Errorf("without a PIN: %s", out)
	}
	if out := pkcs11Tool(t, k, true); !strings.Contains(out, "casemate-mark") || !strings.Contains(out, "application:    'casemate'") {
		t.Errorf("with the PIN: %s", out)
	}
}

// A token that keeps no data objects, by whatever word, costs nothing but the second place.
func TestWitnessTokenKeepsNone(t *testing.T) {
	for name, code := range map[string]string{
		"not supported": "0x54", // CKR_FUNCTION_NOT_SUPPORTED
		"prohibited":    "0x1B", // CKR_ACTION_PROHIBITED
		"general error": "0x5",
		"device memory": "0x31",
	} {
		t.Run(name, func(t *testing.T) {
			k, fault := shimmed(t, code)
			fault("refuse", true)
			k.Restart()
			info, err := k.Client.Info(ctx)
			if err != nil || info.Witness != hsm.WitnessFile {
				t.Errorf("kept in %q: %v", info.Witness, err)
			}
			setMark(t, k, mark(3, "three"))
			k.Kill()
			k.Restart()
			wantMark(t, k, mark(3, "three"))
			if !strings.Contains(k.Log(), "does not keep the mirror's mark") {
				t.Errorf("nobody is told:\n%s", k.Log())
			}
			fault("refuse", false) // say, a full token was given room
			setMark(t, k, mark(4, "four"))
			if info, err := k.Client.Info(ctx); err != nil || info.Witness != hsm.WitnessToken {
				t.Errorf("then kept in %q: %v", info.Witness, err)
			}
			sealsAgain(t, k)
			if n := k.Starts(); n != 2 {
				t.Errorf("the process was started %d times", n)
			}
		})
	}
}

// A token that keeps an older mark and takes no newer one is an error, so that it is tried again,
// and no reason to stop sealing or to forget.
func TestWitnessTokenFull(t *testing.T) {
	k, fault := shimmed(t, "0x31")
	k.Restart()
	setMark(t, k, mark(1, "one"))
	fault("refuse", true)
	if err := k.Client.SetWitness(ctx, mark(2, "two")); !errors.Is(err, hsm.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
	sealsAgain(t, k)
	wantMark(t, k, mark(2, "two"))
	k.Restart()
	wantMark(t, k, mark(2, "two"))
	fault("refuse", false)
	setMark(t, k, mark(2, "two"))
	k.Stop()
	if err := os.Remove(filepath.Join(k.StateDir, "mirror.mark")); err != nil {
		t.Fatal(err)
	}
	k.Restart()
	wantMark(t, k, mark(2, "two"))
}

// An object that the token itself can not read any more: the file has the mark, and nobody gives up a
// token that signs.
func TestWitnessUnreadable(t *testing.T) {
	k, fault := shimmed(t, "0x5") // CKR_GENERAL_ERROR, what SoftHSM says of an object it can not decrypt
	k.Restart()
	setMark(t, k, mark(1, "one"))
	fault("unreadable", true)
	wantMark(t, k, mark(1, "one"))
	k.Restart()
	wantMark(t, k, mark(1, "one"))
	sealsAgain(t, k)
	if n := k.Starts(); n != 2 {
		t.Errorf("the process was started %d times", n)
	}
	fault("unreadable", false)
	setMark(t, k, mark(2, "two"))
	if n := markObjects(t, k); n != 1 {
		t.Errorf("%d objects in the token", n)
	}
}

// Killed at any moment while marks are set as fast as it goes: what was acknowledged never goes back.
func TestWitnessKilledUnderLoad(t *testing.T) {
	k := hsmtest.Start(t, origin)
	tried, acknowledged := uint64(1), uint64(1)
	setMark(t, k, mark(tried, "load")) // a kill may come before any other
	for round := range 5 {
		killed := make(chan struct{})
		time.AfterFunc(time.Duration(4+9*round)*time.Millisecond, func() { k.Kill(); close(killed) })
		for alive := true; alive; {
			select {
			case <-killed:
				alive = false
			default:
				tried++
				switch err := k.Client.SetWitness(ctx, mark(tried, "load")); {
				case err == nil:
					acknowledged = tried
				case errors.Is(err, hsm.ErrConflict):
					t.Fatal(err)
				}
			}
		}
		k.Restart()
		got, err := k.Client.Witness(ctx)
		if err != nil || binary.BigEndian.Uint64(got) < acknowledged {
			t.Fatalf("found %q after %d was acknowledged: %v", got, acknowledged, err)
		}
	}
}

// The device goes away and comes back, behind p11-kit, which carries data objects.
func TestWitnessDeviceLost(t *testing.T) {
	k, r := behindServer(t, hsmtest.Options{Origin: origin})
	setMark(t, k, mark(1, "one"))
	if info, err := k.Client.Info(ctx); err != nil || info.Witness != hsm.WitnessToken {
		t.Errorf("kept in %q: %v", info.Witness, err)
	}
	r.kill()
	if err := k.Client.SetWitness(ctx, mark(2, "two")); !errors.Is(err, hsm.ErrUnavailable) {
		t.Errorf("without a device: %v, want ErrUnavailable", err)
	}
	r.start()
	sealsAgain(t, k)
	wantMark(t, k, mark(1, "one")) // nothing was written: the token is asked first what it keeps
	setMark(t, k, mark(2, "two"))
	wantMark(t, k, mark(2, "two"))
}
