package module

import (
	"context"
	"errors"
	"path/filepath"
)

// outcome is what a setup comes to.
type outcome struct {
	result SetupResult
	back   bool // it failed, and nothing of it is in the token
}

// told makes it ErrLeft where nobody has said that nothing is left: a call that hangs says nothing.
func (cfg SetupConfig) told(o outcome, err error) error {
	if err == nil || !cfg.Initialised || o.back || errors.Is(err, ErrLeft) {
		return err
	}
	return left(cfg.ID, err)
}

// run is the one descent of a setup: keys and certificates, in an initialised token another look at it, and
// setup.json last.
func (cfg SetupConfig) run(ctx context.Context, pin, soPIN string) (outcome, error) {
	lock, err := lockDir(cfg.StateDir)
	if err != nil {
		return outcome{back: true}, err
	}
	defer lock.Close() //nolint:errcheck // nothing was written to it
	t, err := cfg.open(pin, soPIN)
	if err != nil {
		return outcome{back: cfg.Initialised}, err
	}
	t.setup = cfg.ID
	s := &setup{cfg: cfg, token: t, guard: newGuard(setupTimeout, DefaultSessions, cfg.Log), signers: map[string]*signer{}}
	result, err := s.run(ctx)
	if err == nil && cfg.Initialised {
		err = s.lookAgain(pin)
	}
	if err == nil {
		err = writeJSON(filepath.Join(cfg.StateDir, setupFile), s.record)
	}
	if err == nil {
		return outcome{result: result}, s.token.close()
	}
	if !cfg.Initialised {
		return outcome{}, err
	}
	withdrawn := s.token.withdraw()
	return outcome{back: withdrawn == nil}, errors.Join(err, withdrawn, s.token.close())
}

// lookAgain opens the token anew, since a library may keep a list of what it has seen, and is an error when
// another safe is in it by now.
func (s *setup) lookAgain(pin string) error {
	made := s.token.made
	if err := s.token.close(); err != nil {
		return err
	}
	t, err := openToken(s.cfg.Token, pin, DefaultSessions)
	if err != nil {
		return err
	}
	s.token, t.setup, t.made = t, s.cfg.ID, made
	return t.alone()
}
