package raid

import (
	"bytes"
	"context"
	"fmt"

	"casemate/raid/volume"
)

// item is a value of a page put together from two volumes.
type item struct {
	volume.Op
	lost bool // no volume has it, and its value is a gap
	one  bool // one volume lacks it, or holds a gap for it
}

// page gives the next values and the key to go on after, nil at the end. The twin is asked for the digest of
// the same page; where they differ, since a batch is under way or one of the two lost something in silence, the
// newest of what either has is given, and the manifests are asked for what only one has.
func (s *snapshot) page(ctx context.Context, after []byte) (items []item, next []byte, err error) {
	list := s.sources()
	got := s.m.page(ctx, list, nil, after, MaxOps/4)
	switch {
	case got.err != nil:
		return nil, nil, got.err
	case len(got.page.Items) == 0 && !got.page.End:
		return nil, nil, fmt.Errorf("%w: an empty page in the middle", ErrCorrupt)
	case !got.same && got.twin == nil:
		tctx, cancel := context.WithTimeout(ctx, s.m.c.WriteDeadline)
		other, err := list[1].client.Scan(tctx, nil, after, MaxOps/4)
		cancel()
		if err == nil {
			items, next = s.both(got.page, other)
			return items, next, s.contested(ctx, items)
		} // else the twin is dying, and is put out for that
	}
	if !got.page.End {
		next = lastKey(got.page, after)
	}
	for _, op := range got.page.Items {
		items = append(items, item{Op: op})
	}
	return items, next, ctx.Err()
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
func (s *snapshot) both(mine, theirs volume.Page) (items []item, next []byte) {
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
		var it item
		switch {
		case order < 0:
			it, a = item{Op: a[0], one: true}, a[1:]
		case order > 0:
			it, b = item{Op: b[0], one: true}, b[1:]
		default:
			if it.Op = a[0]; younger(b[0].Value, it.Value) && s.m.seal.check(it.Key, b[0].Value) == nil {
				it.Op = b[0]
			}
			it.one = isGap(a[0].Value) != isGap(b[0].Value)
			a, b = a[1:], b[1:]
		}
		if next != nil && bytes.Compare(it.Key, next) > 0 {
			break
		}
		items = append(items, it)
	}
	return items, next
}

// contested settles the items that one volume has and another lacks, or knows to be lost, unless the volumes agree
// by now: one that is not to be given loses its value.
func (s *snapshot) contested(ctx context.Context, items []item) error {
	past, at := memories{}, map[string]int{}
	for i, it := range items {
		sequence, _, _ := identify(it.Value)
		if !it.one || it.Key[0] == volume.MetaPrefix || sequence > s.fill.base.Sequence {
			continue // volumes trim manifests in their own time, and what is newer is followed
		}
		h := s.m.ask(ctx, s.sources(), it.Key)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case h.down != nil: // it may lack it
			return h.down
		case h.lacking > 0 && len(h.sound)+len(h.spoilt) > 0, len(h.sound) > 0 && len(h.spoilt) > 0:
			if items[i].Value = h.best; h.best == nil {
				items[i].Value, items[i].lost = gap, true
			}
			sequence, _, _ = identify(h.best)
			past[string(it.Key)], at[string(it.Key)] = &memory{since: sequence}, i
		}
	}
	if err := s.m.recall(ctx, past); err != nil {
		return err
	}
	for key, p := range past {
		s.judge(&items[at[key]], p)
		s.doubt([]byte(key))
	}
	return nil
}

// judge says by the manifests what becomes of a value that one volume has and another lacks: nothing if it was
// removed, or is followed afterwards; a gap if it was replaced by what no volume has. If the manifests do not
// tell, it was lost where it lacks.
func (s *snapshot) judge(it *item, p *memory) {
	switch {
	case p.last > s.fill.base.Sequence || p.since > s.fill.base.Sequence:
		it.Value, it.lost = nil, false
		return
	case p.removes(p.since):
		it.Value, it.lost = nil, false
	case p.replaces(p.since):
		it.Value, it.lost = gap, true
	}
	if it.lost {
		s.out.Damaged++
	}
}

// doubt has a key looked at on every volume.
func (s *snapshot) doubt(key []byte) {
	for _, src := range s.sources() {
		s.m.suspect(src.mem, "", key, "")
	}
}

// elsewhere gives a value that the source holds damaged from another volume: a gap if none has it, nil if it
// is one that is followed afterwards, or was removed and came back.
func (s *snapshot) elsewhere(ctx context.Context, key, stored []byte) ([]byte, error) {
	s.m.suspect(s.fill.src.mem, EventBadValue, key, "a value cannot be given to a snapshot: it does not read as it was written")
	h := s.m.ask(ctx, s.sources(), key)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case h.best == nil && h.down != nil: // it may have it
		return nil, h.down
	case h.best == nil && len(h.spoilt) == 0: // removed meanwhile: a batch that follows says so
		return nil, nil
	}
	sequence, _, _ := identify(h.best)
	it, p := item{Op: volume.Op{Key: key, Value: h.best}}, &memory{since: sequence}
	if h.best == nil {
		it.Value, it.lost = gap, true
	}
	if key[0] == volume.MetaPrefix { // a manifest: one that is not there is known to be trimmed
		if s.judge(&it, p); it.lost {
			it.Value = nil
		}
		return it.Value, nil
	}
	if h.lacking > 0 || isGap(stored) {
		if err := s.m.recall(ctx, memories{string(key): p}); err != nil {
			return nil, err
		}
		s.doubt(key)
	}
	s.judge(&it, p)
	return it.Value, nil
}
