package appliance

import (
	"context"
	"errors"
	"fmt"
	"os"

	"casemate/appliance/setup"
	"casemate/hsm/module"
)

// ErrSetup says that a set-up failed; what it had made was taken back.
var ErrSetup = errors.New("the box was not set up, and nothing of it is left")

// SetupError is a set-up that failed with a problem that has words.
type SetupError struct{ Problem setup.Problem }

func (e *SetupError) Error() string { return e.Problem.Code + ": " + e.Problem.Detail }

// ErrSetupLeft says that a set-up failed and left what could not be taken back; each was named.
var ErrSetupLeft = errors.New("the box was not set up, and not all that was made could be taken back")

func (s *Setup) say(step SetupStep, args ...any) {
	if s.Say != nil {
		s.Say(step, args...)
	}
}

// Run sets the box up: all of it or nothing. Each thing is noted on disk before it is made; a failure, an
// interruption or a crash at any moment leaves a record by which everything is taken back, now or when
// the set-up is begun again. What it cannot take back is a token in hardware that was initialised.
func (s *Setup) Run(ctx context.Context) (SetupDone, error) {
	if err := os.MkdirAll(s.Layout.Config, 0o750); err != nil {
		return SetupDone{}, err
	}
	record, err := setup.Begin(s.Layout.Record())
	if err != nil {
		return SetupDone{}, err
	}
	w := &setupWork{Setup: s, record: record}
	done, err := w.all(ctx)
	if err == nil {
		return done, record.Keep()
	}
	s.say(SetupUndo)
	left, undone := record.Back()
	s.tellLeft(left)
	s.tidy()
	if undone != nil {
		return SetupDone{}, errors.Join(err, undone)
	}
	if len(left) > 0 {
		return SetupDone{}, fmt.Errorf("%w: %w", ErrSetupLeft, err)
	}
	return SetupDone{}, fmt.Errorf("%w: %w", ErrSetup, err)
}

// setupWork is a set-up on its way.
type setupWork struct {
	*Setup
	record *setup.Record
	config Config
	pins   pins
	made   bool           // keys, in the token
	keys   module.SetupID // by which they are known in one that others initialised
}

// all is the one descent. Before each step its traces are in the record.
func (w *setupWork) all(ctx context.Context) (done SetupDone, err error) {
	if err := w.disks(ctx); err != nil {
		return done, err
	}
	w.say(SetupFiles, w.Layout.Config)
	if err := w.folders(); err != nil {
		return done, err
	}
	if err := w.files(ctx); err != nil {
		return done, err
	}
	defer w.pins.close()
	defer func() { err = w.leaveToken(ctx, err) }()
	if w.config, err = LoadConfig(w.Layout.ConfigFile()); err != nil {
		return done, err
	}
	w.say(SetupToken, w.label())
	if err := w.makeToken(ctx); err != nil {
		return done, err
	}
	if done, err = w.withToken(ctx); err != nil {
		return done, err
	}
	return done, w.units()
}
