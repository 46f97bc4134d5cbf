package appliance_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/argon2"

	"casemate/appliance"
	"casemate/systemd"
)

// TestReplacePINForgetsLast: whichever call of systemd-creds fails, a token that refused the PIN is not asked
// again with the one that lies there; once the new credential stands, it is.
func TestReplacePINForgetsLast(t *testing.T) {
	b := newPINBox(t)
	b.credential("1234567")
	salt := []byte("sixteen bytes ..")
	refused := fmt.Sprintf(`{"serial":"1","at":"2026-01-02T03:04:05Z","salt":"%x","hash":"%s"}`, salt,
		hex.EncodeToString(argon2.IDKey([]byte("1234567"), salt, 3, 64<<10, 2, 32)))
	memory := filepath.Join(b.cfg.HSM.State, "pin-refused.json")
	b.must(os.WriteFile(memory, []byte(refused), 0o600))
	working := os.Getenv("PATH")
	for calls := range 3 {
		b.failing(calls)
		done, err := appliance.ReplacePIN(t.Context(), b.cfg, b.config(), "1234567")
		t.Setenv("PATH", working)
		if text, _ := os.ReadFile(memory); !errors.Is(err, systemd.ErrCreds) || done.Again || string(text) != refused {
			t.Errorf("call %d fails: %v, %+v, remembered is %q", calls+1, err, done, text)
		}
	}
	done, err := appliance.ReplacePIN(t.Context(), b.cfg, b.config(), "1234567")
	if _, gone := os.Stat(memory); err != nil || !done.Again || !errors.Is(gone, os.ErrNotExist) {
		t.Errorf("%v, %+v, %v", err, done, gone)
	}
}
