package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"casemate/raid"
	"casemate/store/journal"
)

// A posting is one journal entry together with the writes that become true with it. Postings are
// gathered: many share one batch of the mirror, hence one fsync a volume.
//
// Crash table of a batch: before the mirror has it, neither entry nor writes exist; while it is
// being written, the mirror makes it whole or nothing on each volume and completes the one that
// lags; after, both exist. There is no state in which a write is visible and its entry is not.
type posting struct {
	draft journal.Draft
	// numbered, when not nil, gives the draft in its stead, knowing the next number of the vault. The
	// number is spent in the very batch that tells of it, so that no crash leaves one unexplained.
	numbered func(number uint64) (journal.Draft, error)
	// ops gives the writes, knowing the index of the entry. May be nil. Called again, with another
	// index, when the batch it was part of was refused whole.
	ops func(index uint64) ([]raid.Op, error)
	// size bounds the bytes that ops will give.
	size int
	// vault, when not nil, has its tally written with the batch.
	vault            *vault
	documents, bytes uint64
	number           uint64 // of the document that the entry commits
	reply            chan posted
}

type posted struct {
	index uint64
	err   error
}

const (
	groupItems = 512
	groupBytes = 8 << 20
)

// post makes an entry and its writes durable and returns the entry's index. When ctx ends while
// the batch is under way the posting still takes place: callers past their point of no return
// give a context without cancellation.
func (s *Safe) post(ctx context.Context, p posting) (uint64, error) {
	if err := s.broken(); err != nil {
		return 0, err
	}
	p.reply = make(chan posted, 1)
	if !s.ledger.put(ctx, p) {
		return 0, ctx.Err()
	}
	select {
	case r := <-p.reply:
		return r.index, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-s.stopped:
		select {
		case r := <-p.reply: // answered just before the end
			return r.index, r.err
		default:
			return 0, ErrClosed
		}
	}
}

// batchTx gathers the journal's own writes; it is the transaction the journal asks for.
type batchTx struct{ ops []raid.Op }

func (t *batchTx) Put(key, value []byte) {
	t.ops = append(t.ops, raid.Op{Key: key, Value: value})
}

// commitGroup is the ledger's only act: one batch for the whole group.
func (s *Safe) commitGroup(group []posting) {
	indexes, err := s.writeGroup(group)
	if err != nil && len(group) > 1 && s.broken() == nil && !errors.Is(err, ErrStorage) {
		// Something in one posting cannot be written, and nothing was: each stands for itself.
		for i := range group {
			s.commitGroup(group[i : i+1])
		}
		return
	}
	for i, p := range group {
		if err != nil {
			p.reply <- posted{err: err}
			continue
		}
		p.reply <- posted{index: indexes[i]}
	}
}

func (s *Safe) writeGroup(group []posting) ([]uint64, error) {
	if err := s.broken(); err != nil {
		return nil, err
	}
	s.settling.Lock() // who counts sees all of a batch or nothing of it
	defer s.settling.Unlock()
	before := tallies(group)
	indexes, ops, err := s.assemble(group, before)
	if err == nil {
		err = s.commitBatch(ops)
	}
	if err != nil {
		s.log.Rollback()
		for v, t := range before {
			v.set(t)
		}
		return nil, err
	}
	s.log.Commit()
	s.noteCommitted(group, indexes)
	s.publishSoon()
	return indexes, nil
}

// tallies gives those of every vault that the group touches, as they are before it.
func tallies(group []posting) map[*vault]tallyRecord {
	before := map[*vault]tallyRecord{}
	for _, p := range group {
		if p.vault != nil {
			before[p.vault] = p.vault.tally()
		}
	}
	return before
}

// assemble gives the group's indexes in the journal and all its writes: entries, what the postings
// ask for, tallies.
func (s *Safe) assemble(group []posting, touched map[*vault]tallyRecord) ([]uint64, []raid.Op, error) {
	drafts := make([]journal.Draft, len(group))
	for i, p := range group {
		drafts[i] = p.draft
		if p.numbered == nil {
			continue
		}
		var err error
		if drafts[i], err = p.numbered(p.vault.number()); err != nil {
			return nil, nil, err
		}
	}
	tx := &batchTx{}
	indexes, err := s.log.Append(tx, drafts...)
	if err != nil {
		return nil, nil, fmt.Errorf("appending to the journal: %w", err)
	}
	for i, p := range group {
		if p.vault != nil {
			p.vault.add(p.documents, p.bytes)
		}
		if p.ops == nil {
			continue
		}
		ops, err := p.ops(indexes[i])
		if err != nil {
			return nil, nil, err
		}
		tx.ops = append(tx.ops, ops...)
	}
	for v := range touched {
		tx.ops = append(tx.ops, raid.Op{Key: tallyKey(v.ID), Value: v.tally().value()})
	}
	return indexes, tx.ops, nil
}

// commitBatch writes on the mirror. The ledger does not listen to anyone's cancellation: a batch
// that was started is finished.
func (s *Safe) commitBatch(ops []raid.Op) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitDeadline)
	defer cancel()
	if len(ops) == 0 {
		return nil
	}
	_, err := s.mirror.Write(ctx, ops)
	return s.storageError(err)
}

const commitDeadline = 2 * time.Minute

// storageError sorts what the mirror says. An outcome that nobody knows breaks the safe: the
// process stops and Open finds out what is true, by the same code as after any crash.
func (s *Safe) storageError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raid.ErrUnknown):
		s.breakWith(fmt.Errorf("writing on the volumes: %w", err))
		return fmt.Errorf("%w: %w", ErrStorage, err)
	case errors.Is(err, raid.ErrFull), errors.Is(err, raid.ErrReadOnly):
		return fmt.Errorf("%w: %w", ErrStorage, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: they are too busy: %w", ErrStorage, err) // it never got a place in the sequence
	case errors.Is(err, raid.ErrTooLarge):
		return fmt.Errorf("writing a batch: %w", err)
	case errors.Is(err, raid.ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrIntegrity, err)
	default:
		s.breakWith(fmt.Errorf("writing on the volumes: %w", err))
		return fmt.Errorf("%w: %w", ErrStorage, err)
	}
}
