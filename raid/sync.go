package raid

import (
	"context"
	"errors"
	"fmt"

	"casemate/raid/volume"
)

// plan is what has to be done to bring a volume into sync.
type plan struct {
	anew bool // fill it from nothing
	why  string
}

// plan compares a volume with the truth. Its own head must be a link of the truth's chain, or lie
// beyond what had been confirmed when it was left behind: then its tail was never acknowledged and
// it is filled anew. Anything else is a fork.
func (m *Mirror) plan(ctx context.Context, truth, mem *member) (plan, error) {
	st, tst := mem.state, truth.state
	if !tst.History.Contains(st.History) {
		return plan{}, fork(truth, mem)
	}
	switch {
	case !st.Opened || st.Mark == volume.Failed || st.Mark == volume.Rebuilding:
		return plan{true, fmt.Sprintf("marked %q: %s", st.Mark, st.Reason)}, nil
	case st.Head == m.head || st.Head.Sequence == 0:
		if st.Head.Sequence == 0 && tst.Oldest > 1 {
			return plan{true, "it is empty"}, nil
		}
		return plan{}, nil
	case st.Head.Sequence < m.head.Sequence:
		next, err := m.manifest(ctx, source{truth, truth.proc.client}, st.Head.Sequence+1)
		if errors.Is(err, ErrNotFound) {
			return plan{true, fmt.Sprintf("it is %d batches behind", m.head.Sequence-st.Head.Sequence)}, nil
		}
		if err != nil {
			return plan{}, err
		}
		if next.previous == st.Head.Digest {
			return plan{}, nil
		}
	}
	if after, ok := tst.History.Find(st.History.Last().Number + 1); ok && after.Base < st.Head.Sequence {
		return plan{true, fmt.Sprintf("it holds unacknowledged batches after %d", after.Base)}, nil
	}
	return plan{}, fork(truth, mem)
}

// manifest reads a manifest and checks that it is the one of its sequence.
func (m *Mirror) manifest(ctx context.Context, s source, sequence uint64) (*manifest, error) {
	man, _, err := m.manifestStored(ctx, s, sequence)
	return man, err
}

// manifestStored also gives it as stored, and its head.
func (m *Mirror) manifestStored(ctx context.Context, s source, sequence uint64) (*manifest, *kept, error) {
	key := volume.ManifestKey(sequence)
	stored, err := m.stored(ctx, s, key)
	if err != nil {
		return nil, nil, fmt.Errorf("reading manifest %d: %w", sequence, err)
	}
	text, _, err := m.seal.unsealCopy(key, stored)
	if err != nil {
		return nil, nil, fmt.Errorf("opening manifest %d: %w", sequence, err)
	}
	man, err := parseManifest(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: manifest %d: %w", ErrCorrupt, sequence, err)
	}
	if man.sequence != sequence || man.set != m.set {
		return nil, nil, fmt.Errorf("%w: manifest %d of another place", ErrCorrupt, sequence)
	}
	return man, &kept{stored: stored, head: man.head(text)}, nil
}

// kept is a manifest as stored.
type kept struct {
	stored []byte
	head   volume.Head
}

// bringUp brings a volume whose head is a link of the truth's chain up to the mirror's head. The
// mark is durable first: until it is taken away the volume is never the truth. Every step may be
// repeated after a crash.
func (m *Mirror) bringUp(ctx context.Context, truth, mem *member, _ plan) error {
	src := source{truth, truth.proc.client}
	if mem.state.Head != m.head || mem.state.Mark != volume.Ready || mem.state.Behind() {
		m.event(EventSyncing, mem, "from batch %d to %d", mem.state.Head.Sequence, m.head.Sequence)
		if err := m.control(ctx, mem, volume.Request{Act: volume.ActMark, Mark: volume.Syncing, Reason: "being brought up"}); err != nil {
			return err
		}
		if err := m.backfill(ctx, src, mem, m.head); err != nil {
			return err
		}
	}
	if mem.state.Audit {
		if err := m.auditTail(ctx, mem, truth); err != nil {
			return err
		}
	}
	if mem.state.Mark == volume.Ready {
		return nil
	}
	return m.control(ctx, mem, volume.Request{Act: volume.ActMark, Mark: volume.Ready})
}

// control carries out a control request on a member and keeps the state it answers.
func (m *Mirror) control(ctx context.Context, mem *member, r volume.Request) error {
	st, err := mem.proc.client.Control(ctx, r)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	mem.state, mem.free = st, st.Free
	return nil
}

// backfill replays the batches up to a head on a marked volume. A value that a later batch
// replaced or removed is left out: that batch is still to come. What is there already is written
// again.
func (m *Mirror) backfill(ctx context.Context, src source, dst *member, to volume.Head) error {
	at := dst.state.Head
	for at.Sequence < to.Sequence {
		man, k, err := m.manifestStored(ctx, src, at.Sequence+1)
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
	}
	if at.Sequence == to.Sequence && at.Digest != to.Digest {
		return fmt.Errorf("%w: batch %d is %s, not %s", ErrCorrupt, at.Sequence, at.Digest, to.Digest)
	}
	m.mu.Lock()
	dst.state.Head = at
	m.mu.Unlock()
	return nil
}

// replay writes one batch as the source still has it.
func (m *Mirror) replay(ctx context.Context, src source, dst *member, man *manifest, k *kept) error {
	b := volume.NewBuilder(m.pool)
	for _, e := range man.entries {
		if e.remove {
			if _, err := b.Add(e.key, 0, true); err != nil {
				b.Drop()
				return err
			}
			continue
		}
		v, err := m.stored(ctx, src, e.key)
		sequence, t, ok := identify(v)
		switch {
		case errors.Is(err, ErrNotFound), err == nil && ok && (sequence != man.sequence || t != e.tag):
			continue // replaced or removed later
		case err == nil:
			_, err = m.seal.check(e.key, v)
		}
		if errors.Is(err, ErrCorrupt) {
			m.fault(src.mem, EventBadValue, "a value of batch %d cannot be copied", man.sequence)
			continue
		}
		var room []byte
		if err == nil {
			room, err = b.Add(e.key, len(v), false)
		}
		if err != nil {
			b.Drop()
			return err
		}
		copy(room, v)
	}
	room, err := b.Add(volume.ManifestKey(man.sequence), len(k.stored), false)
	if err != nil {
		b.Drop()
		return err
	}
	copy(room, k.stored)
	return m.push(ctx, dst, b.Finish(k.head, 0), volume.FlagBackfill)
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
