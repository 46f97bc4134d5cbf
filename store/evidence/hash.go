package evidence

import (
	"bytes"
	"crypto/sha256"
	"slices"
)

// GroupHash is the hash under which a group stands in a tree (RFC 4998,
// 4.2.2): that of its hashes, sorted as binary and concatenated. A lone hash
// stands for itself. The hash of no group is all zeros and proves nothing.
func GroupHash(group [][32]byte) [32]byte {
	switch len(group) {
	case 0:
		return [32]byte{}
	case 1:
		return group[0]
	}
	h := sha256.New()
	for _, one := range sorted(group) {
		h.Write(one[:])
	}
	return [32]byte(h.Sum(nil))
}

func sorted(group [][32]byte) [][32]byte {
	return slices.SortedFunc(slices.Values(group), compare)
}

func compare(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) }
