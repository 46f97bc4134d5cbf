package raid

import (
	"context"
	"errors"
	"fmt"
	"time"

	"casemate/raid/volume"
)

// ErrRotten is a volume whose space is not given back because one of its value logs is damaged: what
// lies behind the damage would be lost. Its values were repaired; its space comes back when it is
// filled anew.
var ErrRotten = errors.New("a value log of the volume is damaged: its values were repaired from the twin, its space comes back when it is filled anew")

// ErrBusy is a second act of a kind while one is under way.
var ErrBusy = errors.New("another one is under way")

// Reclaimed says what Reclaim gave back.
type Reclaimed struct{ Before, After int64 } // bytes that the volume's files take

const (
	// reclaimLook is how often a volume at it is asked how far it is.
	reclaimLook = 100 * time.Millisecond
	// reclaimPage is how much is compared with the twin in one go afterwards.
	reclaimPage = 16 << 20
)

// Reclaim gives the space of values removed or replaced back to the file system, on one volume in
// sync whose twin is in sync too, one volume at a time, beside reading and writing. The volume first
// reads every value log that is no longer written to, to its end; if one is damaged nothing is given
// back, what is bad is repaired, and the error is ErrRotten. Afterwards every value is authenticated
// and compared with the twin's, and repaired if it must be. A crash leaves a volume like any other.
// When ctx ends the volume finishes its work by itself.
func (m *Mirror) Reclaim(ctx context.Context, ref Ref) (Reclaimed, error) {
	m.mu.Lock()
	mem, err := m.find(ref)
	m.mu.Unlock()
	if err != nil {
		return Reclaimed{}, fmt.Errorf("giving the space of %q back: %w", ref, err)
	}
	if !m.reclaiming.TryLock() {
		return Reclaimed{}, fmt.Errorf("%w: the space of a volume is being given back", ErrBusy)
	}
	defer m.reclaiming.Unlock()
	out, err := m.reclaimOn(ctx, mem)
	if err != nil {
		return out, fmt.Errorf("giving the space of %q back: %w", mem.dir, err)
	}
	m.event(EventReclaimed, mem, "%d MiB of %d MiB given back", (out.Before-out.After)>>20, out.Before>>20)
	return out, nil
}

func (m *Mirror) reclaimOn(ctx context.Context, mem *member) (Reclaimed, error) {
	src, _, err := m.twins(mem.slot)
	if err != nil {
		return Reclaimed{}, err
	}
	r, err := m.givesBack(ctx, src)
	if err != nil {
		return Reclaimed{}, err
	}
	out := Reclaimed{Before: r.Before, After: r.After}
	if err := m.compareAll(ctx, mem.slot); err != nil {
		return out, fmt.Errorf("comparing it with its twin: %w", err)
	}
	switch {
	case r.Rotten:
		return out, fmt.Errorf("%w: %s", ErrRotten, r.Error)
	case r.Full:
		return out, fmt.Errorf("%w: %s", ErrFull, r.Error)
	case r.Error != "":
		return out, fmt.Errorf("%w: %s", ErrRefused, r.Error)
	}
	return out, nil
}

// givesBack has the volume do it and waits until it has.
func (m *Mirror) givesBack(ctx context.Context, src source) (*volume.Reclaim, error) {
	st, err := src.client.Control(ctx, volume.Request{Act: volume.ActReclaim})
	for err == nil && st.Reclaim != nil && st.Reclaim.Running {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(reclaimLook):
		}
		st, err = src.client.Control(ctx, volume.Request{Act: volume.ActStatus})
	}
	if err == nil && st.Reclaim == nil {
		err = fmt.Errorf("%w: the volume forgot what it was doing", ErrUnavailable)
	}
	return st.Reclaim, err
}

// compareAll authenticates all a volume holds, compares it with the twin, and repairs it.
func (m *Mirror) compareAll(ctx context.Context, slot int) error {
	for after := []byte(nil); ; {
		next, _, err := m.AuditPage(ctx, slot, after, reclaimPage, true, func(f Finding) {
			m.c.Log.Warn("found comparing a volume with its twin", "volume", f.Volume, "batch", f.Sequence, "detail", f.Detail)
		})
		if err != nil || next == nil {
			return err
		}
		if after = next; m.giveWay(ctx, reclaimPage) != nil {
			return ctx.Err()
		}
	}
}
