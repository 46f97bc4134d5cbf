package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"
)

const (
	boxVersion  = 1
	boxSalt     = 16
	boxNonce    = 12
	boxTag      = 16
	boxOverhead = 1 + boxSalt + boxNonce + boxTag

	// WrappedSize is the length of a key wrapped by Wrap.
	WrappedSize = boxOverhead + 32
)

// Encrypt seals a record under key and binds it to ad, the parts of its place
// (vault, key, sequence…): it opens with the same parts only. Each record gets
// a key of its own from a random salt, so one key may seal any number of them.
// The result is longer than plaintext by 45 bytes.
func Encrypt(key [32]byte, plaintext []byte, ad ...[]byte) ([]byte, error) {
	return box(labelRecord, key, plaintext, ad)
}

// Decrypt opens what Encrypt sealed under the same key and parts. Anything
// else is ErrCorrupt.
func Decrypt(key [32]byte, sealed []byte, ad ...[]byte) ([]byte, error) {
	return unbox(labelRecord, key, sealed, ad)
}

// Wrap seals key under the key above it in the hierarchy and binds it to ad,
// the parts of its context. The result has WrappedSize bytes.
func Wrap(kek, key [32]byte, ad ...[]byte) ([]byte, error) {
	return box(labelWrap, kek, key[:], ad)
}

// Unwrap opens what Wrap sealed under the same key and parts. Anything else
// is ErrCorrupt.
func Unwrap(kek [32]byte, wrapped []byte, ad ...[]byte) (key [32]byte, err error) {
	if len(wrapped) != WrappedSize {
		return key, fmt.Errorf("wrapped key of %d bytes: %w", len(wrapped), ErrCorrupt)
	}
	plain, err := unbox(labelWrap, kek, wrapped, ad)
	if err != nil {
		return key, err
	}
	copy(key[:], plain)
	clear(plain)
	return key, nil
}

// box returns version ‖ salt ‖ nonce ‖ AES-256-GCM(plaintext) under a key
// derived from key, label and salt.
func box(label string, key [32]byte, plaintext []byte, ad [][]byte) ([]byte, error) {
	out := make([]byte, 1+boxSalt+boxNonce, boxOverhead+len(plaintext))
	out[0] = boxVersion
	if _, err := rand.Read(out[1:]); err != nil {
		return nil, fmt.Errorf("drawing salt: %w", err)
	}
	aead, err := boxCipher(label, key, out[1:1+boxSalt])
	if err != nil {
		return nil, err
	}
	joined, err := joinAD(ad)
	if err != nil {
		return nil, err
	}
	return aead.Seal(out, out[1+boxSalt:], plaintext, joined), nil
}

func unbox(label string, key [32]byte, sealed []byte, ad [][]byte) ([]byte, error) {
	if len(sealed) < boxOverhead || sealed[0] != boxVersion {
		return nil, fmt.Errorf("record of %d bytes: %w", len(sealed), ErrCorrupt)
	}
	salt, nonce := sealed[1:1+boxSalt], sealed[1+boxSalt:1+boxSalt+boxNonce]
	aead, err := boxCipher(label, key, salt)
	if err != nil {
		return nil, err
	}
	joined, err := joinAD(ad)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nonce, sealed[1+boxSalt+boxNonce:], joined)
	if err != nil {
		return nil, ErrCorrupt
	}
	return plain, nil
}

func boxCipher(label string, key [32]byte, salt []byte) (cipher.AEAD, error) {
	derived := hkdfKey(key, salt, label)
	defer clear(derived[:])
	block, err := aes.NewCipher(derived[:])
	if err != nil {
		return nil, fmt.Errorf("making cipher: %w", err)
	}
	return cipher.NewGCM(block)
}

// joinAD joins the parts so that no two lists of parts join to the same
// bytes: each is preceded by its length as four big-endian bytes.
func joinAD(parts [][]byte) ([]byte, error) {
	size := 0
	for _, part := range parts {
		if uint64(len(part)) > math.MaxUint32 {
			return nil, fmt.Errorf("associated data of %d bytes: %w", len(part), ErrTooLong)
		}
		size += 4 + len(part)
	}
	out := make([]byte, 0, size)
	for _, part := range parts {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part))) // #nosec G115 -- bounded above
		out = append(out, part...)
	}
	return out, nil
}
