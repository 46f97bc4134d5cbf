package module

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// SetupID tells what one set-up made in a token from all else that is in it: the identifiers (CKA_ID) of its
// keys begin with these eight bytes. It is no secret.
type SetupID [8]byte

// NewSetupID draws one.
func NewSetupID() (id SetupID) {
	rand.Read(id[:]) //nolint:errcheck // never fails since Go 1.24
	return id
}

// String is in hexadecimal digits, as the tools of tokens show identifiers.
func (id SetupID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText is String.
func (id SetupID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads exactly what MarshalText wrote.
func (id *SetupID) UnmarshalText(text []byte) error {
	var read SetupID
	if len(text) != hex.EncodedLen(len(read)) {
		return errSetupID
	}
	if _, err := hex.Decode(read[:], text); err != nil || read.String() != string(text) {
		return errSetupID
	}
	*id = read
	return nil
}

var errSetupID = errors.New("a set-up's identifier has 16 hexadecimal digits")

// keyID is the identifier of the set-up's key under a label: known before the key is made, so that it can be
// found again by whoever knows the set-up, and by nobody's name.
func (id SetupID) keyID(label string) []byte {
	sum := sha256.Sum256([]byte("casemate/key-id\x00" + string(id[:]) + label))
	return append(id[:], sum[:8]...)
}

// keyIDs are those of all keys that a set-up makes.
func (id SetupID) keyIDs() [][]byte {
	all := [][]byte{id.keyID(keyLabel(kindRoot, 1))}
	for _, k := range signingKeys {
		all = append(all, id.keyID(keyLabel(k.kind, 1)))
	}
	return all
}
