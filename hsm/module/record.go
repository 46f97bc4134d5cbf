package module

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"casemate/hsm"
)

// record is a wrapped key as it stands on disk:
//
//	version(1) method(1) root(4) kind(1+n) id(16) keyVersion(4)
//	nonce(1+n) sealed(2+n) signature(1+n)
//
// Numbers are big-endian. The signature, by the token's record key, covers the
// safe's origin and everything before it: whoever can write the disk can still
// not plant a key he knows. Sealed holds the digest of the context before the
// key, so that a method without associated data binds it as well.
type record struct {
	method    byte
	root      uint32
	context   hsm.KeyContext
	nonce     []byte
	sealed    []byte
	signature []byte
}

const recordVersion = 1

// errRecord: the bytes are not a record at all.
var errRecord = errors.New("not a wrapped-key record")

func (r record) appendBody(b *cryptobyte.Builder) {
	b.AddUint8(recordVersion)
	b.AddUint8(r.method)
	b.AddUint32(r.root)
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(r.context.Kind)) })
	b.AddBytes(r.context.ID[:])
	b.AddUint32(r.context.Version)
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(r.nonce) })
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(r.sealed) })
}

// digest is what the record key signs.
func (r record) digest(origin string) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddBytes([]byte("casemate/wrapped-key\x00"))
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(origin)) })
	r.appendBody(&b)
	return digestOf(&b)
}

// contextDigest binds a key to its use, its safe, its root key and its method.
func (r record) contextDigest(origin string) ([]byte, error) {
	bare := r
	bare.nonce, bare.sealed = nil, nil
	var b cryptobyte.Builder
	b.AddBytes([]byte("casemate/key-context\x00"))
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(origin)) })
	bare.appendBody(&b)
	return digestOf(&b)
}

func digestOf(b *cryptobyte.Builder) ([]byte, error) {
	message, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encoding a wrapped-key record: %w", err)
	}
	sum := sha256.Sum256(message)
	return sum[:], nil
}

func (r record) marshal() ([]byte, error) {
	var b cryptobyte.Builder
	r.appendBody(&b)
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(r.signature) })
	return b.Bytes()
}

// parseRecord reads exactly what marshal wrote.
func parseRecord(b []byte) (record, error) {
	var r record
	var version uint8
	var kind, nonce, sealed, signature cryptobyte.String
	s := cryptobyte.String(b)
	ok := len(b) <= hsm.MaxKeyRecord &&
		s.ReadUint8(&version) && version == recordVersion &&
		s.ReadUint8(&r.method) && s.ReadUint32(&r.root) &&
		s.ReadUint8LengthPrefixed(&kind) &&
		s.CopyBytes(r.context.ID[:]) && s.ReadUint32(&r.context.Version) &&
		s.ReadUint8LengthPrefixed(&nonce) &&
		s.ReadUint16LengthPrefixed(&sealed) &&
		s.ReadUint8LengthPrefixed(&signature) && s.Empty()
	if !ok {
		return record{}, errRecord
	}
	r.context.Kind = string(kind)
	r.nonce, r.sealed, r.signature = nonce, sealed, signature
	return r, nil
}
