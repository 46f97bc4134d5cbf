package raid

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"casemate/raid/volume"
)

// A stored value is version 1 (1), sequence of its batch (8), number within the batch (4), salt of
// the batch (16), ciphertext, tag (16). The key of a batch is HKDF-SHA256 of the mirror's key with
// the batch's random salt, so the number alone is a nonce that never repeats; a batch written again
// after a refusal has another salt. Associated data: length of the key (2), key, sequence (8).
const (
	sealVersion  = 1
	sealHeader   = 1 + 8 + 4 + 16
	sealOverhead = sealHeader + 16
	sealInfo     = "casemate raid value 1 "
)

// tag is the authentication tag of a stored value. It stands for the value in manifests: under a
// key no disk knows it is a MAC of key, sequence and contents.
type tag [16]byte

// sealer seals and opens the values of one mirror.
type sealer struct {
	key [32]byte
	set volume.ID
}

func (s *sealer) aead(salt []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, s.key[:], salt, sealInfo+string(s.set[:]), 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// batchSealer seals the values of one batch, numbered in order.
type batchSealer struct {
	aead     cipher.AEAD
	sequence uint64
	salt     [16]byte
	next     uint32
	ad       []byte
}

func (s *sealer) batch(sequence uint64) (*batchSealer, error) {
	b := &batchSealer{sequence: sequence}
	if _, err := rand.Read(b.salt[:]); err != nil {
		return nil, err
	}
	var err error
	b.aead, err = s.aead(b.salt[:])
	return b, err
}

// seal seals plain into room, which has exactly len(plain) + sealOverhead bytes.
func (b *batchSealer) seal(room, key, plain []byte) (t tag) {
	h := append(room[:0], sealVersion)
	h = binary.BigEndian.AppendUint64(h, b.sequence)
	h = binary.BigEndian.AppendUint32(h, b.next)
	h = append(h, b.salt[:]...)
	var nonce [12]byte
	binary.BigEndian.PutUint32(nonce[8:], b.next)
	b.next++
	b.ad = associated(b.ad[:0], key, b.sequence)
	out := b.aead.Seal(h, nonce[:], plain, b.ad)
	copy(t[:], out[len(out)-len(t):])
	return t
}

func associated(dst, key []byte, sequence uint64) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(key))) // #nosec G115 -- at most MaxKey
	dst = append(dst, key...)
	return binary.BigEndian.AppendUint64(dst, sequence)
}

// identify gives the sequence and the tag a stored value claims, without checking them.
func identify(stored []byte) (sequence uint64, t tag, ok bool) {
	if len(stored) < sealOverhead || stored[0] != sealVersion {
		return 0, t, false
	}
	copy(t[:], stored[len(stored)-len(t):])
	return binary.BigEndian.Uint64(stored[1:]), t, true
}

// open authenticates a stored value and gives the plain one, which takes its place in memory.
func (s *sealer) open(key, stored []byte) (plain []byte, sequence uint64, err error) {
	return s.unseal(stored[min(len(stored), sealHeader):min(len(stored), sealHeader)], key, stored)
}

// unsealCopy is open, leaving the stored value as it is.
func (s *sealer) unsealCopy(key, stored []byte) (plain []byte, sequence uint64, err error) {
	return s.unseal(nil, key, stored)
}

// check authenticates a stored value and leaves it as it is.
func (s *sealer) check(key, stored []byte) error {
	_, _, err := s.unseal(nil, key, stored)
	return err
}

func (s *sealer) unseal(dst, key, stored []byte) (plain []byte, sequence uint64, err error) {
	return (&opener{sealer: s}).unseal(dst, key, stored)
}

// opener opens values one after the other. Neighbours often are of one batch: it keeps the last
// batch's key, which costs more than opening a small value.
type opener struct {
	sealer *sealer
	salt   [16]byte
	aead   cipher.AEAD
	ad     []byte
}

func (o *opener) unseal(dst, key, stored []byte) (plain []byte, sequence uint64, err error) {
	sequence, _, ok := identify(stored)
	if !ok {
		if isGap(stored) {
			return nil, 0, errGap
		}
		return nil, 0, fmt.Errorf("%w: %d bytes", ErrCorrupt, len(stored))
	}
	if salt := [16]byte(stored[13:sealHeader]); o.aead == nil || salt != o.salt {
		if o.aead, err = o.sealer.aead(salt[:]); err != nil {
			return nil, 0, err
		}
		o.salt = salt
	}
	var nonce [12]byte
	copy(nonce[8:], stored[9:13])
	o.ad = associated(o.ad[:0], key, sequence)
	plain, err = o.aead.Open(dst, nonce[:], stored[sealHeader:], o.ad)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: authentication failed", ErrCorrupt)
	}
	return plain, sequence, nil
}
