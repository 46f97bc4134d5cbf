package proof

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
)

// idEncoding is RFC 4648 base32 in lower case without padding: it survives file
// systems that fold case, URLs, and being read aloud.
var idEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// idLen is the length of the text form of 16 bytes.
const idLen = 26

// DocumentID names a document for ever: 128 random bits.
type DocumentID [16]byte

// VaultID names a vault for ever: 128 random bits.
type VaultID [16]byte

// NewDocumentID draws a document's identifier from the system's random source.
func NewDocumentID() (id DocumentID) {
	fill(id[:])
	return id
}

// NewVaultID draws a vault's identifier from the system's random source.
func NewVaultID() (id VaultID) {
	fill(id[:])
	return id
}

// fill reads random bytes; crypto/rand never returns an error since Go 1.24, it
// ends the process instead.
func fill(b []byte) { _, _ = rand.Read(b) }

// ParseDocumentID reads the 26-character text form.
func ParseDocumentID(s string) (DocumentID, error) {
	b, err := parseID("document", s)
	return DocumentID(b), err
}

// ParseVaultID reads the 26-character text form.
func ParseVaultID(s string) (VaultID, error) {
	b, err := parseID("vault", s)
	return VaultID(b), err
}

// parseID accepts one spelling only: the two spare bits of the last character
// must be zero.
func parseID(kind, s string) (id [16]byte, err error) {
	if len(s) != idLen {
		return id, fmt.Errorf("reading %s id: %w: want %d characters", kind, ErrMalformed, idLen)
	}
	b, err := idEncoding.DecodeString(s)
	if err != nil || len(b) != len(id) || idEncoding.EncodeToString(b) != s {
		return id, fmt.Errorf("reading %s id %q: %w: want lower-case base32", kind, s, ErrMalformed)
	}
	return [16]byte(b), nil
}

// String is the text form.
func (id DocumentID) String() string { return idEncoding.EncodeToString(id[:]) }

// IsZero tells the identifier that names nothing.
func (id DocumentID) IsZero() bool { return id == DocumentID{} }

// MarshalText is the text form, for JSON and flags.
func (id DocumentID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the text form.
func (id *DocumentID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseDocumentID(string(b))
	return err
}

// String is the text form.
func (id VaultID) String() string { return idEncoding.EncodeToString(id[:]) }

// IsZero tells the identifier that names nothing.
func (id VaultID) IsZero() bool { return id == VaultID{} }

// MarshalText is the text form, for JSON and flags.
func (id VaultID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the text form.
func (id *VaultID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseVaultID(string(b))
	return err
}
