package module

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"casemate/hsm"
)

// guard stands between every request and the module. A call into C cannot be
// interrupted, so each runs on a goroutine of its own under an alarm: when it
// goes off, everyone waiting is answered and the process is given up, with
// whatever threads are stuck in it.
type guard struct {
	timeout time.Duration
	slots   chan struct{} // one for each operation at once
	dead    chan struct{} // closed when the module is given up
	once    sync.Once
	cause   error // valid once dead is closed
	log     *slog.Logger
}

func newGuard(timeout time.Duration, atOnce int, log *slog.Logger) *guard {
	return &guard{
		timeout: timeout,
		slots:   make(chan struct{}, atOnce),
		dead:    make(chan struct{}),
		log:     log,
	}
}

// giveUp declares the module lost. The first cause counts.
func (g *guard) giveUp(cause error) {
	g.once.Do(func() {
		g.cause = cause
		g.log.Error("giving up the PKCS#11 module", "cause", cause)
		close(g.dead)
	})
}

// isDead tells whether the module was given up.
func (g *guard) isDead() bool {
	select {
	case <-g.dead:
		return true
	default:
		return false
	}
}

// do runs fn, which calls the module, and waits for it no longer than ctx, the
// alarm or the module's life; what fn itself says of a lost device is given. fn goes on when ctx ends first; its result is
// then dropped, so it must not write to what the caller can see.
func do[T any](ctx context.Context, g *guard, what string, fn func() (T, error)) (T, error) {
	var zero T
	select {
	case g.slots <- struct{}{}:
	case <-g.dead:
		return zero, g.lost(what)
	case <-ctx.Done():
		return zero, fmt.Errorf("%s: waiting for a session: %w: %w", what, hsm.ErrBusy, context.Cause(ctx))
	}
	if g.isDead() {
		<-g.slots
		return zero, g.lost(what)
	}
	type result struct {
		value T
		err   error
	}
	done, ended := make(chan result, 1), make(chan struct{})
	alarm := time.AfterFunc(g.timeout, func() {
		g.giveUp(fmt.Errorf("%s: no answer within %v", what, g.timeout))
	})
	go func() {
		defer close(ended)
		value, err := fn()
		alarm.Stop()
		done <- result{value, err} // before anything is given up for it
		if err != nil && classify(err) == failDead {
			g.giveUp(fmt.Errorf("%s: %w", what, err))
		}
		<-g.slots
	}()
	select {
	case <-ended:
		r := <-done
		return r.value, g.explain(what, r.err)
	case <-g.dead:
		select {
		case r := <-done: // its own word says more than that all is lost
			return r.value, g.explain(what, r.err)
		default:
			return zero, g.lost(what)
		}
	case <-ctx.Done():
		return zero, fmt.Errorf("%s: %w: %w", what, hsm.ErrUnavailable, context.Cause(ctx))
	}
}

func (g *guard) lost(what string) error {
	return fmt.Errorf("%s: %w", what, hsm.ErrUnavailable)
}

// explain gives an error of the module the sentinel of its class.
func (g *guard) explain(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case classify(err) == failIntegrity:
		return fmt.Errorf("%s: %w: %w", what, hsm.ErrIntegrity, err)
	case hsm.Classified(err):
		return fmt.Errorf("%s: %w", what, err)
	default:
		return fmt.Errorf("%s: %w: %w", what, hsm.ErrUnavailable, err)
	}
}
