package volume

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// trimStep bounds how many manifests one batch may remove.
const trimStep = 32

// applyAll is the write lane: batches one after the other, in the order they came.
func (c *session) applyAll() {
	for b := range c.writes {
		head, err := c.s.write(b)
		answer := encodeYes(head)
		switch {
		case err == nil:
		case c.s.stopped() != nil:
			answer = encodeNo(Unknown, err)
		default:
			answer = encodeNo(No, err)
		}
		c.done(b)
		if err := c.reply(b.first.ID, LaneWrite, answer); err != nil {
			_ = c.conn.Close()
		}
		if c.s.stopped() != nil {
			// Whatever follows would be answered the same; the closed socket says it sooner.
			_ = c.conn.Close()
		}
	}
}

// encodeYes is the answer to a write: the free space, so that the mirror can refuse in time.
func encodeYes(free int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{byte(Yes)}, uint64(max(0, free))) // #nosec G115 -- not negative
}

func (s *server) stopped() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// write carries out one batch or refill and gives the free space after it. An error with the
// volume still in service means that nothing was written.
func (s *server) write(b *incoming) (free int64, err error) {
	s.life.RLock()
	defer s.life.RUnlock()
	if err := s.stopped(); err != nil {
		return 0, err
	}
	if s.db == nil {
		return 0, fmt.Errorf("%w: no database is open", ErrRefused)
	}
	if b.first.expired() {
		return 0, ErrExpired
	}
	if err := s.hold.same(); err != nil {
		if !errors.Is(err, ErrUnmounted) {
			s.fail(err) // the disk does not even answer where it is
		}
		return 0, err
	}
	if err := s.space.admit(b.bytes); err != nil {
		return 0, err
	}
	s.commits.Lock()
	defer s.commits.Unlock()
	switch b.first.Kind {
	case KindWrite:
		err = s.apply(b)
	case KindRefill:
		err = s.refill(b)
	default:
		err = fmt.Errorf("%w: kind %d on the write lane", ErrRefused, b.first.Kind)
	}
	if err != nil {
		return 0, err
	}
	return s.left(), nil
}

// left is the free space after a write. One that cannot be asked for, since the disk was taken away that
// moment, is not none: then the mirror would take the volume for full, and refuse what its twin could
// take. commits is held.
func (s *server) left() int64 {
	free, _, err := s.space.statfs()
	if err != nil {
		s.log.Warn("after a write", "error", err)
		return s.free
	}
	s.free = free
	return free
}

// admit checks that a batch is the one that follows, from a mirror that is up to date.
func (s *server) admit(b *incoming) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	backfill := b.first.Flags&FlagBackfill != 0
	cur, h, epoch := s.head, b.head, s.sb.History.Last().Number
	switch {
	case backfill != (s.sb.Mark == Syncing || s.sb.Mark == Rebuilding):
		return fmt.Errorf("%w: the volume is marked %q", ErrRefused, s.sb.Mark)
	case !backfill && (b.first.Epoch != epoch || h.Epoch != epoch):
		return fmt.Errorf("%w: epoch %d, the volume is in %d", ErrRefused, b.first.Epoch, epoch)
	case backfill && h.Sequence > cur.Sequence: // several at once; the mirror has followed the chain
	case h.Sequence != cur.Sequence+1 || h.Previous != cur.Digest:
		return fmt.Errorf("%w: batch %d after %s does not follow %d %s",
			ErrRefused, h.Sequence, h.Previous, cur.Sequence, cur.Digest)
	}
	if len(b.ops) > MaxOps+1 {
		return fmt.Errorf("%w: %d operations", ErrRefused, len(b.ops))
	}
	return nil
}

// apply makes a batch durable: Badger's commit with the head in the same transaction, then the
// ring. A crash between the two leaves Badger one ahead, which open mends; the reverse cannot be.
func (s *server) apply(b *incoming) error {
	if err := s.admit(b); err != nil {
		return err
	}
	meta := []Op{{Key: headKey, Value: b.head.append(nil)}}
	oldest := s.oldest // changed by this goroutine alone
	for range trimStep {
		if oldest >= b.trim || oldest >= b.head.Sequence {
			break
		}
		meta = append(meta, Op{Key: ManifestKey(oldest), Delete: true})
		oldest++
	}
	if before, err := s.db.commit(b.ops, meta); err != nil {
		return s.settle(before, err)
	}
	if err := s.ring.put(b.head); err != nil {
		return s.settle(false, err)
	}
	s.mu.Lock()
	s.head, s.oldest = b.head, oldest
	s.mu.Unlock()
	return nil
}

// refill writes operations outside the sequence: copies of what the twin holds.
func (s *server) refill(b *incoming) error {
	s.mu.Lock()
	marked := s.sb.Mark == Syncing || s.sb.Mark == Rebuilding
	s.mu.Unlock()
	if !marked && b.first.Flags&FlagRepair == 0 {
		return fmt.Errorf("%w: a refill of a volume that is not marked", ErrRefused)
	}
	for _, op := range b.ops {
		if string(op.Key) == string(headKey) {
			return fmt.Errorf("%w: a refill of the head", ErrRefused)
		}
	}
	before, err := s.db.commit(b.ops, nil)
	return s.settle(before, err)
}

// settle turns an error after which nobody can say what is on the disk into a failure for good.
func (s *server) settle(before bool, err error) error {
	if err != nil && !before {
		s.fail(err)
	}
	return err
}
