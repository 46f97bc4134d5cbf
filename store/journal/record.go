package journal

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"casemate/store/proof"
)

// record is the stored value of one entry:
//
//	count (1 byte) ‖ count hashes (32 bytes each) ‖ salt (16 bytes) ‖ entry JSON
//
// The hashes are those of the subtrees this leaf completes, level 0 (its own
// leaf hash) upwards: entry n completes as many as n+1 has trailing zero bits,
// and one. So hash (level, i) stands in record ((i+1)<<level)-1 at place level.
type record struct {
	hashes [][32]byte
	salted []byte // salt ‖ entry: what the leaf hash covers
}

// completes counts the hashes in the record of entry seq.
func completes(seq uint64) int { return bits.TrailingZeros64(seq+1) + 1 }

func (r record) marshal() []byte {
	b := make([]byte, 0, 1+32*len(r.hashes)+len(r.salted))
	b = append(b, byte(len(r.hashes)))
	for _, h := range r.hashes {
		b = append(b, h[:]...)
	}
	return append(b, r.salted...)
}

// parseRecord checks shape and leaf hash. Upper hashes are checked by whoever
// knows the tree (Audit), and by every proof made from them.
func parseRecord(seq uint64, b []byte) (r record, err error) {
	n := completes(seq)
	head := 1 + 32*n
	if len(b) <= head+proof.SaltSize || int(b[0]) != n || len(b) > head+proof.SaltSize+MaxEntry {
		return r, fmt.Errorf("record %d: %w: shape", seq, ErrBroken)
	}
	r.salted = b[head:]
	r.hashes = make([][32]byte, n)
	for i := range r.hashes {
		r.hashes[i] = [32]byte(b[1+32*i:])
	}
	if proof.LeafHash(r.salted) != r.hashes[0] {
		return r, fmt.Errorf("record %d: %w: leaf hash", seq, ErrBroken)
	}
	return r, nil
}

// entry parses the record's entry and checks its number.
func (r record) entry(seq uint64) (Entry, error) {
	e, err := ParseEntry(r.salted[proof.SaltSize:])
	if err != nil {
		return Entry{}, fmt.Errorf("record %d: %w: %w", seq, ErrBroken, err)
	}
	if e.Seq != seq {
		return Entry{}, fmt.Errorf("record %d: %w: it says %d", seq, ErrBroken, e.Seq)
	}
	return e, nil
}

// key is where the record of entry seq is stored.
func (l *Log) key(seq uint64) []byte {
	k := make([]byte, 0, len(l.prefix)+8)
	return binary.BigEndian.AppendUint64(append(k, l.prefix...), seq)
}
