package module

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"casemate/hsm"
)

// server answers from the first moment: with the engine once it is open, and
// with the reason for its absence until then.
type server struct {
	cfg    Config
	limits limiters
	engine atomic.Pointer[engine]
	reason atomic.Pointer[error] // why there is no engine
	waited error                 // the first reason: nobody has failed at anything yet
}

// grace is how long replies under way may take to leave once the process ends.
const grace = 500 * time.Millisecond

// Serve opens the token and answers on the listener, a unix socket, until ctx
// ends (nil) or the process can do no more (ErrRestart: exit at once, without
// waiting for threads that hang in the module).
//
// A PIN the token refused, a key that failed its audit and a token that was
// never set up do not end Serve: it goes on answering every request with that
// reason, and returns ErrRestart when the PIN has changed or the setup appears.
func Serve(ctx context.Context, cfg Config, listener net.Listener) error {
	cfg.defaults()
	s := &server{cfg: cfg, limits: newLimiters(cfg.Limits, cfg.Now)}
	starting := fmt.Errorf("opening the token: %w", hsm.ErrUnavailable)
	s.reason.Store(&starting)
	s.waited = starting
	web := &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      cfg.Timeout + time.Minute,
		IdleTimeout:       5 * time.Minute,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(checkPeers(listener, cfg)) }()
	err := s.run(ctx, failed)
	// Replies that tell of the end are written before the process goes.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if web.Shutdown(last) != nil {
		_ = web.Close()
	}
	if e := s.engine.Load(); e != nil && !e.guard.isDead() {
		err = errors.Join(err, closeWithin(e, cfg.Timeout))
	}
	return err
}

// closeWithin finalises the library if it lets itself be finalised.
func closeWithin(e *engine, timeout time.Duration) error {
	done := make(chan error, 1)
	go func() { done <- e.close() }()
	select {
	case err := <-done:
		return err
	case <-time.After(timeout):
		return fmt.Errorf("closing the token: no answer within %v", timeout)
	}
}

// run lives from opening the token to the end of the process.
func (s *server) run(ctx context.Context, failed <-chan error) error {
	g := newGuard(s.cfg.Timeout, s.cfg.Sessions, s.cfg.Log)
	// Read before it is tried: one that is replaced from here on is a change, however soon it comes.
	pin, _ := os.ReadFile(s.cfg.PINFile)
	e, err := openEngine(ctx, s.cfg, g)
	switch {
	case ctx.Err() != nil:
		if e != nil {
			s.engine.Store(e)
		}
		return nil
	case errors.Is(err, hsm.ErrPIN), errors.Is(err, hsm.ErrAudit), errors.Is(err, hsm.ErrNotSetUp):
		s.cfg.Log.Error("the token process serves nothing", "reason", err)
		s.reason.Store(&err)
		return s.standStill(ctx, failed, err, pin)
	case err != nil:
		s.reason.Store(&err)
		return fmt.Errorf("%w: %w", ErrRestart, err)
	}
	s.engine.Store(e)
	s.cfg.Log.Info("token open", "label", e.setup.Token.Label, "serial", e.setup.Token.Serial,
		"wrap", e.info().WrapMethod, "checkpoint", e.checkpoints.get().Size)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go e.chores(ctx, s.cfg)
	select {
	case <-ctx.Done():
		return nil
	case <-g.dead:
		return fmt.Errorf("%w: %w", ErrRestart, g.cause)
	case err := <-failed:
		return fmt.Errorf("listening: %w", err)
	}
}

// standStill answers with a reason until it may have gone: the PIN's file is not what it was, or a setup is there.
func (s *server) standStill(ctx context.Context, failed <-chan error, reason error, pin []byte) error {
	gone := func() bool {
		switch {
		case errors.Is(reason, hsm.ErrPIN):
			now, err := os.ReadFile(s.cfg.PINFile)
			return err == nil && string(now) != string(pin)
		case errors.Is(reason, hsm.ErrNotSetUp):
			_, err := os.Stat(filepath.Join(s.cfg.StateDir, setupFile))
			return err == nil
		}
		return false
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return fmt.Errorf("listening: %w", err)
		case <-tick.C:
			if gone() {
				return fmt.Errorf("%w: what stood in the way has changed", ErrRestart)
			}
		}
	}
}
