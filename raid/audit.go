package raid

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"casemate/raid/volume"
)

// Finding is something an audit found wrong with one volume.
type Finding struct {
	Volume   int
	Key      []byte // nil when it is not about one key
	Sequence uint64 // of the batch concerned, zero if unknown
	Detail   string
}

// AuditReport says what an audit looked at.
type AuditReport struct {
	Volume    int
	Head      uint64
	Manifests int   // checked, from the head back
	Values    int   // authenticated
	Bytes     int64 // of stored values
	Findings  int
}

// auditor is one audit.
type auditor struct {
	m      *Mirror
	src    source
	twin   *source
	head   uint64 // what is newer is not judged
	report func(Finding)
	out    AuditReport
}

// Audit reads everything one volume in sync holds: its chain of manifests back to the oldest kept
// with each value they name, then every key, authenticating each value and comparing it with the
// twin's, so that rot, loss, replay and transposition show even where Badger is content. It
// changes nothing. report is called for each finding, from this goroutine. The error says why the
// audit could not go to its end; findings are no error. Writing may go on meanwhile.
func (m *Mirror) Audit(ctx context.Context, slot int, report func(Finding)) (AuditReport, error) {
	src, err := m.source(slot)
	if err != nil {
		return AuditReport{Volume: slot}, err
	}
	m.mu.Lock()
	a := &auditor{m: m, src: src, twin: m.other(src.mem), head: m.head.Sequence, report: report}
	m.mu.Unlock()
	a.out = AuditReport{Volume: slot, Head: a.head}
	if err := a.chain(ctx); err != nil {
		return a.out, fmt.Errorf("auditing the manifests of volume %d: %w", slot, err)
	}
	if err := a.values(ctx); err != nil {
		return a.out, fmt.Errorf("auditing the values of volume %d: %w", slot, err)
	}
	return a.out, nil
}

func (a *auditor) found(key []byte, sequence uint64, format string, args ...any) {
	a.out.Findings++
	a.report(Finding{Volume: a.src.mem.slot, Key: bytes.Clone(key), Sequence: sequence, Detail: fmt.Sprintf(format, args...)})
}

// chain walks the manifests from the head back: each must be the one its successor names.
func (a *auditor) chain(ctx context.Context) error {
	want := a.m.headAt(a.head)
	for sequence := a.head; sequence > 0; sequence-- {
		man, k, err := a.m.manifest(ctx, a.src, sequence)
		switch {
		case errors.Is(err, ErrNotFound):
			if sequence+keepInSync > a.head {
				a.found(nil, sequence, "its manifest is missing")
			}
			return nil // trimmed
		case errors.Is(err, ErrCorrupt):
			a.found(nil, sequence, "its manifest is damaged: %v", err)
			return nil
		case err != nil:
			return err
		case want != nil && k.head.Digest != *want:
			a.found(nil, sequence, "its manifest is %s, its successor names %s", k.head.Digest, want)
			return nil
		}
		a.out.Manifests++
		want = &man.previous
		for _, e := range man.entries {
			if err := a.entry(ctx, man, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// headAt gives the digest of the head if it is still the one of this sequence.
func (m *Mirror) headAt(sequence uint64) *volume.Digest {
	head := m.committed()
	if head.Sequence != sequence {
		return nil
	}
	return &head.Digest
}

// entry checks that what a manifest says was put is there, or something newer, or was removed on
// the twin as well.
func (a *auditor) entry(ctx context.Context, man *manifest, e entry) error {
	if e.remove {
		return nil
	}
	v, err := a.m.stored(ctx, a.src, e.key)
	switch {
	case errors.Is(err, ErrCorrupt):
		a.found(e.key, man.sequence, "a value cannot be read")
		return nil
	case errors.Is(err, ErrNotFound):
		if a.twin == nil {
			return nil // removed later, or lost: the full walk of a mirror with a twin would tell
		}
		if _, err := a.m.stored(ctx, *a.twin, e.key); err == nil {
			a.found(e.key, man.sequence, "a value is missing")
		}
		return nil
	case err != nil:
		return err
	}
	sequence, _, ok := identify(v)
	switch {
	case !ok:
		a.found(e.key, man.sequence, "a value is not a sealed one")
	case sequence < man.sequence:
		a.found(e.key, man.sequence, "a value is an older one, of batch %d", sequence)
	case sequence == man.sequence && !e.holds(man.sequence, v):
		if last := lastEntry(man, e.key); last.holds(man.sequence, v) {
			return nil // put twice in one batch
		}
		a.found(e.key, man.sequence, "a value is not the one of its manifest")
	}
	return nil
}

func lastEntry(man *manifest, key []byte) *entry {
	for i := len(man.entries) - 1; i >= 0; i-- {
		if bytes.Equal(man.entries[i].key, key) {
			return &man.entries[i]
		}
	}
	return &entry{}
}

// values walks every key, page by page, beside the twin's digest of the same page.
func (a *auditor) values(ctx context.Context) error {
	list := []source{a.src}
	if a.twin != nil {
		list = append(list, *a.twin)
	}
	var after []byte
	for {
		from := after
		page, same, err := a.m.page(ctx, list, nil, from, MaxOps/4)
		if err != nil {
			return err
		}
		for _, it := range page.Items {
			a.out.Values++
			a.out.Bytes += int64(len(it.Value))
			if err := a.m.seal.check(it.Key, it.Value); err != nil {
				a.found(it.Key, 0, "a value does not read as it was written")
			}
		}
		done := page.End
		if n := len(page.Items); n > 0 {
			after = page.Items[n-1].Key
		}
		if !same {
			if after, done, err = a.compare(ctx, page, from); err != nil {
				return err
			}
		}
		if done {
			return nil
		}
	}
}

// compare finds what differs between a page and the twin's, and gives the key up to which both
// were seen, or done.
func (a *auditor) compare(ctx context.Context, page volume.Page, after []byte) (last []byte, done bool, err error) {
	other, err := a.twin.client.Scan(ctx, nil, after, MaxOps/4)
	if err != nil {
		return nil, false, err
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
