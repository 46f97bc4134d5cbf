package journal

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// merkle is RFC 6962, 2.1, written as the definition reads.
func merkle(leaves [][32]byte) [32]byte {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0]
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	left, right := merkle(leaves[:k]), merkle(leaves[k:])
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

func TestTreeAgainstItsDefinition(t *testing.T) {
	ctx := context.Background()
	const n = 40
	m := newMemory()
	l := open(t, m)
	var leaves [][32]byte
	roots := [][32]byte{merkle(nil)}
	for i := range n {
		grow(t, m, l, i+1)
		_, salted, err := l.Entry(ctx, uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, sha256.Sum256(append([]byte{0}, salted...)))
		roots = append(roots, merkle(leaves))
		if l.Root() != roots[i+1] {
			t.Fatalf("root of %d", i+1)
		}
	}
	l = open(t, m) // an empty cache
	for size := range n + 1 {
		root, err := l.RootAt(ctx, uint64(size))
		if err != nil || root != roots[size] {
			t.Fatalf("root at %d: %v", size, err)
		}
		for i := range size {
			path, err := l.Inclusion(ctx, uint64(i), uint64(size))
			if err != nil || tlog.CheckRecord(hashes(path), int64(size), roots[size], int64(i), leaves[i]) != nil {
				t.Fatalf("inclusion of %d in %d: %v", i, size, err)
			}
		}
		for from := 1; from <= size; from++ {
			path, err := l.Consistency(ctx, uint64(from), uint64(size))
			if err != nil || tlog.CheckTree(hashes(path), int64(size), roots[size], int64(from), roots[from]) != nil {
				t.Fatalf("consistency from %d to %d: %v", from, size, err)
			}
		}
	}
}

func hashes(path [][32]byte) []tlog.Hash {
	out := make([]tlog.Hash, len(path))
	for i, h := range path {
		out[i] = h
	}
	return out
}

func TestProofsBeyondTheEnd(t *testing.T) {
	ctx := context.Background()
	m := newMemory()
	l := open(t, m)
	grow(t, m, l, 5)
	tx := batch{}
	if _, err := l.Append(tx, draft(5)); err != nil { // pending only
		t.Fatal(err)
	}
	_, err1 := l.RootAt(ctx, 6)
	_, err2 := l.Inclusion(ctx, 5, 6)
	_, err3 := l.Inclusion(ctx, 5, 5)
	_, err4 := l.Consistency(ctx, 3, 6)
	_, err5 := l.Consistency(ctx, 4, 3)
	err6 := l.Audit(ctx, 0, 6, nil)
	for i, err := range []error{err1, err2, err3, err4, err5, err6} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("case %d: %v", i+1, err)
		}
	}
	if p, err := l.Consistency(ctx, 0, 5); err != nil || len(p) != 0 {
		t.Errorf("consistency with the empty journal: %v", err)
	}
}

func TestRolledBackHashesAreForgotten(t *testing.T) {
	ctx := context.Background()
	m := newMemory()
	l := open(t, m)
	grow(t, m, l, 3)
	if _, err := l.Append(batch{}, draft(30), draft(40)); err != nil { // completes level 2
		t.Fatal(err)
	}
	l.Rollback()
	grow(t, m, l, 4)
	fresh := open(t, m)
	root, err := l.RootAt(ctx, 4)
	if err != nil || root != l.Root() || root != fresh.Root() {
		t.Fatalf("a rolled back hash was used: %v", err)
	}
}

func TestCacheForgetsAndStaysRight(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	grow(t, m, l, 9)
	for i := range maxCache + 5 {
		l.mu.Lock()
		l.remember(nodeID{40, uint64(i)}, tlog.Hash{1})
		l.mu.Unlock()
	}
	if len(l.cache) > maxCache {
		t.Fatalf("%d hashes remembered", len(l.cache))
	}
	if root, err := l.RootAt(context.Background(), 9); err != nil || root != l.Root() {
		t.Fatal(err)
	}
}
