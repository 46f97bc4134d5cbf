package store

import (
	"context"
	"errors"

	"casemate/raid"
)

// valueCost is what reading a value costs beside its bytes, and proofCost what verifying a document's
// seal and proofs does (some seven milliseconds of signatures), in bytes that could be digested
// instead: so a scrub at a given rate takes a steady share of the machine whether documents are large
// or small.
const (
	valueCost = 16 << 10
	proofCost = 2 << 20
)

// read gives a value from the surveyed volume alone. One that is damaged, or that the twin has and
// this volume lacks, is a finding; when repairs are wanted it is written again from the twin and read
// back first.
func (y *survey) read(ctx context.Context, key []byte) ([]byte, error) {
	value, known := y.paged(ctx, key)
	var err error
	if !known {
		value, err = y.s.mirror.GetFrom(ctx, y.slot, key)
	}
	if y.pace != nil {
		if err := y.pace(ctx, len(value)+valueCost); err != nil {
			return nil, err
		}
	}
	switch {
	case err == nil:
		return value, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, raid.ErrCorrupt):
		return y.mend(ctx, key, CodeDamaged, err)
	case errors.Is(err, raid.ErrNotFound):
		if !y.twinHas(ctx, key) {
			return nil, err
		}
		return y.mend(ctx, key, CodeMissing, err)
	default:
		y.leave(err)
		return nil, err
	}
}

// leave notes that the volume cannot be read: what is found from now on is not about documents.
func (y *survey) leave(err error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.lost == nil {
		y.lost = err
	}
}

// twinHas says whether another volume holds a key that this one lacks. A batch under way may have
// reached one and not yet the other: it is asked for again here.
func (y *survey) twinHas(ctx context.Context, key []byte) bool {
	if !y.twin {
		return false
	}
	if _, err := y.s.mirror.Get(ctx, key); err != nil {
		return false
	}
	_, err := y.s.mirror.GetFrom(ctx, y.slot, key)
	return errors.Is(err, raid.ErrNotFound)
}

// mend notes a value found bad and, if repairs are wanted, has it written again from the twin and
// reads it back.
func (y *survey) mend(ctx context.Context, key []byte, code Code, bad error) ([]byte, error) {
	what, part := describeKey(key)
	f := Finding{What: what, Code: code, Detail: part + " does not read as it was written"}
	if code == CodeMissing {
		f.Detail = part + " is missing"
	}
	value, err := []byte(nil), bad
	if y.repair && y.twin {
		if value, err = y.rewrite(ctx, key); err != nil && ctx.Err() == nil {
			y.s.slog.Warn("a value could not be repaired", "volume", y.dir, "what", what, "error", err)
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	f.Repaired = err == nil
	if f.Repaired {
		y.mine.Repaired++
	} else if !y.stands(key) {
		return value, err
	}
	y.note(f)
	return value, err
}

// stands counts a value that stays bad, and says whether it was not known yet. mu is held.
func (y *survey) stands(key []byte) bool {
	y.damaged++
	if len(key) > 0 && y.known[string(key)] {
		return false
	}
	if len(y.known) < maxFindings {
		y.known[string(key)] = true
	}
	return true
}

// rewrite has the mirror write a value again from the twin and gives what the volume then answers.
func (y *survey) rewrite(ctx context.Context, key []byte) ([]byte, error) {
	if _, err := y.s.mirror.Repair(ctx, y.slot, key); err != nil {
		return nil, err
	}
	return y.s.mirror.GetFrom(ctx, y.slot, key)
}
