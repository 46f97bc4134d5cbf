package raid

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"casemate/raid/volume"
)

// manifest says what a batch did. It is stored, sealed, in the batch itself, and its digest is the
// head of every volume that has the batch: the chain of manifests is the history of a mirror.
//
// Encoded: version 1 (1), set (16), epoch (8), sequence (8), previous digest (32), number of
// entries (4), entries: 1 put or 2 delete (1), key length (2), key, and of a put stored length (4)
// and tag (16).
type manifest struct {
	set      volume.ID
	epoch    uint64
	sequence uint64
	previous volume.Digest
	entries  []entry
}

type entry struct {
	key    []byte
	remove bool
	size   int // of the stored value
	tag    tag
}

const (
	manifestVersion = 1
	manifestHeader  = 1 + 16 + 8 + 8 + 32 + 4
	maxManifest     = MaxValue
)

var errManifest = errors.New("not a manifest")

func (m *manifest) append(dst []byte) []byte {
	dst = append(dst, manifestVersion)
	dst = append(dst, m.set[:]...)
	dst = binary.BigEndian.AppendUint64(dst, m.epoch)
	dst = binary.BigEndian.AppendUint64(dst, m.sequence)
	dst = append(dst, m.previous[:]...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(m.entries))) // #nosec G115 -- at most MaxOps
	for _, e := range m.entries {
		kind := byte(1)
		if e.remove {
			kind = 2
		}
		dst = append(dst, kind)
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(e.key))) // #nosec G115 -- at most MaxKey
		dst = append(dst, e.key...)
		if !e.remove {
			dst = binary.BigEndian.AppendUint32(dst, uint32(e.size)) // #nosec G115 -- at most MaxValue
			dst = append(dst, e.tag[:]...)
		}
	}
	return dst
}

// parseManifest reads an encoded manifest; keys point into b.
func parseManifest(b []byte) (*manifest, error) {
	if len(b) < manifestHeader || b[0] != manifestVersion || len(b) > maxManifest {
		return nil, fmt.Errorf("%w: %d bytes", errManifest, len(b))
	}
	m := &manifest{epoch: binary.BigEndian.Uint64(b[17:]), sequence: binary.BigEndian.Uint64(b[25:])}
	copy(m.set[:], b[1:])
	copy(m.previous[:], b[33:])
	count := binary.BigEndian.Uint32(b[65:])
	b = b[manifestHeader:]
	if uint64(count)*4 > uint64(len(b)) || count > MaxOps {
		return nil, fmt.Errorf("%w: %d entries", errManifest, count)
	}
	m.entries = make([]entry, 0, count)
	for range count {
		e, rest, err := parseEntry(b)
		if err != nil {
			return nil, err
		}
		m.entries, b = append(m.entries, e), rest
	}
	if len(b) != 0 {
		return nil, fmt.Errorf("%w: trailing bytes", errManifest)
	}
	return m, nil
}

func parseEntry(b []byte) (e entry, rest []byte, err error) {
	if len(b) < 3 {
		return e, nil, fmt.Errorf("%w: torn entry", errManifest)
	}
	kind, n := b[0], int(binary.BigEndian.Uint16(b[1:]))
	if b = b[3:]; kind < 1 || kind > 2 || n == 0 || n > MaxKey || n > len(b) {
		return e, nil, fmt.Errorf("%w: entry of type %d, key %d", errManifest, kind, n)
	}
	e.key, e.remove, b = b[:n:n], kind == 2, b[n:]
	if e.remove {
		return e, b, nil
	}
	if len(b) < 4+len(e.tag) {
		return e, nil, fmt.Errorf("%w: torn entry", errManifest)
	}
	if e.size = int(binary.BigEndian.Uint32(b)); e.size < sealOverhead || e.size > volume.MaxValue {
		return e, nil, fmt.Errorf("%w: value of %d bytes", errManifest, e.size)
	}
	copy(e.tag[:], b[4:])
	return e, b[4+len(e.tag):], nil
}

// head is what a volume's head is once it has the batch of this manifest, encoded as b.
func (m *manifest) head(b []byte) volume.Head {
	return volume.Head{Epoch: m.epoch, Sequence: m.sequence, Previous: m.previous, Digest: sha256.Sum256(b)}
}
