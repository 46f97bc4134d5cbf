package raid

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"

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
	Repaired  int // values copied from the twin
	Lost      int // values that no volume has undamaged
}

// auditor is one audit.
type auditor struct {
	m      *Mirror
	src    source
	twin   *source
	head   uint64 // what is newer is not judged
	report func(Finding)
	open   opener
	plain  []byte   // where values are opened, one after the other
	bad    [][]byte // keys found wrong
	out    AuditReport
}

// auditor begins an audit of a volume in sync.
func (m *Mirror) auditor(slot int, report func(Finding)) (*auditor, error) {
	a := &auditor{m: m, report: report, open: opener{sealer: &m.seal}, out: AuditReport{Volume: slot}}
	var err error
	if a.src, err = m.source(slot); err != nil {
		return a, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a.twin, a.head = m.other(a.src.mem), m.head.Sequence
	a.out.Head = a.head
	return a, nil
}

// Audit reads everything one volume in sync holds: its chain of manifests back to the oldest kept
// with each value they name, then every key, authenticating each value and comparing it with the
// twin's, so that rot, loss, replay and transposition show even where Badger is content. It
// changes nothing. report is called for each finding, from this goroutine. The error says why the
// audit could not go to its end; findings are no error. Writing may go on meanwhile.
func (m *Mirror) Audit(ctx context.Context, slot int, report func(Finding)) (AuditReport, error) {
	a, err := m.auditor(slot, report)
	if err != nil {
		return a.out, err
	}
	if err := a.chain(ctx); err != nil {
		return a.out, fmt.Errorf("auditing the manifests of volume %d: %w", slot, err)
	}
	if _, err := a.walk(ctx, nil, math.MaxInt64); err != nil {
		return a.out, fmt.Errorf("auditing the values of volume %d: %w", slot, err)
	}
	return a.out, nil
}

// AuditChain is the first part of Audit alone: what pages of keys cannot show, that the manifests kept
// are a chain without a gap, and that each value they name is there.
func (m *Mirror) AuditChain(ctx context.Context, slot int, report func(Finding)) (AuditReport, error) {
	a, err := m.auditor(slot, report)
	if err == nil {
		err = a.chain(ctx)
	}
	if err != nil {
		return a.out, fmt.Errorf("auditing the manifests of volume %d: %w", slot, err)
	}
	return a.out, nil
}

func (a *auditor) found(key []byte, sequence uint64, format string, args ...any) {
	a.out.Findings++
	if key != nil {
		a.bad = append(a.bad, bytes.Clone(key))
	}
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
