package raid

import (
	"context"
	"errors"
	"fmt"

	"casemate/raid/volume"
)

// Bounds of the last batches of a snapshot, which are read into memory while writers wait.
const (
	// lastBytes is how much may be left of what follow gives; what is under way then comes on top.
	lastBytes = 32 << 20
	// heldBytes and heldBatches are how much is read into memory at most. Beyond, writers are let go on.
	heldBytes   = 4 * lastBytes
	heldBatches = 1 << 12
	// vainRounds is how many rounds in a row may leave nearly as much as the least that was left so far.
	vainRounds = 6
)

// ErrOutrun ends a snapshot: more is written than whoever takes it takes.
var ErrOutrun = errors.New("more is written than is taken of it: a copy of the volumes never comes to its end")

// follow gives the batches written meanwhile, until so little is left that writers may wait for it. While it
// does not gain on them, each of their batches waits a little; if that does not help either, it gives up.
func (s *snapshot) follow(ctx context.Context) error {
	for {
		to := s.m.committed()
		left := to.Sequence - s.at.Sequence
		if left <= nearly {
			bytes, err := s.weigh(ctx, to, lastBytes)
			if err != nil || bytes <= lastBytes {
				return err
			}
		}
		if stop, err := s.gaining(ctx, to, left); err != nil || stop {
			return err
		}
		s.came = to.Sequence
		if err := s.replay(ctx, to, s.give); err != nil {
			return err
		}
	}
}

// gaining judges a round before it begins: a tenth less must be left than ever before, though not each time; one
// that leaves twice as much as the last counts double. If so little is left that it can be held, no more rounds
// are needed.
func (s *snapshot) gaining(ctx context.Context, to volume.Head, left uint64) (stop bool, err error) {
	before := s.left
	s.left = left
	switch {
	case s.least == 0 || left < s.least-s.least/10:
		s.least, s.vain = left, 0
		return false, nil
	case left > 2*before:
		s.vain += 2
	default:
		s.vain++
	}
	if s.vain < vainRounds {
		return false, nil
	}
	if left <= heldBatches {
		bytes, err := s.weigh(ctx, to, lastBytes)
		if err != nil || bytes <= lastBytes {
			return true, err
		}
	}
	return false, fmt.Errorf("%w: %d batches are left after the last rounds, which gained nothing", ErrOutrun, left)
}

// press has each batch wait longer for its place while more than half as many come as are given, and less once
// they are few.
func (s *snapshot) press(given uint64) {
	head := s.m.committed().Sequence
	came := head - s.came
	s.came = head
	switch brake := s.m.brake.Load(); {
	case came > given/2:
		s.m.brake.Store(min(max(2*brake, int64(brakeFirst)), int64(brakeLast)))
	case came <= given/4:
		s.m.brake.Store(brake / 2)
	}
}

// weigh is how many bytes the batches up to a head have, as their manifests say; it stops beyond most.
func (s *snapshot) weigh(ctx context.Context, to volume.Head, most int64) (total int64, err error) {
	for n := s.at.Sequence + 1; n <= to.Sequence && total <= most; n++ {
		man, k, err := s.m.manifest(ctx, s.fill.src, n)
		if err != nil {
			return 0, err
		}
		total += int64(len(k.stored))
		for _, e := range man.entries {
			total += int64(len(e.key) + e.size)
		}
	}
	return total, nil
}

// replay gives the batches up to a head as the source still has them, and their manifests.
func (s *snapshot) replay(ctx context.Context, to volume.Head, give func(volume.Op) error) error {
	for s.at.Sequence < to.Sequence {
		w, err := s.m.gather(ctx, s.fill.src, s.at, to)
		if err != nil {
			return err
		}
		values, err := s.m.originals(ctx, s.fill.src, w)
		if err != nil {
			return err
		}
		for i, man := range w.manifests {
			for j, e := range man.entries {
				v := values[i][j]
				if !e.remove && (v == nil || isGap(v)) {
					if v, err = s.missed(ctx, man, e); err != nil {
						return err
					}
					if v == nil {
						continue // a batch that follows replaced it
					}
				}
				if err := give(volume.Op{Key: e.key, Value: v, Delete: e.remove}); err != nil {
					return err
				}
			}
			if err := give(volume.Op{Key: volume.ManifestKey(man.sequence), Value: w.kept[i].stored}); err != nil {
				return err
			}
		}
		s.move(w.kept[len(w.kept)-1].head)
		s.press(uint64(len(w.kept)))
	}
	if s.at != to {
		return fmt.Errorf("%w: batch %d is %s, not %s", ErrCorrupt, s.at.Sequence, s.at.Digest, to.Digest)
	}
	return nil
}

// missed looks again for a value of a batch that the source did not give: nil if it was replaced or removed
// since. One that the source lost or holds damaged is a twin's to give; if it was removed after all, a batch
// that follows says so. What no volume has is a gap: nothing older stands for it.
func (s *snapshot) missed(ctx context.Context, man *manifest, e entry) ([]byte, error) {
	harmed := false
	var down error
	for _, from := range s.sources() {
		v, err := s.m.sound(ctx, from, e.key)
		switch {
		case err == nil && e.holds(man.sequence, v):
			return v, nil
		case err == nil:
			if sequence, _, _ := identify(v); sequence >= man.sequence {
				return nil, nil // replaced, if not in that very batch
			}
			harmed = true
		case errors.Is(err, ErrCorrupt):
			harmed = true
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !errors.Is(err, ErrNotFound):
			down = err
		}
	}
	if !harmed || down != nil { // that one may have it
		return nil, down
	}
	s.out.Damaged++
	return gap, nil
}
