package seal

import (
	"crypto/hmac"
	"crypto/sha256"
)

// Every use of a key goes through one derivation with a label of its own, so
// that no two uses ever share key material. The label is complete before the
// caller's text starts and none is a prefix of another.
const (
	labelDerive     = "casemate/derive/v1/"
	labelCommitment = "casemate/commitment/v1"
	labelWrap       = "casemate/wrap/v1"
	labelRecord     = "casemate/record/v1"
	labelStream     = "casemate/stream/v1/"
)

// DeriveKey derives from key the key for one purpose, such as "index" or
// "backup": HKDF-SHA256 (RFC 5869) without salt.
func DeriveKey(key [32]byte, purpose string) [32]byte {
	return hkdfKey(key, nil, labelDerive+purpose)
}

// Commitment binds a document to the one key that decrypts it, without
// revealing the key. AES-GCM alone does not: a ciphertext can be made that
// opens under two keys, to two texts. Whoever is shown a key compares its
// commitment with the attested one, in constant time.
func Commitment(key [32]byte) [32]byte {
	return hkdfKey(key, nil, labelCommitment)
}

// hkdfKey is HKDF-SHA256 for exactly one block of output, which leaves
// nothing in it that could fail.
func hkdfKey(key [32]byte, salt []byte, info string) (out [32]byte) {
	extract := hmac.New(sha256.New, salt)
	extract.Write(key[:])
	expand := hmac.New(sha256.New, extract.Sum(nil))
	expand.Write([]byte(info))
	expand.Write([]byte{1})
	expand.Sum(out[:0])
	return out
}
