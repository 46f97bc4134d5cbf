package store

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"

	"casemate/store/journal"
)

// HeardOf says what this safe heard of a backup that bears its MAC, by the identity, the digest of the manifest and what
// it held. mine: the journal once was what the backup holds; if not, the backup is of a history that was given up
// when an older state was taken for the truth. ended: its end was heard, by what is remembered of the last ones or by
// the journal, which has all.
func (s *Safe) HeardOf(ctx context.Context, id, manifest string, h Held) (mine, ended bool, err error) {
	if s.Backups().Knows(manifest) {
		return true, true, nil
	}
	if mine, err = s.once(ctx, h); err != nil || !mine {
		return mine, false, err
	}
	ended, err = s.backupEnded(ctx, id, h.Entries)
	return true, ended, err
}

// once says whether the journal was, at its size then, what a backup holds.
func (s *Safe) once(ctx context.Context, h Held) (bool, error) {
	if h.Entries == 0 || h.Entries > s.log.Size() {
		return false, nil
	}
	root, err := s.log.RootAt(ctx, h.Entries)
	if err != nil {
		return false, s.readError("root of the journal", err)
	}
	return hex.EncodeToString(root[:]) == h.Root, nil
}

// errSeen ends a walk through the journal.
var errSeen = errors.New("it was seen")

// backupEnded says whether the journal, from an entry on, says that a backup was done: of one that was found later too.
// An entry that cannot be read hides an end, and no more than that: such a backup is read whole, and told again.
func (s *Safe) backupEnded(ctx context.Context, id string, from uint64) (bool, error) {
	err := s.journaled(ctx, from, s.log.Size(), func(stored journal.Stored) error {
		if !stored.Tells(ActBackup, journal.Done) {
			return nil
		}
		b, err := stored.Brief()
		if err != nil || b.Act != ActBackup || b.Result != journal.Done {
			return err
		}
		e, _, err := s.log.Entry(ctx, b.Seq)
		if err == nil && strings.HasPrefix(e.Refs["detail"], id+", ") {
			return errSeen
		}
		return err
	})
	switch {
	case errors.Is(err, errSeen):
		return true, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, ErrIntegrity):
		s.slog.Error("the journal cannot be read to its end: whether a backup is in it is not known", "from", from, "error", err)
		return false, nil
	}
	return false, err
}
