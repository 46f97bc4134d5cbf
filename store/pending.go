package store

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"casemate/raid"
	"casemate/store/journal"
	"casemate/store/proof"
	"casemate/store/timestamp"
)

// loadPending finds the last round and every deposit journaled after it. Entries are read page by page:
// each is authenticated, has its leaf hash and its place in the dense row checked; where a document of
// theirs stands is looked up by the round that covers it.
func (s *Safe) loadPending(ctx context.Context) error {
	raw, err := s.mirror.Get(ctx, singleKey("round"))
	switch {
	case errors.Is(err, raid.ErrNotFound):
	case err != nil:
		return s.readError("last round", err)
	default:
		if err := json.Unmarshal(raw, &s.last); err != nil {
			return fmt.Errorf("last round: %w: %w", ErrIntegrity, err)
		}
		// All clocks of the site set back at once show against the last external time.
		s.clock.Observe(timestamp.Token{Time: s.last.At, Authority: s.last.Authority})
	}
	s.noted = max(s.last.To, s.log.Size())
	return s.journaled(ctx, s.last.To, s.log.Size(), func(stored journal.Stored) error {
		if !stored.Tells(ActDeposit, journal.Done) {
			return nil
		}
		e, err := stored.Brief()
		if err != nil || e.Act != ActDeposit || e.Result != journal.Done {
			return err
		}
		id, err1 := proof.ParseDocumentID(e.Object)
		vault, err2 := proof.ParseVaultID(e.Vault)
		v := s.vaultOf(vault)
		if err := errors.Join(err1, err2); err != nil || v == nil {
			return fmt.Errorf("of which vault and document is not known: %w", errors.Join(ErrIntegrity, err))
		}
		s.pending = append(s.pending, pendingSeal{leaf: e.Seq, vault: v, id: id, at: e.At})
		return nil
	})
}

// entryPage is how many entries are asked for at once; a page ends at about a mebibyte before that.
const entryPage = 4096

// journaled walks the entries from one to another, ascending, page by page: the next page is read while
// one is looked through. A page damaged on one volume is put together from both; an entry that is
// missing or damaged on all is ErrIntegrity.
func (s *Safe) journaled(ctx context.Context, from, to uint64, visit func(journal.Stored) error) error {
	if from >= to {
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	type page struct {
		items []raid.Item
		err   error
	}
	pages := make(chan page, 1)
	after := []byte{typeJournal} // before the first key
	if from > 0 {
		after = journalKey(from - 1)
	}
	go func() {
		defer close(pages)
		for {
			items, err := s.mirror.Scan(ctx, []byte{typeJournal}, after, entryPage)
			select {
			case pages <- page{slices.Clip(items), err}:
			case <-ctx.Done():
				return
			}
			if err != nil || len(items) == 0 {
				return
			}
			after = items[len(items)-1].Key
		}
	}()
	next := from
	for p := range pages {
		if p.err != nil {
			return s.readError(fmt.Sprintf("journal from entry %d on", next), p.err)
		}
		for _, item := range p.items {
			if next == to {
				return nil
			}
			if at := item.Key[1:]; len(at) != 8 || binary.BigEndian.Uint64(at) != next {
				return fmt.Errorf("journal entry %d: %w: it is missing", next, ErrIntegrity)
			}
			stored, err := journal.ParseStored(next, item.Value)
			if err == nil {
				err = visit(stored)
			}
			if err != nil {
				return fmt.Errorf("journal entry %d: %w: %w", next, ErrIntegrity, err)
			}
			next++
		}
	}
	if next < to && ctx.Err() == nil {
		return fmt.Errorf("journal entry %d: %w: it is missing", next, ErrIntegrity)
	}
	return ctx.Err()
}
