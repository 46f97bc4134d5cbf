package volume

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Digest is a SHA-256, hexadecimal in JSON.
type Digest [32]byte

// String gives the first eight bytes in hexadecimal, for people.
func (d Digest) String() string { return hex.EncodeToString(d[:8]) }

// MarshalText gives all of it in hexadecimal.
func (d Digest) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(d[:])), nil }

// UnmarshalText reads 64 hexadecimal digits.
func (d *Digest) UnmarshalText(b []byte) error { return unhex(d[:], b) }

// ID is a random identity, hexadecimal in JSON.
type ID [16]byte

// String gives the identity in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText gives the identity in hexadecimal.
func (id ID) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(id[:])), nil }

// UnmarshalText reads 32 hexadecimal digits.
func (id *ID) UnmarshalText(b []byte) error { return unhex(id[:], b) }

func unhex(dst, b []byte) error {
	if len(b) != 2*len(dst) {
		return fmt.Errorf("%d hexadecimal digits wanted, not %d", 2*len(dst), len(b))
	}
	_, err := hex.Decode(dst, b)
	return err
}

// Head names a state of a volume: the last batch applied, chained to the one before.
type Head struct {
	Epoch    uint64 `json:"epoch"`
	Sequence uint64 `json:"sequence"` // from 1; zero is the empty volume
	Previous Digest `json:"previous"` // of the manifest before
	Digest   Digest `json:"digest"`   // of this batch's manifest
}

// headSize is the length of an encoded head.
const headSize = 80

func (h Head) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, h.Epoch)
	dst = binary.BigEndian.AppendUint64(dst, h.Sequence)
	dst = append(dst, h.Previous[:]...)
	return append(dst, h.Digest[:]...)
}

func parseHead(b []byte) (h Head, err error) {
	if len(b) != headSize {
		return h, fmt.Errorf("a head of %d bytes, not %d", len(b), headSize)
	}
	h.Epoch = binary.BigEndian.Uint64(b)
	h.Sequence = binary.BigEndian.Uint64(b[8:])
	copy(h.Previous[:], b[16:])
	copy(h.Digest[:], b[48:])
	return h, nil
}

// headKey is where Badger keeps the head, written in the transaction of its batch.
var headKey = []byte{MetaPrefix, 'h'}

// ManifestKey is where the sealed manifest of a batch is kept.
func ManifestKey(sequence uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{MetaPrefix, 'm'}, sequence)
}

// ManifestPrefix begins the keys of the manifests.
func ManifestPrefix() []byte { return []byte{MetaPrefix, 'm'} }

// ParseManifestKey gives the sequence a manifest key stands for.
func ParseManifestKey(key []byte) (uint64, bool) {
	if len(key) != 10 || key[0] != MetaPrefix || key[1] != 'm' {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[2:]), true
}
