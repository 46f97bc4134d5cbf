package evidence

import (
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

var oidSHA256 = []int{2, 16, 840, 1, 101, 3, 4, 2, 1}

// NewRecord returns the evidence record, in DER, of a group whose hash stands
// in a tree where path leads from it to the root that token stamps. Each list
// of the path holds one hash, as Tree's do: readers disagree about longer
// ones. It checks neither the token nor that it is over the root; Verify does.
func NewRecord(group [][32]byte, path [][][32]byte, token []byte) ([]byte, error) {
	if len(group) == 0 {
		return nil, fmt.Errorf("building evidence record: empty group: %w", ErrMalformed)
	}
	if len(path) >= maxLists || slices.ContainsFunc(path, func(list [][32]byte) bool { return len(list) != 1 }) {
		return nil, fmt.Errorf("building evidence record: path is not a binary tree's: %w", ErrMalformed)
	}
	stamp, err := newStamp(firstLists(group, path), token)
	if err != nil {
		return nil, fmt.Errorf("building evidence record: %w", err)
	}
	der, err := Record{chains: [][]archiveTimeStamp{{stamp}}}.marshal()
	if err != nil {
		return nil, fmt.Errorf("building evidence record: %w", err)
	}
	if len(der) > maxRecord {
		return nil, fmt.Errorf("building evidence record of %d bytes: %w", len(der), ErrMalformed)
	}
	return der, nil
}

// firstLists is the reduced hash tree. A lone hash stands in one list with its
// neighbours: some readers would hash a list of one, others would not. Alone
// and without path it needs no tree.
func firstLists(group [][32]byte, path [][][32]byte) [][][32]byte {
	if len(group) > 1 {
		return append([][][32]byte{group}, path...)
	}
	if len(path) == 0 {
		return nil
	}
	first := append([][32]byte{group[0]}, path[0]...)
	return append([][][32]byte{first}, path[1:]...)
}

// newStamp encodes an ArchiveTimeStamp; its lists are written sorted.
func newStamp(lists [][][32]byte, token []byte) (archiveTimeStamp, error) {
	if !isToken(token) {
		return archiveTimeStamp{}, fmt.Errorf("token is not a DER ContentInfo: %w", ErrMalformed)
	}
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(tagged(0), func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidSHA256) })
		if len(lists) > 0 {
			b.AddASN1(tagged(2), func(b *cryptobyte.Builder) { addLists(b, lists) })
		}
		b.AddBytes(token)
	})
	der, err := b.Bytes()
	return archiveTimeStamp{lists: lists, token: token, der: der}, err
}

func addLists(b *cryptobyte.Builder, lists [][][32]byte) {
	for _, list := range lists {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, hash := range sorted(list) {
				b.AddASN1OctetString(hash[:])
			}
		})
	}
}

// marshal returns the EvidenceRecord in DER.
func (r Record) marshal() ([]byte, error) {
	sequence, err := marshalChains(r.chains)
	if err != nil {
		return nil, err
	}
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidSHA256) })
		})
		b.AddBytes(sequence)
	})
	return b.Bytes()
}

// marshalChains returns an ArchiveTimeStampSequence in DER: what stands in a
// record, and what a hash-tree renewal hashes of the chains before it.
func marshalChains(chains [][]archiveTimeStamp) ([]byte, error) {
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, chain := range chains {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, stamp := range chain {
					b.AddBytes(stamp.der)
				}
			})
		}
	})
	return b.Bytes()
}

// tagged is an IMPLICIT context tag of a constructed type.
func tagged(n uint8) asn1.Tag { return asn1.Tag(n).ContextSpecific().Constructed() }
