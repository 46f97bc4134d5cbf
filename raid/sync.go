package raid

import (
	"context"
	"errors"
	"fmt"

	"casemate/raid/volume"
)

// errAnew is a volume that cannot be brought up from manifests: it has to be filled anew.
var errAnew = errors.New("it has to be filled anew")

// committed is the last batch acknowledged.
func (m *Mirror) committed() volume.Head {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.head
}

// compare finds out what it takes to bring a volume into sync: nil if its head is a link of the
// chain, errAnew, or ErrFork. What it holds beyond that which had been confirmed when it was left
// behind was never acknowledged, and calls for filling it anew; anything else is a fork.
func (m *Mirror) compare(ctx context.Context, src source, mem *member) error {
	m.mu.Lock()
	head, history, st := m.head, m.history, mem.state
	m.mu.Unlock()
	if st.Set != m.set || !history.Contains(st.History) {
		return fork(src.mem, mem)
	}
	switch {
	case !st.Opened || st.Mark == volume.Failed || st.Mark == volume.Rebuilding:
		return fmt.Errorf("%w: marked %q: %s", errAnew, st.Mark, st.Reason)
	case st.Head == head:
		return nil
	case st.Head.Sequence < head.Sequence:
		next, _, err := m.manifest(ctx, src, st.Head.Sequence+1)
		if errors.Is(err, ErrNotFound) {
			return fmt.Errorf("%w: it is %d batches behind", errAnew, head.Sequence-st.Head.Sequence)
		}
		if err != nil {
			return err
		}
		if next.previous == st.Head.Digest {
			return nil
		}
	}
	after, ok := history.Find(st.History.Last().Number + 1)
	if ok && after.Base < st.Head.Sequence {
		return fmt.Errorf("%w: it holds unacknowledged batches after %d", errAnew, after.Base)
	}
	return fork(src.mem, mem)
}

// kept is a manifest as stored, with the head a volume has that has its batch.
type kept struct {
	stored []byte
	head   volume.Head
}

// manifest reads a manifest from one volume and checks that it is the one of its sequence.
func (m *Mirror) manifest(ctx context.Context, s source, sequence uint64) (*manifest, kept, error) {
	key := volume.ManifestKey(sequence)
	stored, err := m.stored(ctx, s, key)
	if err != nil {
		return nil, kept{}, fmt.Errorf("reading manifest %d: %w", sequence, err)
	}
	text, _, err := m.seal.unsealCopy(key, stored)
	if err != nil {
		return nil, kept{}, fmt.Errorf("opening manifest %d: %w", sequence, err)
	}
	man, err := parseManifest(text)
	if err != nil {
		return nil, kept{}, fmt.Errorf("%w: manifest %d: %w", ErrCorrupt, sequence, err)
	}
	if man.sequence != sequence || man.set != m.set {
		return nil, kept{}, fmt.Errorf("%w: manifest %d is of another place", ErrCorrupt, sequence)
	}
	return man, kept{stored, man.head(text)}, nil
}

// control carries out a control request on a member and keeps the state it answers.
func (m *Mirror) control(ctx context.Context, mem *member, r volume.Request) error {
	m.mu.Lock()
	proc := mem.proc
	m.mu.Unlock()
	if proc == nil {
		return ErrUnavailable
	}
	st, err := proc.client.Control(ctx, r)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	mem.state, mem.free = st, st.Free
	return nil
}

// nearly is how many batches may be left for the last round, when writers wait.
const nearly = 8

// approach brings a volume that is not in service nearly up to the mirror's head while writing
// goes on. The mark is durable first: until it is taken away the volume is never the truth. Every
// step may be repeated after a crash.
func (m *Mirror) approach(ctx context.Context, src source, mem *member) error {
	head := m.committed()
	if mem.state.Head == head && mem.state.Mark == volume.Ready && !mem.state.Behind() {
		return nil
	}
	m.event(EventSyncing, mem, "from batch %d to %d", mem.state.Head.Sequence, head.Sequence)
	r := volume.Request{Act: volume.ActMark, Mark: volume.Syncing, Reason: "being brought up"}
	if err := m.control(ctx, mem, r); err != nil {
		return err
	}
	for {
		if err := m.backfill(ctx, src, mem, head); err != nil {
			return err
		}
		if head = m.committed(); head.Sequence <= mem.state.Head.Sequence+nearly {
			return nil
		}
	}
}

