package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"casemate/raid"
)

// keysStep is about how many bytes of values are audited between two positions.
const keysStep = 1 << 20

// surveyKeys has the mirror authenticate every value that no document led to, and compare it with the
// twin's: what replay, transposition and loss in silence leave shows here. Segments are passed over,
// which the documents' control has deciphered.
func (y *survey) surveyKeys(ctx context.Context) error {
	segments, beyond := []byte{typeSegment}, []byte{typeSegment + 1}
	for after := y.at.After; ; {
		if bytes.Compare(after, segments) >= 0 && bytes.Compare(after, beyond) < 0 {
			after = beyond
		}
		var found []raid.Finding
		next, got, err := y.s.mirror.AuditPage(ctx, y.slot, after, keysStep, y.repair, func(f raid.Finding) { found = append(found, f) })
		for _, f := range found {
			y.audited(ctx, f)
		}
		if err != nil && ctx.Err() == nil && errors.Is(err, raid.ErrUnavailable) {
			y.leave(err)
		}
		if err != nil {
			return fmt.Errorf("auditing the values of %s: %w", y.dir, err)
		}
		y.mine.Values += uint64(got.Values) //nolint:gosec // a count
		if y.pace != nil {
			if err := y.pace(ctx, int(got.Bytes)+got.Values*valueCost); err != nil {
				return err
			}
		}
		if next == nil {
			return nil
		}
		after = next
		y.at.After = next
		if err := y.stepped(ctx); err != nil {
			return err
		}
	}
}

// surveyChain has the mirror follow the volume's chain of batches back, as far as it is kept. It reads
// again what was written last, so it is for a check that a person waits for and not for the scrub.
func (y *survey) surveyChain(ctx context.Context) error {
	var found []raid.Finding
	_, err := y.s.mirror.AuditChain(ctx, y.slot, func(f raid.Finding) { found = append(found, f) })
	if err != nil && ctx.Err() == nil && errors.Is(err, raid.ErrUnavailable) {
		y.leave(err)
	}
	if err != nil {
		return y.ended(ctx, err)
	}
	for _, f := range found {
		if len(f.Key) == 0 { // what is about a key is found with its document, or among the keys
			y.audited(ctx, f)
		}
	}
	return nil
}

// audited takes a finding of the mirror's audit in. Where repairs were wanted, that the volume now
// answers as the mirror does says that it is mended.
func (y *survey) audited(ctx context.Context, f raid.Finding) {
	what, part := "the mirror's own record", ""
	if len(f.Key) > 0 {
		what, part = describeKey(f.Key)
		part += ": "
	}
	mended := false
	if y.repair && len(f.Key) > 0 && f.Key[0] != 0 {
		got, err := y.s.mirror.GetFrom(ctx, y.slot, f.Key)
		want, wantErr := y.s.mirror.Get(ctx, f.Key)
		mended = err == nil && wantErr == nil && bytes.Equal(got, want)
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	if mended {
		y.mine.Repaired++
	} else if !y.stands(f.Key) {
		return
	}
	y.note(Finding{What: what, Code: CodeAudit, Detail: part + f.Detail, Repaired: mended})
}
