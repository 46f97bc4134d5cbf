package journal

import (
	"context"
	"fmt"
)

// Audit reads entries from to to-1 again and re-computes everything: leaf
// hashes, the chain, every stored tree hash; at the journal's end the root too.
// fn, if given, sees each entry; its error ends the audit. With from 0 nothing
// stored is believed; else the tree hashes before from are.
func (l *Log) Audit(ctx context.Context, from, to uint64, fn func(Entry) error) error {
	if err := l.within(to); err != nil {
		return err
	}
	if from > to {
		return fmt.Errorf("audit from %d to %d: %w", from, to, ErrNotFound)
	}
	h, err := l.headAt(ctx, from)
	if err != nil {
		return err
	}
	for seq := from; seq < to; seq++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, err := l.auditOne(ctx, &h, seq)
		if err != nil {
			return err
		}
		if fn == nil {
			continue
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if to == l.committed.size && h.root() != l.committed.root() {
		return fmt.Errorf("journal of %d entries: %w: root", to, ErrBroken)
	}
	return nil
}

// auditOne checks entry seq against the head of those before it, and moves on.
func (l *Log) auditOne(ctx context.Context, h *head, seq uint64) (Entry, error) {
	r, err := l.record(ctx, seq)
	if err != nil {
		return Entry{}, err
	}
	e, err := r.entry(seq)
	if err != nil {
		return Entry{}, err
	}
	if e.Prev != h.prev {
		return Entry{}, fmt.Errorf("entry %d: %w: it does not follow entry %d", seq, ErrBroken, seq-1)
	}
	for level, sum := range h.add(r.hashes[0]) {
		if sum != r.hashes[level] {
			return Entry{}, fmt.Errorf("entry %d: %w: tree hash at level %d", seq, ErrBroken, level)
		}
	}
	return e, nil
}
