package raid

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	head, history, st, theirs := m.head, m.history, mem.state, mem.declared.History
	m.mu.Unlock()
	switch strayed(history, mem) {
	case strayForked:
		return fork(src.mem, mem)
	case strayAnew:
		return fmt.Errorf("%w: persons decided on another history", errAnew)
	case strayOld:
		if err := m.remembered(ctx, src, mem); err != nil {
			return err
		}
	case strayNot, strayUnused:
	}
	if st.Mark != volume.Rebuilding && m.budget.pending(mem.id, st.Generation) {
		return because(CauseErrors, "%w: too many of its values were bad, or persons asked for it", errAnew)
	}
	switch {
	case !st.Opened || st.Mark == volume.Failed || st.Mark == volume.Rebuilding || st.Mark == volume.Empty:
		return notWhole(st)
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
	after, ok := history.Find(history.Common(theirs).Number + 1)
	switch {
	case ok && after.Base < st.Head.Sequence:
		return fmt.Errorf("%w: it holds unacknowledged batches after %d", errAnew, after.Base)
	case ok && after.Decided:
		return fmt.Errorf("%w: persons decided on another history", errAnew)
	}
	return fork(src.mem, mem)
}

// remembered is nil for a volume none of whose epochs the mirror remembers if what it holds is a link of
// the chain all the same, or if persons want it filled anew whatever it holds.
func (m *Mirror) remembered(ctx context.Context, src source, mem *member) error {
	if m.budget.pending(mem.id, mem.state.Generation) {
		return nil
	}
	ok, err := m.linked(ctx, src, mem.state.Head)
	if err == nil && (!ok || !mem.state.Opened) {
		err = because(CauseOther, "it was away for more than %d epochs, and what it holds cannot be compared: ask for it to be filled anew", volume.MaxHistory)
	}
	return err
}

// notWhole says why a volume's database is of no use.
func notWhole(st volume.State) error {
	switch st.Mark {
	case volume.Failed:
		return because(CauseSync, "%w: it failed: %s", errAnew, st.Reason)
	case volume.Empty:
		return because(CauseBehind, "%w: it is empty", errAnew)
	case volume.Rebuilding:
		return because(CauseBehind, "%w: it was being filled: %s", errAnew, st.Reason)
	case volume.Ready, volume.Syncing:
	}
	return because(CauseDatabase, "%w: its database does not open: %s", errAnew, st.Reason)
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

// nearly is how many batches may be left for the last round, when writers wait; rounds is how often
// that is tried for.
const (
	nearly = 8
	rounds = 12
)

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
	m.mu.Lock()
	if mem.meter == nil { // else it follows a fill, and goes on with its measure
		mem.meter = newMeter(false, false, 0, 0, m.c.Now())
	}
	m.mu.Unlock()
	defer m.brake.Store(0)
	gap := head.Sequence - mem.state.Head.Sequence
	for range rounds {
		if err := m.backfill(ctx, src, mem, head); err != nil {
			return err
		}
		if head = m.committed(); head.Sequence <= mem.state.Head.Sequence+nearly {
			return nil
		}
		left := head.Sequence - mem.state.Head.Sequence
		if left > gap/2 { // not gaining fast enough on those who write
			m.brake.Store(min(max(2*m.brake.Load(), int64(brakeFirst)), int64(brakeLast)))
		}
		gap = left
	}
	return nil // writers will have to wait a little longer
}

// brakeFirst and brakeLast bound how long each batch waits for its place while a volume that is
// being brought up does not gain on the writers: without it a busy mirror would stay degraded, or
// stand still for the whole of a long last round.
const (
	brakeFirst = 2 * time.Millisecond
	brakeLast  = 100 * time.Millisecond
)

// slow makes a writer wait while the brake is on.
func (m *Mirror) slow(ctx context.Context) error {
	wait := time.Duration(m.brake.Load())
	if wait == 0 {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
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
	if err := m.auditTail(ctx, mem, &src); err != nil {
		return err
	}
	if mem.state.Mark == volume.Ready {
		return nil
	}
	return m.control(ctx, mem, volume.Request{Act: volume.ActMark, Mark: volume.Ready})
}
