package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"casemate/store/journal"
	"casemate/store/proof"
)

// publishSoon asks for a checkpoint; requests made while one is being signed become one.
func (s *Safe) publishSoon() {
	select {
	case s.wantCheckpoint <- struct{}{}:
	default:
	}
}

func (s *Safe) publisher(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wantCheckpoint:
		}
		if s.log.Size() == 0 {
			continue
		}
		_, _, err := s.publish(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
		case errors.Is(err, ErrIntegrity), errors.Is(err, journal.ErrBroken):
			s.breakWith(err) // two histories: nothing more is promised
		default:
			s.slog.Warn("no checkpoint signed; the next act asks again", "error", err)
		}
		select { // under a load, a few a second are enough
		case <-ctx.Done():
		case <-time.After(checkpointPause):
		}
	}
}

const checkpointPause = 100 * time.Millisecond

// publish has the token sign a checkpoint over everything committed, and publishes it. Only what
// every in-sync volume holds is ever covered, and the token demands consistency with its last: a
// crash can't make it sign two histories.
func (s *Safe) publish(ctx context.Context) (note []byte, c proof.Checkpoint, err error) {
	s.checkpointing.Lock()
	defer s.checkpointing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, sealDeadline)
	defer cancel()
	if s.unheard {
		if err := s.resumeCheckpoint(ctx); err != nil {
			return nil, c, err
		}
		s.unheard = false
	}
	last := s.checkpoint.Load()
	size := s.log.Size()
	if last != nil && last.Size == size {
		return last.note, last.Checkpoint, nil
	}
	if size == 0 {
		return nil, c, errors.New("the journal is empty")
	}
	root, err := s.log.RootAt(ctx, size)
	if err != nil {
		return nil, c, err
	}
	var consistency [][32]byte
	if last != nil && last.Size > 0 {
		if consistency, err = s.log.Consistency(ctx, last.Size, size); err != nil {
			return nil, c, err
		}
	}
	note, err = s.token.SignCheckpoint(ctx, size, root, consistency)
	s.heardToken(err)
	if err != nil {
		s.unheard = true // it may have signed: ask for its last before asking again
		return nil, c, tokenError(err)
	}
	if c, err = proof.ParseCheckpointNote(note, s.vkey); err != nil {
		return nil, c, fmt.Errorf("checkpoint just signed: %w", err)
	}
	s.checkpoint.Store(&publishedCheckpoint{Checkpoint: c, note: note})
	return note, c, nil
}

type publishedCheckpoint struct {
	proof.Checkpoint
	note []byte
}

// resumeCheckpoint takes up, at Open, what the token signed last, and demands that the journal on
// the volumes contains it: volumes rolled back together are found here.
func (s *Safe) resumeCheckpoint(ctx context.Context) error {
	note, size, root, err := s.token.LastCheckpoint(ctx)
	if err != nil {
		return tokenError(err)
	}
	if size == 0 {
		return nil
	}
	if size > s.log.Size() {
		return fmt.Errorf("the token signed a journal of %d entries, the volumes hold %d: %w: the volumes were rolled back",
			size, s.log.Size(), ErrIntegrity)
	}
	have, err := s.log.RootAt(ctx, size)
	if err != nil {
		return err
	}
	if have != root {
		return fmt.Errorf("the journal is not the one that the token signed at %d entries: %w", size, ErrIntegrity)
	}
	s.checkpoint.Store(&publishedCheckpoint{Checkpoint: proof.Checkpoint{Origin: s.origin, Size: size, Root: root}, note: note})
	return nil
}

// Checkpoint gives a checkpoint over everything committed, a C2SP signed note; the last published
// one while the token does not answer.
func (s *Safe) Checkpoint(ctx context.Context) ([]byte, error) {
	note, _, err := s.publish(ctx)
	if last := s.checkpoint.Load(); errors.Is(err, ErrSealUnavailable) && last != nil {
		return last.note, nil
	}
	return note, err
}
