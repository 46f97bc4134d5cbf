package store

import (
	"context"
	"errors"
	"fmt"

	"casemate/raid"
	"casemate/store/proof"
)

// surveyOrphans looks for segments that no document and no deposit under way names: which only a fault
// of ours could leave, for segments come and go with their record or their stage. Nobody can read them,
// since their key stood in the record. They are authenticated and told, and left where they are: they
// take room and harm nothing, and a record that comes back on another volume would want them.
//
// It costs one segment read for each document, and is for a check that a person waits for.
func (y *survey) surveyOrphans(ctx context.Context) error {
	prefix := []byte{typeSegment}
	for after := prefix; ; {
		page, err := y.s.mirror.Scan(ctx, prefix, after, 1)
		if errors.Is(err, raid.ErrCorrupt) {
			return nil // damage on every volume, which was told: once it is mended, this goes on
		}
		if err != nil {
			return y.ended(ctx, fmt.Errorf("looking for segments of no document: %w", err))
		}
		if len(page) == 0 {
			return nil
		}
		var id proof.DocumentID
		if len(page[0].Key) != 1+len(id)+6 {
			return y.ended(ctx, fmt.Errorf("segment key of %d bytes: %w", len(page[0].Key), ErrIntegrity))
		}
		copy(id[:], page[0].Key[1:])
		if err := y.orphan(ctx, id); err != nil {
			return err
		}
		after = segmentKey(id, 1<<16-1, 1<<32-1) // beyond the last that it can have
	}
}

// orphan tells of a document's segments if there is no document. The stage is looked for before the
// place: a deposit that is committed in between has the one or the other.
func (y *survey) orphan(ctx context.Context, id proof.DocumentID) error {
	for slot := range 2 {
		if _, err := y.s.mirror.Get(ctx, stageKey(id, slot)); !errors.Is(err, raid.ErrNotFound) {
			return ctx.Err() // one under way, or a record that cannot be read: found as a value
		}
	}
	if _, err := y.s.mirror.Get(ctx, placeKey(id)); !errors.Is(err, raid.ErrNotFound) || y.facts.told(id) {
		return ctx.Err() // a document, or one that is missed: found as such
	}
	segments, bytes, bad := 0, 0, 0
	prefix := segmentKey(id, 0, 0)[:1+len(id)]
	for after := prefix; ; {
		page, err := y.s.mirror.Scan(ctx, prefix, after, 16)
		if err != nil && !errors.Is(err, raid.ErrCorrupt) {
			return y.ended(ctx, err)
		}
		if len(page) == 0 {
			break
		}
		for _, item := range page {
			after = item.Key
			value, err := y.s.mirror.GetFrom(ctx, y.slot, item.Key)
			switch {
			case err == nil:
				segments, bytes = segments+1, bytes+len(value)
			case errors.Is(err, raid.ErrCorrupt):
				segments, bad = segments+1, bad+1
			}
		}
	}
	if segments > 0 { // else they were a deposit's that was given up meanwhile
		y.find("document "+id.String(), CodeOrphan, "%d segments (%d bytes) are of no document; %d of them do not read as they were written", segments, bytes, bad)
	}
	return ctx.Err()
}

// told says whether the journal tells of a document's deposit, whatever its vault.
func (f *facts) told(id proof.DocumentID) bool {
	for _, list := range f.deposits {
		for _, d := range list {
			if d.id == id {
				return true
			}
		}
	}
	return false
}
