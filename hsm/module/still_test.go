package module

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"casemate/hsm"
)

// A PIN that is replaced while the old one is being tried is a change too; one that stays is none.
func TestPINReplacedWhileItIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{cfg: Config{PINFile: filepath.Join(t.TempDir(), "pin")}}
		check(t, os.WriteFile(s.cfg.PINFile, []byte("new"), 0o600))
		for tried, want := range map[string]error{"old": ErrRestart, "new": nil} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			if err := s.standStill(ctx, nil, hsm.ErrPIN, []byte(tried)); !errors.Is(err, want) {
				t.Errorf("%s was tried: %v, want %v", tried, err, want)
			}
			cancel()
		}
	})
}
