package raid

import (
	"context"
	"errors"
	"fmt"

	"casemate/raid/volume"
)

// fillingWord is what the mirror's MAC of a cursor covers: without it a volume could claim to have
// been filled.
type fillingWord struct {
	Volume     volume.ID   `json:"volume"`
	Generation uint64      `json:"generation"`
	Base       volume.Head `json:"base"`
	Cursor     []byte      `json:"cursor"`
	Bytes      int64       `json:"bytes"`
}

const kindFilling = "filling"

func filled(id volume.ID, generation uint64, f *volume.Filling) fillingWord {
	return fillingWord{id, generation, f.Base, f.Cursor, f.Bytes}
}

// resumeFill goes on with an interrupted fill, if its cursor is the mirror's own word, its base is of
// the chain, the manifests since are kept, and what was filled so far opens; nil if it has to begin
// again.
func (m *Mirror) resumeFill(ctx context.Context, src source, mem *member) (*fill, error) {
	m.mu.Lock()
	st := mem.state
	m.mu.Unlock()
	if st.Mark != volume.Rebuilding || st.Filling == nil || len(st.Filling.Cursor) == 0 ||
		!m.auth.holds(kindFilling, filled(mem.id, st.Building, st.Filling), st.Filling.MAC) {
		return nil, nil
	}
	if ok, err := m.linked(ctx, src, st.Filling.Base); !ok || err != nil {
		return nil, err
	}
	err := m.control(ctx, mem, volume.Request{Act: volume.ActResume})
	var no *volume.ReplyError
	if errors.As(err, &no) {
		m.c.Log.Warn("an interrupted copy is begun again", "volume", mem.slot, "error", err)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("going on with a copy: %w", err)
	}
	f := &fill{m: m, src: src, dst: mem, base: st.Filling.Base, after: st.Filling.Cursor, bytes: st.Filling.Bytes, noted: st.Filling.Bytes}
	f.measure(ctx, true)
	m.event(EventRebuild, mem, "the copy goes on where it was interrupted, after %d MiB", f.bytes>>20)
	return f, nil
}

// linked says whether a head is a link of the mirror's chain, with the manifests after it kept.
func (m *Mirror) linked(ctx context.Context, src source, h volume.Head) (bool, error) {
	head := m.committed()
	if h == head || h.Sequence >= head.Sequence {
		return h == head, nil
	}
	next, _, err := m.manifest(ctx, src, h.Sequence+1)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
		return false, nil
	}
	return err == nil && next.previous == h.Digest, err
}

// note has the volume note how far the copy certainly is: so far back that what Badger may drop in an
// unclean stop lies behind, and where all that the pages read had shown is acknowledged. For a
// removal that only the source has seen is not part of the history, and what it hid would be missing.
func (f *fill) note(ctx context.Context, at fillMark) error {
	f.marks = append(f.marks, at)
	var sure *fillMark
	for len(f.marks) > 0 && f.bytes-f.marks[0].bytes >= f.m.lag && f.acknowledged(f.marks[0].seen) {
		sure, f.marks = &f.marks[0], f.marks[1:]
	}
	if sure == nil || sure.bytes-f.noted < min(cursorBytes, max(f.m.lag, 1)) {
		return nil
	}
	w := &volume.Filling{Base: f.base, Cursor: sure.key, Bytes: sure.bytes}
	var err error
	if w.MAC, err = f.m.auth.mac(kindFilling, filled(f.dst.id, f.dst.state.Building, w)); err != nil {
		return err
	}
	f.noted = sure.bytes
	return f.m.control(ctx, f.dst, volume.Request{Act: volume.ActCursor, Filling: w})
}

// acknowledged says whether the batches up to a sequence are, with the source among those that have
// them.
func (f *fill) acknowledged(sequence uint64) bool {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return f.present() && f.m.head.Sequence >= sequence
}

// present says whether the source is the process that was in sync when the copy began. mu is held.
func (f *fill) present() bool {
	mem := f.src.mem
	return mem.role == roleIn && mem.proc != nil && mem.proc.client == f.src.client
}

// certain waits until nothing that was copied is in doubt: all the source had is acknowledged.
func (f *fill) certain() error {
	if err := f.m.pause(); err != nil {
		return err
	}
	defer f.m.resume()
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if !f.present() {
		return fmt.Errorf("%w: volume %d, the source of a copy, is no longer in sync", ErrUnavailable, f.src.mem.slot)
	}
	return nil
}

// keepFillings is how many manifests are kept for a volume whose fill was interrupted and that is away.
const keepFillings = 1 << 19

// keepFor lowers a trim mark to what volumes that are being filled or caught up still want. mu is held.
func (m *Mirror) keepFor(trim uint64) uint64 {
	for _, mem := range m.members {
		f := mem.state.Filling
		switch {
		case mem.role == roleSyncing && f == nil:
			trim = min(trim, mem.state.Head.Sequence)
		case mem.role == roleSyncing, mem.role == roleOut && f != nil && f.Base.Sequence+keepFillings > m.next.Sequence:
			trim = min(trim, f.Base.Sequence)
		}
	}
	return m.keepSnapshots(trim)
}
