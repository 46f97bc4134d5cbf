package module

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/pkcs11"

	"casemate/hsm"
)

func TestGuard(t *testing.T) {
	fail := func(err error) func(chan int) (int, error) { return func(chan int) (int, error) { return 0, err } }
	for name, c := range map[string]struct {
		fn   func(stuck chan int) (int, error)
		want error
		dead bool
	}{
		"hangs":          {func(stuck chan int) (int, error) { return <-stuck, nil }, hsm.ErrUnavailable, true},
		"works":          {fail(nil), nil, false},
		"device lost":    {fail(pkcs11.Error(pkcs11.CKR_DEVICE_ERROR)), hsm.ErrUnavailable, true},
		"lost, and said": {fail(errors.Join(ErrLeft, pkcs11.Error(pkcs11.CKR_DEVICE_ERROR))), ErrLeft, true},
		"session lost":   {fail(pkcs11.Error(pkcs11.CKR_SESSION_HANDLE_INVALID)), hsm.ErrUnavailable, true},
		"bad data":       {fail(pkcs11.Error(pkcs11.CKR_ENCRYPTED_DATA_INVALID)), hsm.ErrIntegrity, false},
		"refused":        {fail(refused("no")), hsm.ErrRefused, false},
		"no mechanism":   {fail(pkcs11.Error(pkcs11.CKR_MECHANISM_INVALID)), hsm.ErrUnavailable, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stuck := make(chan int)
				defer close(stuck)
				g := newGuard(20*time.Millisecond, 1, slog.New(slog.DiscardHandler))
				patience, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				if _, err := do(patience, g, "x", func() (int, error) { return c.fn(stuck) }); !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				if g.isDead() != c.dead {
					t.Errorf("given up: %v", g.isDead())
				}
				next := func() (int, error) { return 0, nil }
				if _, err := do(context.Background(), g, "x", next); c.dead != errors.Is(err, hsm.ErrUnavailable) {
					t.Errorf("the next request: %v", err)
				}
			})
		})
	}
}

// A caller who goes away leaves; the alarm of what he asked for stays set.
func TestGuardOutlivesItsCaller(t *testing.T) { synctest.Test(t, outlivesItsCaller) }

func outlivesItsCaller(t *testing.T) {
	g := newGuard(50*time.Millisecond, 1, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	stuck := make(chan struct{})
	defer close(stuck)
	time.AfterFunc(5*time.Millisecond, cancel)
	if _, err := do(ctx, g, "x", func() (int, error) { <-stuck; return 0, nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller: %v", err)
	}
	// The one session is taken: whoever waits for it gets busy or the alarm.
	brief, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := do(brief, g, "x", func() (int, error) { return 0, nil }); !errors.Is(err, hsm.ErrBusy) {
		t.Errorf("no session: %v, want ErrBusy", err)
	}
	<-g.dead
}
