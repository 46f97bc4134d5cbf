package module_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casemate/hsm"
	"casemate/hsm/hsmtest"
)

// spy is OpenSC's module that writes down every call.
const spy = "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so"

// A wrong PIN reaches the token once, however often the process is restarted;
// a changed one is tried by itself.
func TestWrongPINOnce(t *testing.T) {
	k := hsmtest.Start(t, origin)
	right, err := os.ReadFile(k.PINFile)
	if err != nil {
		t.Fatal(err)
	}
	calls := filepath.Join(k.Dir, "calls")
	k.Through(spy, "PKCS11SPY="+hsmtest.SoftHSM, "PKCS11SPY_OUTPUT="+calls)
	logins := func() int {
		b, err := os.ReadFile(calls)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(b), "C_Login\n")
	}
	if err := os.WriteFile(k.PINFile, []byte("wrong pin\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		k.Restart()
		if err := k.Client.Ping(ctx); !errors.Is(err, hsm.ErrPIN) {
			t.Errorf("with a wrong PIN: %v, want ErrPIN", err)
		}
		k.Kill()
	}
	if n := logins(); n != 1 {
		t.Errorf("the wrong PIN was tried %d times", n)
	}
	memory, err := os.ReadFile(filepath.Join(k.StateDir, "pin-refused.json"))
	if err != nil || strings.Contains(string(memory), "wrong") {
		t.Errorf("what is remembered of it: %s: %v", memory, err)
	}
	k.Restart()
	if err := os.WriteFile(k.PINFile, right, 0o600); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for err = k.Client.Ping(ctx); err != nil && time.Now().Before(deadline); err = k.Client.Ping(ctx) {
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil || logins() != 3 { // one more for each of the two doors
		t.Errorf("with the right PIN: %v after %d logins", err, logins())
	}
	if _, err := os.Stat(filepath.Join(k.StateDir, "pin-refused.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after a login the refusal is still remembered: %v", err)
	}
	if strings.Contains(k.Log(), strings.TrimSpace(string(right))) || strings.Contains(k.Log(), "wrong pin") {
		t.Error("a PIN stands in the log")
	}
}

func TestPINFileOpenToOthers(t *testing.T) {
	k := hsmtest.Prepare(t, hsmtest.Options{Origin: origin})
	if err := os.Chmod(k.PINFile, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := k.Setup(); err == nil || !strings.Contains(out, "make it 0600") {
		t.Errorf("%v: %s", err, out)
	}
}
