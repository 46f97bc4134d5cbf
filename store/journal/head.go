package journal

import (
	"crypto/sha256"

	"golang.org/x/mod/sumdb/tlog"
)

// head is all that is needed to append: the number of entries, the leaf hash of
// the last, and at each level the newest complete subtree (RFC 6962, 2.1), as a
// binary counter carries its ones. It is a value: copying it is how a
// transaction that may be rolled back is kept apart.
type head struct {
	size uint64
	prev [32]byte
	edge [64]tlog.Hash // edge[i] is meant where bit i of size is set
}

// add appends a leaf and gives the hashes it completes, level 0 upwards.
func (h *head) add(leaf [32]byte) [][32]byte {
	out := [][32]byte{leaf}
	sum := tlog.Hash(leaf)
	level := 0
	for ; h.size>>level&1 == 1; level++ {
		sum = tlog.NodeHash(h.edge[level], sum)
		out = append(out, sum)
	}
	h.edge[level] = sum
	h.size++
	h.prev = leaf
	return out
}

// root is the RFC 6962 tree head hash; of the empty tree, SHA-256 of nothing.
func (h *head) root() [32]byte {
	if h.size == 0 {
		return sha256.Sum256(nil)
	}
	var sum tlog.Hash
	first := true
	for level := 0; h.size>>level != 0; level++ {
		switch {
		case h.size>>level&1 == 0:
		case first:
			sum, first = h.edge[level], false
		default:
			sum = tlog.NodeHash(h.edge[level], sum)
		}
	}
	return sum
}
