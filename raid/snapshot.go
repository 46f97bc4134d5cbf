package raid

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"casemate/raid/volume"
)

// Point is one state of a mirror: what its volumes hold after one batch, and how the mirror was made up
// then. It is what a restored volume is declared to be.
type Point struct {
	Head     volume.Head     `json:"head"`
	Declared volume.Declared `json:"declared"` // of the volume that was read
}

// Check refuses what no mirror was ever at.
func (p Point) Check() error {
	if err := p.Declared.Check(); err != nil {
		return err
	}
	if last := p.Declared.History.Last(); !last.Has(p.Declared.Volume) || p.Head.Epoch > last.Number {
		return fmt.Errorf("volume %s at batch %d of epoch %d, in epoch %d", p.Declared.Volume, p.Head.Sequence, p.Head.Epoch, last.Number)
	}
	if seat, ok := p.Declared.Roster.Find(p.Declared.Volume); !ok || seat.Spare {
		return fmt.Errorf("volume %s is no member of its roster", p.Declared.Volume)
	}
	return nil
}

// SnapshotOptions say what a snapshot is to give.
type SnapshotOptions struct {
	// Since is the state that the receiver holds already: only what was changed after it is given, if
	// the mirror still knows that. Nil: everything.
	Since *volume.Head
	// Apart are prefixes of keys whose values are not given in their order: all of them, as they are at
	// the end, come back with the snapshot. They must be few: MaxApart bytes.
	Apart [][]byte
	// Settle is called just before writers are held back for the last batches; what it gives is called once
	// the state is read. It may be nil, and may not write to the mirror.
	Settle func() (release func())
	// Began is told, before anything is given, whether all is, and if so why although Since was set.
	Began func(whole bool, why string) error
}

// MaxApart bounds the values that a snapshot gives apart, in bytes.
const MaxApart = 64 << 20

// Snapshot is what was given.
type Snapshot struct {
	Point   Point
	Whole   bool        // all of it, not what was changed
	Apart   []volume.Op // stored values under SnapshotOptions.Apart
	Values  uint64      // values and removals given
	Bytes   int64       // of the values, as stored
	Damaged uint64      // values that no volume has as they were written: what is given for them reads as ErrCorrupt
}

// Snapshot gives, operation by operation, what makes an empty volume (or one that is at Since) what the
// mirror is after one batch: every batch acknowledged before the call is in it. Values are given as they
// are stored, each authenticated on the way, the mirror's own manifests among them; what is given later
// holds. It is a volume filled anew that no volume is: all values up to a base are copied while the mirror
// serves, then what was written meanwhile is followed from the manifests, in rounds, and for the last few
// batches writers wait. emit may keep what it is given, and take its time, though not for ever less than is
// written: ErrOutrun. Nothing is changed: an error or a crash leaves nothing.
func (m *Mirror) Snapshot(ctx context.Context, o SnapshotOptions, emit func(volume.Op) error) (Snapshot, error) {
	list, _, _ := m.sources()
	if len(list) == 0 {
		return Snapshot{}, ErrUnavailable
	}
	s := &snapshot{m: m, o: o, emit: emit, past: memories{}, fill: fill{m: m, src: list[0], base: m.committed()}}
	m.mu.Lock()
	if o.Since != nil && o.Since.Sequence < s.fill.base.Sequence {
		s.at = *o.Since
	} else {
		s.at = s.fill.base
	}
	m.snapshots = append(m.snapshots, s) // manifests are kept from here on
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		m.snapshots = slices.DeleteFunc(m.snapshots, func(other *snapshot) bool { return other == s })
		m.mu.Unlock()
	}()
	if err := s.begin(ctx); err != nil {
		return s.out, err
	}
	return s.out, s.finish(ctx)
}

// snapshot is one being given. m.mu guards at.
type snapshot struct {
	m    *Mirror
	o    SnapshotOptions
	emit func(volume.Op) error
	fill fill        // its source, and how it reads
	at   volume.Head // what was given makes this, once the batches after it follow
	out  Snapshot

	came        uint64   // the last batch that press knew of
	left, least uint64   // batches at the beginning of the last round, and of the one that had fewest
	vain        int      // rounds since then
	past        memories // of the values kept apart
}

// begin gives everything up to the base, unless the receiver holds a state that is a link of the chain.
func (s *snapshot) begin(ctx context.Context) error {
	why := ""
	if s.o.Since != nil {
		linked, err := s.m.linked(ctx, s.fill.src, *s.o.Since)
		switch {
		case err != nil:
			return err
		case linked:
			return s.began(false, "")
		}
		why = fmt.Sprintf("the batches after %d are no longer known one by one", s.o.Since.Sequence)
		if s.o.Since.Sequence > s.fill.base.Sequence {
			why = fmt.Sprintf("batch %d is not of this history", s.o.Since.Sequence)
		}
	}
	s.out.Whole = true
	s.move(s.fill.base)
	if err := s.began(true, why); err != nil {
		return err
	}
	return s.copyAll(ctx)
}

func (s *snapshot) began(whole bool, why string) error {
	if s.o.Began == nil {
		return nil
	}
	return s.o.Began(whole, why)
}

func (s *snapshot) move(to volume.Head) {
	s.m.mu.Lock()
	s.at = to
	s.m.mu.Unlock()
}

// copyAll gives every value of batches up to the base; what is newer is followed afterwards.
func (s *snapshot) copyAll(ctx context.Context) error {
	open := opener{sealer: &s.m.seal}
	var plain []byte
	for after := []byte(nil); ; {
		items, next, err := s.page(ctx, after)
		if err != nil {
			return fmt.Errorf("copying from volume %d: %w", s.fill.src.mem.slot, err)
		}
		given := s.out.Bytes
		for _, it := range items {
			if it.Value != nil && !it.lost {
				opened, sequence, err := open.unseal(plain[:0], it.Key, it.Value)
				if err != nil {
					if it.Value, err = s.elsewhere(ctx, it.Key, it.Value); err != nil {
						return err
					}
				} else if plain = opened; sequence > s.fill.base.Sequence {
					continue
				}
			}
			if it.Value == nil {
				continue
			}
			if err := s.give(it.Op); err != nil {
				return err
			}
		}
		if after = next; after == nil {
			return ctx.Err()
		}
		if err := s.m.giveWay(ctx, s.out.Bytes-given); err != nil {
			return err
		}
	}
}

// give hands one operation on, if it is not one that comes apart.
func (s *snapshot) give(op volume.Op) error {
	if s.apart(op.Key) {
		return nil
	}
	s.out.Values++
	s.out.Bytes += int64(len(op.Value))
	return s.emit(op)
}

func (s *snapshot) apart(key []byte) bool {
	return slices.ContainsFunc(s.o.Apart, func(prefix []byte) bool { return bytes.HasPrefix(key, prefix) })
}

// KeepSince has the manifests of the batches after each of these kept, half a million for each at most, so that
// later snapshots can give what was changed since. It holds until the mirror is closed, or is called again.
func (m *Mirror) KeepSince(sequences ...uint64) {
	m.mu.Lock()
	m.keepSince = slices.Clone(sequences)
	m.mu.Unlock()
}

// keepSnapshots lowers a trim mark to what snapshots still want. mu is held.
func (m *Mirror) keepSnapshots(trim uint64) uint64 {
	for _, s := range m.snapshots {
		trim = min(trim, s.at.Sequence)
	}
	for _, sequence := range m.keepSince {
		if sequence+keepFillings > m.next.Sequence {
			trim = min(trim, sequence)
		}
	}
	return trim
}
