package raid

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"casemate/raid/volume"
)

// AuditPage is Audit in parts, for a scrub that is resumed: it authenticates and compares the keys of
// one volume in sync after after, the mirror's own included, about limit bytes of them and at least
// one page, and gives where to go on, nil at the end. With repair set, what it finds is repaired from
// the twin, as Repair does, if another volume is in sync.
func (m *Mirror) AuditPage(ctx context.Context, slot int, after []byte, limit int64, repair bool, report func(Finding)) (next []byte, out AuditReport, err error) {
	a, err := m.auditor(slot, report)
	if err != nil {
		return after, a.out, err
	}
	if next, err = a.walk(ctx, after, limit); err != nil {
		return after, a.out, fmt.Errorf("auditing the values of volume %d: %w", slot, err)
	}
	if repair && len(a.bad) > 0 && a.twin != nil {
		var done Repairs
		done, err = m.mend(ctx, slot, a.bad)
		a.out.Repaired, a.out.Lost = done.Repaired, done.Lost
	}
	return next, a.out, err
}

// walk goes over the keys after after, page by page, beside the twin's digest of the same page, until
// limit bytes were seen. It gives where to go on, nil at the end.
func (a *auditor) walk(ctx context.Context, after []byte, limit int64) (next []byte, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	coming := a.fetch(ctx, after)
	for {
		got := <-coming
		if got.err != nil {
			return nil, got.err
		}
		last, done := lastKey(got.page, after), got.page.End
		if !got.same {
			if last, done, err = a.compare(ctx, got.page, after); err != nil {
				return nil, err
			}
		}
		for _, it := range got.page.Items {
			a.out.Bytes += int64(len(it.Value))
		}
		full := a.out.Bytes >= limit
		if !done && !full {
			coming = a.fetch(ctx, last)
		}
		for _, it := range got.page.Items {
			a.out.Values++
			a.check(it)
		}
		switch {
		case done:
			return nil, nil
		case full:
			return last, nil
		}
		after = last
	}
}

// check authenticates one value.
func (a *auditor) check(it volume.Op) {
	plain, _, err := a.open.unseal(a.plain[:0], it.Key, it.Value)
	if err != nil {
		a.found(it.Key, 0, "a value does not read as it was written")
		return
	}
	a.plain = plain
}

// fetch has the next page come while the one before is being checked.
func (a *auditor) fetch(ctx context.Context, after []byte) <-chan fetched {
	list := []source{a.src}
	if a.twin != nil {
		list = append(list, *a.twin)
	}
	coming := make(chan fetched, 1)
	go func() {
		got := a.m.page(ctx, list, nil, after, MaxOps/4)
		switch {
		case got.err == nil && got.twin != nil:
			got.err = fmt.Errorf("%w: the twin does not say: %w", ErrUnavailable, got.twin)
		case got.err == nil && len(got.page.Items) == 0 && !got.page.End:
			got.err = errors.New("an empty page in the middle")
		}
		coming <- got
	}()
	return coming
}

func lastKey(p volume.Page, after []byte) []byte {
	if n := len(p.Items); n > 0 {
		return p.Items[n-1].Key
	}
	return after
}

// compare finds what differs between a page and the twin's, and gives the key up to which both
// were seen, or done.
func (a *auditor) compare(ctx context.Context, page volume.Page, after []byte) (last []byte, done bool, err error) {
	other, err := a.twin.client.Scan(ctx, nil, after, MaxOps/4)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	pages := []volume.Page{page, other}
	for _, p := range pages {
		if n := len(p.Items); !p.End && n > 0 && (last == nil || bytes.Compare(p.Items[n-1].Key, last) < 0) {
			last = p.Items[n-1].Key
		}
	}
	for _, key := range unite(pages, last) {
		if _, meta := volume.ParseManifestKey(key); meta {
			continue // volumes trim in their own time; the chain was checked
		}
		mine, theirs := find(page, key), find(other, key)
		s1, t1, ok1 := identify(mine)
		s2, t2, ok2 := identify(theirs)
		switch {
		case s1 > a.head || s2 > a.head, ok1 && ok2 && s1 == s2 && t1 == t2: // newer than the audit, or a damage found already
		case mine == nil && !a.gone(ctx, key):
			a.found(key, s2, "a value of batch %d is missing", s2)
		case ok1 && ok2 && s1 < s2:
			a.found(key, s2, "a value is an older one, of batch %d", s1)
		case ok1 && ok2 && s1 == s2:
			a.found(key, s1, "a value differs from the twin's of the same batch")
		}
	}
	return last, last == nil, nil
}

// gone says whether a key that the twin's page had is no longer there, removed meanwhile.
func (a *auditor) gone(ctx context.Context, key []byte) bool {
	_, err := a.m.stored(ctx, *a.twin, key)
	return errors.Is(err, ErrNotFound)
}

func find(p volume.Page, key []byte) []byte {
	for _, it := range p.Items {
		if bytes.Equal(it.Key, key) {
			return it.Value
		}
	}
	return nil
}
