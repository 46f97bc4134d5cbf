package journal

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"casemate/store/proof"

	"golang.org/x/mod/sumdb/tlog"
)

// Reader reads committed keys. An absent key is an error that Options.NotFound
// recognises; any other error means that nothing is known about the key.
type Reader interface {
	Get(ctx context.Context, key []byte) ([]byte, error)
}

// Tx takes the journal's writes; its owner commits them with its own. It may
// keep the slices.
type Tx interface {
	Put(key, value []byte)
}

// Options of a journal.
type Options struct {
	// NotFound recognises the reader's error for an absent key. By default that
	// is this package's ErrNotFound.
	NotFound func(error) bool
}

// Log is an open journal. Reading is safe for concurrent use, beside one writer
// that appends and then commits or rolls back.
type Log struct {
	reader   Reader
	prefix   []byte
	notFound func(error) bool

	mu        sync.RWMutex
	committed head
	pending   *head                // nil outside a transaction
	fresh     map[nodeID]tlog.Hash // upper hashes of the pending records
	cache     map[nodeID]tlog.Hash // committed upper hashes
}

// Append puts one record a draft into tx and gives the entries' numbers. They
// are not part of the journal until Commit; until then further calls continue
// the same transaction. On error nothing was put.
//
// A crash before tx is durable leaves no trace of them; after, Open finds them.
func (l *Log) Append(tx Tx, drafts ...Draft) ([]uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.committed
	if l.pending != nil {
		h = *l.pending
	}
	fresh := make(map[nodeID]tlog.Hash)
	numbers := make([]uint64, len(drafts))
	records := make([]record, len(drafts))
	for i, d := range drafts {
		seq := h.size
		b, err := d.entry(seq, h.prev).marshal()
		if err != nil {
			return nil, fmt.Errorf("appending %q to the journal: %w", d.Act, err)
		}
		salted := make([]byte, proof.SaltSize, proof.SaltSize+len(b))
		_, _ = rand.Read(salted) // never fails since Go 1.24
		salted = append(salted, b...)
		numbers[i] = seq
		records[i] = record{hashes: h.add(proof.LeafHash(salted)), salted: salted}
		for level, sum := range records[i].hashes[1:] {
			fresh[nodeAt(seq, level+1)] = sum
		}
	}
	for i, r := range records {
		tx.Put(l.key(numbers[i]), r.marshal())
	}
	l.pending = &h
	if l.fresh == nil {
		l.fresh = fresh
	} else {
		for id, sum := range fresh {
			l.fresh[id] = sum
		}
	}
	return numbers, nil
}

// Commit says that the transaction is durable: its entries are now the journal.
func (l *Log) Commit() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending == nil {
		return
	}
	l.committed = *l.pending
	for id, sum := range l.fresh {
		l.remember(id, sum)
	}
	l.pending, l.fresh = nil, nil
}

// Rollback says that the transaction will never be durable. Whoever does not
// know whether it is must not call it, but open the journal again.
func (l *Log) Rollback() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending, l.fresh = nil, nil
}

// Size counts the committed entries.
func (l *Log) Size() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.committed.size
}

// Root is the RFC 6962 tree head hash over the committed entries.
func (l *Log) Root() [32]byte {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.committed.root()
}

// Entry reads a committed entry and the salted bytes (salt ‖ entry) its leaf
// hash covers.
func (l *Log) Entry(ctx context.Context, seq uint64) (Entry, []byte, error) {
	if seq >= l.Size() {
		return Entry{}, nil, fmt.Errorf("entry %d: %w", seq, ErrNotFound)
	}
	r, err := l.record(ctx, seq)
	if err != nil {
		return Entry{}, nil, err
	}
	e, err := r.entry(seq)
	return e, bytes.Clone(r.salted), err
}

// record reads and checks one record below the committed size, where absence
// is damage.
func (l *Log) record(ctx context.Context, seq uint64) (record, error) {
	b, err := l.reader.Get(ctx, l.key(seq))
	if err != nil {
		if l.notFound(err) {
			return record{}, fmt.Errorf("record %d: %w: missing", seq, ErrBroken)
		}
		return record{}, fmt.Errorf("record %d: %w", seq, err)
	}
	return parseRecord(seq, b)
}

func defaultNotFound(err error) bool { return errors.Is(err, ErrNotFound) }
