package raid

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"casemate/raid/volume"
)

// gap is what a volume is given for a value of which no volume in sync has anything that reads as it was
// written: so that it stays known as damaged when the volumes that hold the damage are filled anew or
// retired, reads as ErrCorrupt and never as ErrNotFound, is found by every audit, and is repaired as soon
// as a volume comes back that has it. No sealed value is as short.
var gap = []byte{0}

// errGap is a gap where a value should be: not the fault of the volume that holds it.
var errGap = fmt.Errorf("%w: it was damaged on every volume when this one was filled", ErrCorrupt)

// isGap says whether a stored value is a gap.
func isGap(stored []byte) bool { return bytes.Equal(stored, gap) }

// anywhere gives the value of an entry that the source of a replay holds damaged: from another volume in
// sync, or from the very volume that is being brought up; a gap if none has it; nil if a later batch replaced
// or removed it.
func (m *Mirror) anywhere(ctx context.Context, dst *member, man *manifest, e entry) ([]byte, error) {
	list, _, _ := m.sources()
	for _, s := range append(list, source{dst, dst.proc.client}) {
		v, err := m.sound(ctx, s, e.key)
		switch {
		case err == nil && e.holds(man.sequence, v):
			return v, nil
		case err == nil && s.mem != dst:
			if sequence, _, _ := identify(v); sequence > man.sequence {
				return nil, nil
			}
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
	}
	return gap, nil
}

// leaveGaps marks values as damaged on a volume that lacks them, while no other has them undamaged.
func (m *Mirror) leaveGaps(ctx context.Context, dst source, keys [][]byte) error {
	if len(keys) == 0 {
		return nil
	}
	ops := make([]volume.Op, len(keys))
	for i, key := range keys {
		ops[i] = volume.Op{Key: key, Value: gap}
	}
	ctx, cancel := context.WithTimeout(ctx, patience*m.c.WriteDeadline)
	defer cancel()
	err := dst.client.Refill(ctx, ops, volume.FlagRepair)
	if err != nil && volume.OutcomeOf(err) == volume.Unknown && !errors.Is(err, context.Canceled) {
		m.drop(dst, err)
	}
	return err
}
