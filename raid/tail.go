package raid

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"casemate/raid/volume"
)

// Where a tail audit that has found nothing stops: Badger cuts a damaged value log off at the
// damage, so that whatever it lost, it lost the newest value too.
const (
	tailValues    = 64
	tailManifests = 256
)

// tail is the audit of a volume's tail.
type tail struct {
	src     source
	settled map[string]bool // keys that a newer batch decided
	checked int
	bytes   int64
	lost    []lostValue
	seen    int // manifests
}

type lostValue struct {
	key      []byte
	sequence uint64
}

// auditTail verifies what a volume wrote last before it was stopped. Badger opens as if nothing had
// happened, whatever it had to drop: a memtable's log that was cut shows, for the head goes with it,
// but values cut off the newest value log do not, nor that log missing. Lost values are copied from
// the twin; then the copies taken before the opening, after an unclean stop, may go. Nothing is
// written meanwhile.
func (m *Mirror) auditTail(ctx context.Context, mem *member, twin *source) error {
	t := &tail{src: source{mem, mem.proc.client}, settled: map[string]bool{}}
	complete, err := m.walkTail(ctx, t, twin)
	if err != nil {
		return err
	}
	if len(t.lost) == 0 {
		return m.audited(ctx, mem)
	}
	m.event(EventLostValue, mem, "%d values of its tail were lost", len(t.lost))
	if twin == nil {
		return nil // the copies stay, for whoever has to rescue them
	}
	if !complete {
		return fmt.Errorf("%w: its tail lost more than the manifests kept tell", errAnew)
	}
	if err := m.restore(ctx, t.src, *twin, t.lost); err != nil {
		return err
	}
	return m.audited(ctx, mem)
}

// audited lets a volume forget its unclean stop.
func (m *Mirror) audited(ctx context.Context, mem *member) error {
	if !mem.state.Audit {
		return nil
	}
	return m.control(ctx, mem, volume.Request{Act: volume.ActAudited})
}

// walkTail goes back from the head. complete means that all a damaged tail can have lost was seen.
func (m *Mirror) walkTail(ctx context.Context, t *tail, twin *source) (complete bool, err error) {
	for sequence := m.committed().Sequence; sequence > 0; sequence-- {
		man, _, err := m.manifest(ctx, t.src, sequence)
		if err != nil && twin != nil && !errors.Is(err, ErrUnavailable) {
			if man, _, err = m.manifest(ctx, *twin, sequence); err == nil {
				t.lost = append(t.lost, lostValue{volume.ManifestKey(sequence), sequence})
			}
		}
		if errors.Is(err, ErrNotFound) {
			return false, nil // trimmed
		}
		if err != nil {
			return false, err
		}
		if err := m.checkTail(ctx, t, man); err != nil {
			return false, err
		}
		t.seen++
		switch {
		case t.bytes > volume.TailBytes:
			return true, nil
		case len(t.lost) == 0 && (t.checked >= tailValues || t.seen >= tailManifests):
			return true, nil
		}
	}
	return true, nil
}

// checkTail checks the values of one batch that lie in the value log.
func (m *Mirror) checkTail(ctx context.Context, t *tail, man *manifest) error {
	for _, e := range slices.Backward(man.entries) {
		if t.settled[string(e.key)] {
			continue
		}
		t.settled[string(e.key)] = true
		if e.remove || e.size < volume.ValueThreshold {
			continue
		}
		t.checked++
		t.bytes += int64(e.size)
		v, err := m.stored(ctx, t.src, e.key)
		switch {
		case err == nil && isGap(v): // what this volume was given: it lost nothing
		case err == nil && e.holds(man.sequence, v):
			err = m.seal.check(e.key, v)
		case err == nil:
			err = ErrCorrupt
		}
		switch {
		case err == nil:
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrCorrupt):
			t.lost = append(t.lost, lostValue{slices.Clone(e.key), man.sequence})
		default:
			return err
		}
	}
	return nil
}

// restore copies values from the twin, as stored, to a volume that is not in service yet.
func (m *Mirror) restore(ctx context.Context, dst, twin source, lost []lostValue) error {
	var sick []diagnosis
	var right, gaps [][]byte
	size := 0
	for i, l := range lost {
		v, err := m.sound(ctx, twin, l.key)
		switch {
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrCorrupt):
			m.event(EventBadValue, twin.mem, "a value of batch %d is lost on one volume and bad on the other", l.sequence)
			if errors.Is(err, ErrCorrupt) && l.key[0] != volume.MetaPrefix {
				gaps = append(gaps, l.key)
			}
		case err != nil:
			return err
		default:
			sick, size = append(sick, diagnosis{key: l.key, value: v}), size+len(v)
		}
		if size > 2*repairBytes || i == len(lost)-1 {
			cured, _, err := m.cure(ctx, dst, sick)
			if err != nil {
				return err
			}
			if len(cured) < len(sick) {
				return fmt.Errorf("%w: values that were restored do not read back", errAnew)
			}
			right, sick, size = append(right, cured...), nil, 0
		}
	}
	if len(right) > 0 {
		m.repaired(dst.mem, right)
	}
	return m.leaveGaps(ctx, dst, gaps)
}