// arrive is the last round: writers are out. After it the volume holds what its twin holds.
func (m *Mirror) arrive(ctx context.Context, src source, mem *member) error {
	head := m.committed()
	if mem.state.Head != head {
		r := volume.Request{Act: volume.ActMark, Mark: volume.Syncing, Reason: "being brought up"}
		if mem.state.Mark != volume.Syncing {
			if err := m.control(ctx, mem, r); err != nil {
				return err
			}
		}
		if err := m.backfill(ctx, src, mem, head); err != nil {
			return err
		}
	}
	if mem.state.Audit {
		if err := m.auditTail(ctx, mem, &src); err != nil {
			return err
		}
	}
	if mem.state.Mark == volume.Ready {
		return nil
	}
	return m.control(ctx, mem, volume.Request{Act: volume.ActMark, Mark: volume.Ready})
}

// backfill replays the batches up to a head on a marked volume.
func (m *Mirror) backfill(ctx context.Context, src source, dst *member, to volume.Head) error {
	at := dst.state.Head
	for at.Sequence < to.Sequence {
		man, k, err := m.manifest(ctx, src, at.Sequence+1)
		if errors.Is(err, ErrNotFound) {
			return fmt.Errorf("%w: %w", errAnew, err)
		}
		if err != nil {
			return err
		}
		if man.previous != at.Digest {
			return fmt.Errorf("%w: batch %d does not follow batch %d", ErrCorrupt, man.sequence, at.Sequence)
		}
		if err := m.replay(ctx, src, dst, man, k); err != nil {
			return fmt.Errorf("replaying batch %d: %w", man.sequence, err)
		}
		at = k.head
		m.mu.Lock()
		dst.state.Head = at
		m.mu.Unlock()
	}
	if at != to {
		return fmt.Errorf("%w: batch %d is %s, not %s", ErrCorrupt, at.Sequence, at.Digest, to.Digest)
	}
	return nil
}

// replay writes one batch as the source still has it. A value that a later batch replaced or
// removed is left out: that batch is still to come. What is there already is written again.
func (m *Mirror) replay(ctx context.Context, src source, dst *member, man *manifest, k kept) error {
	b := volume.NewBuilder(m.pool)
	for _, e := range man.entries {
		v, err := m.original(ctx, src, man, e)
		if err == nil && (e.remove || v != nil) {
			err = add(b, e.key, v, e.remove)
		}
		if err != nil {
			b.Drop()
			return err
		}
	}
	if err := add(b, volume.ManifestKey(man.sequence), k.stored, false); err != nil {
		b.Drop()
		return err
	}
	return m.push(ctx, dst, b.Finish(k.head, 0), volume.FlagBackfill)
}

// original fetches the value a batch put, if it is still there and undamaged; nil if not.
func (m *Mirror) original(ctx context.Context, src source, man *manifest, e entry) ([]byte, error) {
	if e.remove {
		return nil, nil
	}
	v, err := m.stored(ctx, src, e.key)
	if err == nil {
		if !e.holds(man.sequence, v) {
			return nil, nil // replaced later
		}
		_, err = m.seal.check(e.key, v)
	}
	switch {
	case errors.Is(err, ErrNotFound): // removed later
		return nil, nil
	case errors.Is(err, ErrCorrupt):
		m.fault(src.mem, EventBadValue, "a value of batch %d cannot be copied", man.sequence)
		return nil, nil
	}
	return v, err
}

// holds says whether a stored value claims to be the one of this entry.
func (e *entry) holds(sequence uint64, stored []byte) bool {
	s, t, ok := identify(stored)
	return ok && s == sequence && t == e.tag && len(stored) == e.size
}

func add(b *volume.Builder, key, value []byte, remove bool) error {
	room, err := b.Add(key, len(value), remove)
	copy(room, value)
	return err
}

// push sends a batch to one volume and waits for its answer.
func (m *Mirror) push(ctx context.Context, dst *member, b *volume.Batch, flags uint8) error {
	got := make(chan error, 1)
	dst.proc.client.Write(b, b.Head.Epoch, flags, 0, func(_ int64, err error) { got <- err })
	b.Release()
	select {
	case err := <-got:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
