package raid

import (
	"context"
	"errors"
	"fmt"

	"casemate/raid/volume"
)

// errMore says that too much was written before writers were out.
var errMore = errors.New("too much is left to be held")

// finish follows the batches to the last, and gives that with writers out for a moment. If they were faster than
// that moment, there is another round.
func (s *snapshot) finish(ctx context.Context) error {
	defer s.m.brake.Store(0)
	s.came = s.m.committed().Sequence
	for {
		if err := s.follow(ctx); err != nil {
			return fmt.Errorf("following the batches after %d: %w", s.at.Sequence, err)
		}
		if err := s.foresee(ctx); err != nil {
			return fmt.Errorf("looking at the values kept apart: %w", err)
		}
		held, err := s.last(ctx)
		if errors.Is(err, errMore) && s.vain <= vainRounds {
			s.vain++
			continue
		}
		if errors.Is(err, errMore) {
			err = fmt.Errorf("%w: %w", ErrOutrun, err)
		}
		if err != nil {
			return err
		}
		for _, op := range held {
			if err := s.give(op); err != nil {
				return err
			}
		}
		return nil
	}
}

// last reads the last batches. Writers wait while they are read into memory, and not while they are given.
func (s *snapshot) last(ctx context.Context) (held []volume.Op, err error) {
	release := func() {}
	if s.o.Settle != nil { // before writers are out: it may have to wait for one of them
		release = s.o.Settle()
	}
	defer func() { release() }()
	if err := s.m.pause(); err != nil {
		return nil, err
	}
	defer s.m.resume()
	return s.settled(ctx)
}

// settled reads what is left, and what comes apart; writers are out.
func (s *snapshot) settled(ctx context.Context) (held []volume.Op, err error) {
	s.m.mu.Lock()
	present := s.fill.present()
	head, declared := s.m.head, volume.Declared{Set: s.m.set, Volume: s.fill.src.mem.id, History: s.m.history, Roster: s.m.roster}
	s.m.mu.Unlock()
	if !present { // what it held may never have become history
		return nil, fmt.Errorf("%w: volume %d, which was being read, is no longer in sync", ErrUnavailable, s.fill.src.mem.slot)
	}
	if head.Sequence-s.at.Sequence > heldBatches {
		return nil, errMore
	}
	if bytes, err := s.weigh(ctx, head, heldBytes); err != nil {
		return nil, err
	} else if bytes > heldBytes {
		return nil, errMore
	}
	if err := s.replay(ctx, head, func(op volume.Op) error { held = append(held, op); return nil }); err != nil {
		return nil, err
	}
	for _, prefix := range s.o.Apart {
		if err := s.readApart(ctx, prefix); err != nil {
			return nil, fmt.Errorf("reading the values kept apart: %w", err)
		}
	}
	s.out.Point = Point{Head: head, Declared: declared}
	return held, s.out.Point.Check()
}

// foresee looks, before writers are held back, what the manifests say of values kept apart that one volume has and
// another lacks: that may be a long way back.
func (s *snapshot) foresee(ctx context.Context) error {
	for _, prefix := range s.o.Apart {
		if err := s.eachApart(ctx, prefix, func([]byte, held) error { return nil }); err != nil {
			return err
		}
	}
	return s.m.recall(ctx, s.past)
}

// readApart reads every value under a prefix; one that no volume has whole is an error.
func (s *snapshot) readApart(ctx context.Context, prefix []byte) error {
	total := 0
	return s.eachApart(ctx, prefix, func(key []byte, h held) error {
		since, _, _ := identify(h.best)
		p := s.past[string(key)]
		if p != nil {
			if err := s.m.recall(ctx, memories{string(key): p}); err != nil {
				return err
			}
		}
		switch {
		case p != nil && p.removes(since): // and came back on the volume that has it
			s.doubt(key)
			return nil
		case h.best == nil && h.down != nil:
			return h.down
		case h.best == nil, p != nil && p.replaces(since):
			return fmt.Errorf("%w: no volume has a value kept apart as it was written", ErrCorrupt)
		}
		if total += len(h.best); total > MaxApart {
			return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxApart)
		}
		s.out.Apart = append(s.out.Apart, volume.Op{Key: key, Value: h.best})
		return nil
	})
}

// eachApart goes over the keys under a prefix, with what the volumes have of each. Those that are contested are
// among the memories from then on.
func (s *snapshot) eachApart(ctx context.Context, prefix []byte, do func(key []byte, h held) error) error {
	for after := []byte(nil); ; {
		page, err := s.m.Scan(ctx, prefix, after, MaxOps) // of all volumes together
		if err != nil || len(page) == 0 {
			return err
		}
		for _, it := range page {
			after = it.Key
			h := s.m.ask(ctx, s.sources(), it.Key)
			if err := ctx.Err(); err != nil {
				return err
			}
			since, _, _ := identify(h.best)
			if p := s.past[string(it.Key)]; h.lacking > 0 && (p == nil || p.since > since) {
				s.past[string(it.Key)] = &memory{since: since}
			}
			if err := do(it.Key, h); err != nil {
				return err
			}
		}
	}
}
