package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"casemate/hsm"
	"casemate/store/journal"
	"casemate/store/proof"
)

// resumeJournal takes up, at Open, the checkpoint that the token signed last. Where the journal on the
// volumes does not contain it, the volumes were rolled back, and nothing is opened, unless two officers
// decided that what is missing is lost: then the token is asked to go on from the journal as it is. The
// token verifies the decision itself, and that it is about this very checkpoint.
//
// Killed after the token signed and before the journal tells of it: the token keeps the decision and
// both checkpoints, and the mirror's own event tells of the decision.
func (s *Safe) resumeJournal(ctx context.Context, decision func(uint64, [32]byte) (hsm.Decision, bool, error)) error {
	lost := s.resumeCheckpoint(ctx)
	if !errors.Is(lost, ErrIntegrity) || decision == nil {
		return lost
	}
	_, signed, root, err := s.token.LastCheckpoint(ctx)
	if err != nil {
		return tokenError(err)
	}
	d, found, err := decision(signed, root)
	if err != nil || !found {
		return errors.Join(lost, err)
	}
	size := s.log.Size()
	if size == 0 {
		return lost // no journal at all is no history to go on with
	}
	at, err := s.log.RootAt(ctx, size)
	if err != nil {
		return err
	}
	note, err := s.token.ResumeJournal(ctx, size, at, d)
	if errors.Is(err, hsm.ErrRefused) {
		return errors.Join(lost, err)
	}
	if err != nil {
		return tokenError(err)
	}
	c, err := proof.ParseCheckpointNote(note, s.vkey)
	if err != nil {
		return fmt.Errorf("checkpoint just signed: %w", err)
	}
	s.checkpoint.Store(&publishedCheckpoint{Checkpoint: c, note: note})
	statement := sha256.Sum256(d.Statement)
	draft := s.draft(self, "journal-resume", "", "", journal.Done, "")
	draft.Refs = map[string]string{
		"given-up": fmt.Sprintf("%d %s", signed, hex.EncodeToString(root[:])), "resumed-at": fmt.Sprint(size),
		"statement": hex.EncodeToString(statement[:]),
	}
	s.teller.keep(posting{draft: draft})
	s.slog.Warn("the journal goes on without what the token had signed, as two officers decided", "signed", signed, "held", size)
	return nil
}
