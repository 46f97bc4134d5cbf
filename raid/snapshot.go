package raid

import (
	"bytes"
	"context"
	"errors"
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

// lastBytes is how much may be left to be read while writers wait.
const lastBytes = 32 << 20

// Snapshot gives, operation by operation, what makes an empty volume (or one that is at Since) what the
// mirror is after one batch: every batch acknowledged before the call is in it. Values are given as they
// are stored, each authenticated on the way, the mirror's own manifests among them; what is given later
// holds. It is a volume filled anew that no volume is: all values up to a base are copied while the mirror
// serves, then what was written meanwhile is followed from the manifests, in rounds, and for the last few
// batches writers wait. emit may keep what it is given. Nothing is changed: an error or a crash leaves nothing.
func (m *Mirror) Snapshot(ctx context.Context, o SnapshotOptions, emit func(volume.Op) error) (Snapshot, error) {
	list, _, _ := m.sources()
	if len(list) == 0 {
		return Snapshot{}, ErrUnavailable
	}
	s := &snapshot{m: m, o: o, emit: emit, fill: fill{m: m, src: list[0], base: m.committed()}}
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
	if err := s.follow(ctx); err != nil {
		return s.out, fmt.Errorf("following the batches after %d: %w", s.at.Sequence, err)
	}
	return s.out, s.last(ctx)
}

// snapshot is one being given. m.mu guards at.
type snapshot struct {
	m    *Mirror
	o    SnapshotOptions
	emit func(volume.Op) error
	fill fill        // its source, and how it reads
	at   volume.Head // what was given makes this, once the batches after it follow
	out  Snapshot
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
		bytes := s.out.Bytes
		for _, it := range items {
			opened, sequence, err := open.unseal(plain[:0], it.Key, it.Value)
			if err != nil {
				if it.Value, err = s.elsewhere(ctx, it.Key); err != nil {
					return err
				}
			} else if plain = opened; sequence > s.fill.base.Sequence {
				continue
			}
			if it.Value == nil {
				continue
			}
			if err := s.give(it); err != nil {
				return err
			}
		}
		if after = next; after == nil {
			return ctx.Err()
		}
		if err := s.m.giveWay(ctx, s.out.Bytes-bytes); err != nil {
			return err
		}
	}
}

// page gives the next values and the key to go on after, nil at the end. The twin is asked for the digest of
// the same page; where they differ, since a batch is under way or one of the two lost keys in silence, the
// newest of what either has is given: whatever was removed meanwhile the batches that follow remove again.
func (s *snapshot) page(ctx context.Context, after []byte) (items []volume.Op, next []byte, err error) {
	list := s.sources()
	got := s.m.page(ctx, list, nil, after, MaxOps/4)
	switch {
	case got.err != nil:
		return nil, nil, got.err
	case len(got.page.Items) == 0 && !got.page.End:
		return nil, nil, fmt.Errorf("%w: an empty page in the middle", ErrCorrupt)
	case !got.same && got.twin == nil:
		ctx, cancel := context.WithTimeout(ctx, s.m.c.WriteDeadline)
		defer cancel()
		if other, err := list[1].client.Scan(ctx, nil, after, MaxOps/4); err == nil {
			items, next = s.both(got.page, other)
			return items, next, nil
		} // else the twin is dying, and is put out for that
	}
	if !got.page.End {
		next = lastKey(got.page, after)
	}
	return got.page.Items, next, ctx.Err()
}

// sources are the volume that is read, and its twins in sync.
func (s *snapshot) sources() []source {
	list := []source{s.fill.src}
	others, _, _ := s.m.sources()
	for _, other := range others {
		if other.mem != s.fill.src.mem {
			list = append(list, other)
		}
	}
	return list
}

// both puts two pages from the same place together, up to the key that both have seen.
func (s *snapshot) both(mine, theirs volume.Page) (items []volume.Op, next []byte) {
	for _, p := range []volume.Page{mine, theirs} {
		if n := len(p.Items); !p.End && n > 0 && (next == nil || bytes.Compare(p.Items[n-1].Key, next) < 0) {
			next = p.Items[n-1].Key
		}
	}
	a, b := mine.Items, theirs.Items
	for len(a)+len(b) > 0 {
		order := -1 // which comes first
		switch {
		case len(a) == 0:
			order = 1
		case len(b) > 0:
			order = bytes.Compare(a[0].Key, b[0].Key)
		}
		var it volume.Op
		switch {
		case order < 0:
			it, a = a[0], a[1:]
		case order > 0:
			it, b = b[0], b[1:]
		default:
			if it = a[0]; younger(b[0].Value, it.Value) && s.m.seal.check(it.Key, b[0].Value) == nil {
				it = b[0]
			}
			a, b = a[1:], b[1:]
		}
		if next != nil && bytes.Compare(it.Key, next) > 0 {
			break
		}
		items = append(items, it)
	}
	return items, next
}

// elsewhere gives a value that the source holds damaged from another volume: a gap if none has it, nil if it
// is one that is followed afterwards.
func (s *snapshot) elsewhere(ctx context.Context, key []byte) ([]byte, error) {
	s.m.suspect(s.fill.src.mem, EventBadValue, key, "a value cannot be given to a snapshot: it does not read as it was written")
	h := s.m.ask(ctx, s.sources(), key)
	sequence, _, _ := identify(h.best)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case h.best != nil && sequence <= s.fill.base.Sequence:
		return h.best, nil
	case h.best != nil:
		return nil, nil
	case h.down != nil: // it may have it
		return nil, h.down
	case len(h.spoilt) == 0: // removed meanwhile: a batch that follows says so
		return nil, nil
	}
	s.out.Damaged++
	if key[0] == volume.MetaPrefix { // a manifest: one that is not there is known to be trimmed
		return nil, nil
	}
	return gap, nil
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

