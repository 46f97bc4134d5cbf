package raid

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"casemate/raid/volume"
)

// declaredInfo separates the key that authenticates what the mirror declares from those that seal
// values.
const declaredInfo = "casemate raid declared 1"

// authority makes and checks the MAC of what the mirror declares: HMAC-SHA256 over a name, a zero
// byte and the JSON of the value. What is read is checked as it was understood, not as it was
// written, so nothing that a parser passes over can be smuggled in.
type authority struct {
	key   []byte
	blind bool // it has no key, and believes everything
}

func newAuthority(key [32]byte) (authority, error) {
	k, err := hkdf.Key(sha256.New, key[:], nil, declaredInfo, sha256.Size)
	return authority{key: k}, err
}

// mac authenticates a value under the name of its kind.
func (a authority) mac(kind string, v any) (sum volume.Digest, err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return sum, err
	}
	h := hmac.New(sha256.New, a.key)
	_, _ = fmt.Fprintf(h, "%s\x00%s", kind, text) // a hash takes everything
	copy(sum[:], h.Sum(nil))
	return sum, nil
}

// holds says whether a MAC is the value's.
func (a authority) holds(kind string, v any, mac volume.Digest) bool {
	sum, err := a.mac(kind, v)
	return a.blind || err == nil && hmac.Equal(sum[:], mac[:])
}

// The kinds of what is authenticated.
const (
	kindDeclared = "volume"
	kindRecord   = "record"
	kindMark     = "mark"
)
