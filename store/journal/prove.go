package journal

import (
	"context"
	"crypto/sha256"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// nodeID names a complete subtree: the i-th of 2^level leaves.
type nodeID struct {
	level int
	i     uint64
}

// nodeAt names the subtree of a level that entry seq completes.
func nodeAt(seq uint64, level int) nodeID { return nodeID{level, seq >> level} }

// maxCache bounds the remembered hashes: about 6 MiB.
const maxCache = 1 << 16

// remember keeps an upper hash; the lock is held for writing. When full it
// forgets all: the paths that are asked for often are back at once.
func (l *Log) remember(id nodeID, sum tlog.Hash) {
	if len(l.cache) >= maxCache {
		clear(l.cache)
	}
	l.cache[id] = sum
}

// hash reads the hash of a complete subtree of committed entries.
func (l *Log) hash(ctx context.Context, id nodeID) (tlog.Hash, error) {
	l.mu.RLock()
	sum, ok := l.cache[id]
	l.mu.RUnlock()
	if ok {
		return sum, nil
	}
	r, err := l.record(ctx, (id.i+1)<<id.level-1)
	if err != nil {
		return tlog.Hash{}, err
	}
	if id.level > 0 {
		l.mu.Lock()
		l.remember(id, r.hashes[id.level])
		l.mu.Unlock()
	}
	return r.hashes[id.level], nil
}

// hashes lets package tlog read the stored hashes.
func (l *Log) hashes(ctx context.Context) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			level, n := tlog.SplitStoredHashIndex(x)
			sum, err := l.hash(ctx, nodeID{level, uint64(n)})
			if err != nil {
				return nil, err
			}
			out[i] = sum
		}
		return out, nil
	})
}

// within refuses sizes beyond what is committed.
func (l *Log) within(size uint64) error {
	if have := l.Size(); size > have {
		return fmt.Errorf("journal of %d entries, %d committed: %w", size, have, ErrNotFound)
	}
	return nil
}

// RootAt is the tree head hash over the first size entries.
func (l *Log) RootAt(ctx context.Context, size uint64) ([32]byte, error) {
	if err := l.within(size); err != nil {
		return [32]byte{}, err
	}
	if size == 0 {
		return sha256.Sum256(nil), nil
	}
	return tlog.TreeHash(int64(size), l.hashes(ctx))
}

// Inclusion is the RFC 6962 audit path (2.1.1) of entry seq in the tree of the
// first size entries.
func (l *Log) Inclusion(ctx context.Context, seq, size uint64) ([][32]byte, error) {
	if err := l.within(size); err != nil {
		return nil, err
	}
	if seq >= size {
		return nil, fmt.Errorf("inclusion of entry %d in %d: %w", seq, size, ErrNotFound)
	}
	path, err := tlog.ProveRecord(int64(size), int64(seq), l.hashes(ctx))
	if err != nil {
		return nil, fmt.Errorf("inclusion of entry %d in %d: %w", seq, size, err)
	}
	return plain(path), nil
}

// Consistency is the RFC 6962 proof (2.1.2) that the tree of the first to
// entries continues the tree of the first from. Empty when from is zero or to.
func (l *Log) Consistency(ctx context.Context, from, to uint64) ([][32]byte, error) {
	if err := l.within(to); err != nil {
		return nil, err
	}
	if from > to {
		return nil, fmt.Errorf("consistency from %d to %d: %w", from, to, ErrNotFound)
	}
	if from == 0 || from == to {
		return nil, nil
	}
	path, err := tlog.ProveTree(int64(to), int64(from), l.hashes(ctx))
	if err != nil {
		return nil, fmt.Errorf("consistency from %d to %d: %w", from, to, err)
	}
	return plain(path), nil
}

func plain(path []tlog.Hash) [][32]byte {
	out := make([][32]byte, len(path))
	for i, h := range path {
		out[i] = h
	}
	return out
}