// follow gives the batches written meanwhile, until so little is left that writers may wait for it. If
// it does not gain on them, each of their batches waits a little.
func (s *snapshot) follow(ctx context.Context) error {
	defer s.m.brake.Store(0)
	gap := uint64(0)
	for round := range 2 * rounds {
		to := s.m.committed()
		left := to.Sequence - s.at.Sequence
		if left <= nearly && s.weigh(ctx, to) <= lastBytes {
			return nil
		}
		if round > 0 && left > gap/2 {
			s.m.brake.Store(min(max(2*s.m.brake.Load(), int64(brakeFirst)), int64(brakeLast)))
		}
		gap = left
		if err := s.replay(ctx, to, s.give); err != nil {
			return err
		}
	}
	return nil
}

// weigh is how many bytes the batches up to a head have, as their manifests say; what cannot be read is
// found when it is replayed.
func (s *snapshot) weigh(ctx context.Context, to volume.Head) (total int64) {
	for n := s.at.Sequence + 1; n <= to.Sequence; n++ {
		man, _, err := s.m.manifest(ctx, s.fill.src, n)
		if err != nil {
			return 0
		}
		for _, e := range man.entries {
			total += int64(e.size)
		}
	}
	return total
}

// replay gives the batches up to a head as the source still has them, and their manifests.
func (s *snapshot) replay(ctx context.Context, to volume.Head, give func(volume.Op) error) error {
	for s.at.Sequence < to.Sequence {
		w, err := s.m.gather(ctx, s.fill.src, s.at, to)
		if err != nil {
			return err
		}
		values, err := s.m.originals(ctx, s.fill.src, w)
		if err != nil {
			return err
		}
		for i, man := range w.manifests {
			for j, e := range man.entries {
				v := values[i][j]
				if !e.remove && (v == nil || isGap(v)) {
					if v, err = s.missed(ctx, man, e); err != nil {
						return err
					}
					if v == nil {
						continue // a batch that follows replaced it
					}
				}
				if err := give(volume.Op{Key: e.key, Value: v, Delete: e.remove}); err != nil {
					return err
				}
			}
			if err := give(volume.Op{Key: volume.ManifestKey(man.sequence), Value: w.kept[i].stored}); err != nil {
				return err
			}
		}
		s.move(w.kept[len(w.kept)-1].head)
	}
	if s.at != to {
		return fmt.Errorf("%w: batch %d is %s, not %s", ErrCorrupt, s.at.Sequence, s.at.Digest, to.Digest)
	}
	return nil
}

// missed looks again for a value of a batch that the source did not give: nil if it was replaced or removed
// since. One that the source lost or holds damaged is a twin's to give; if it was removed after all, a batch
// that follows says so. What no volume has is a gap: nothing older stands for it.
func (s *snapshot) missed(ctx context.Context, man *manifest, e entry) ([]byte, error) {
	harmed := false
	var down error
	for _, from := range s.sources() {
		v, err := s.m.sound(ctx, from, e.key)
		switch {
		case err == nil && e.holds(man.sequence, v):
			return v, nil
		case err == nil:
			if sequence, _, _ := identify(v); sequence >= man.sequence {
				return nil, nil // replaced, if not in that very batch
			}
			harmed = true
		case errors.Is(err, ErrCorrupt):
			harmed = true
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !errors.Is(err, ErrNotFound):
			down = err
		}
	}
	if !harmed || down != nil { // that one may have it
		return nil, down
	}
	s.out.Damaged++
	return gap, nil
}

// last gives the last batches. Writers wait while they are read into memory, and not while they are given.
func (s *snapshot) last(ctx context.Context) error {
	release := func() {}
	if s.o.Settle != nil { // before writers are out: it may have to wait for one of them
		release = s.o.Settle()
	}
	err := s.m.pause()
	var held []volume.Op
	if err == nil {
		held, err = s.settled(ctx)
		s.m.resume()
	}
	release()
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

// settled reads what is left, and what comes apart; writers are out.
func (s *snapshot) settled(ctx context.Context) (held []volume.Op, err error) {
	s.m.mu.Lock()
	present := s.fill.present()
	head, declared := s.m.head, volume.Declared{Set: s.m.set, Volume: s.fill.src.mem.id, History: s.m.history, Roster: s.m.roster}
	s.m.mu.Unlock()
	if !present { // what it held may never have become history
		return nil, fmt.Errorf("%w: volume %d, which was being read, is no longer in sync", ErrUnavailable, s.fill.src.mem.slot)
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

// readApart reads every value under a prefix; one that no volume has whole is an error.
func (s *snapshot) readApart(ctx context.Context, prefix []byte) error {
	total := 0
	for after := []byte(nil); ; {
		page, err := s.m.Scan(ctx, prefix, after, MaxOps) // of all volumes together
		if err != nil || len(page) == 0 {
			return err
		}
		for _, it := range page {
			after = it.Key
			stored, err := s.anywhere(ctx, it.Key)
			if err != nil {
				return err
			}
			if total += len(stored); total > MaxApart {
				return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxApart)
			}
			s.out.Apart = append(s.out.Apart, volume.Op{Key: it.Key, Value: stored})
		}
	}
}

// anywhere gives a value from whichever volume has it as it was written.
func (s *snapshot) anywhere(ctx context.Context, key []byte) ([]byte, error) {
	err := ErrCorrupt
	for _, from := range s.sources() {
		var v []byte
		if v, err = s.m.sound(ctx, from, key); err == nil {
			return v, nil
		}
	}
	return nil, err
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
