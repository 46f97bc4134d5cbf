package seal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"testing"
)

var (
	kek     = [32]byte{0xaa, 1}
	inner   = [32]byte{0xbb, 2}
	context = [][]byte{[]byte("vault"), []byte("key 1")}
)

func TestRecordComesBack(t *testing.T) {
	for _, size := range []int{0, 1, 32, 100_000} {
		plain := random(t, size)
		sealed, err := Encrypt(kek, plain, context...)
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) != size+boxOverhead {
			t.Errorf("%d bytes became %d", size, len(sealed))
		}
		if got, err := Decrypt(kek, sealed, context...); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d of %d bytes came back, %v", len(got), size, err)
		}
	}
}

func TestWrappedKeyComesBack(t *testing.T) {
	wrapped, err := Wrap(kek, inner, context...)
	if err != nil {
		t.Fatal(err)
	}
	if len(wrapped) != WrappedSize {
		t.Errorf("%d bytes", len(wrapped))
	}
	if got, err := Unwrap(kek, wrapped, context...); err != nil || got != inner {
		t.Errorf("%x, %v", got, err)
	}
}

func TestNoOtherKeyPlaceOrByteOpens(t *testing.T) {
	wrapped, err := Wrap(kek, inner, context...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range wrapped {
		altered := bytes.Clone(wrapped)
		altered[i] ^= 1
		if _, err := Unwrap(kek, altered, context...); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d altered: %v", i, err)
		}
		if _, err := Unwrap(kek, wrapped[:i], context...); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: %v", i, err)
		}
		if _, err := Decrypt(kek, wrapped[:i], context...); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("record cut at %d: %v", i, err)
		}
	}
	if _, err := Unwrap(inner, wrapped, context...); !errors.Is(err, ErrCorrupt) {
		t.Errorf("another key: %v", err)
	}
	// A wrapped key is not a record, though both are sealed under one key.
	if _, err := Decrypt(kek, wrapped, context...); !errors.Is(err, ErrCorrupt) {
		t.Errorf("as a record: %v", err)
	}
	for _, other := range [][][]byte{
		nil, {[]byte("vault")}, {[]byte("vaultkey 1")}, {[]byte("vaul"), []byte("tkey 1")},
		{[]byte("key 1"), []byte("vault")}, {[]byte("vault"), []byte("key 1"), nil},
	} {
		if _, err := Unwrap(kek, wrapped, other...); !errors.Is(err, ErrCorrupt) {
			t.Errorf("at %q: %v", other, err)
		}
	}
}

func TestDerivedKeysAreHKDFAndApart(t *testing.T) {
	want, err := hkdf.Key(sha256.New, kek[:], nil, "casemate/derive/v1/index", 32)
	if err != nil {
		t.Fatal(err)
	}
	if got := DeriveKey(kek, "index"); !bytes.Equal(got[:], want) {
		t.Errorf("%x, not %x", got, want)
	}
	seen := map[[32]byte]string{kek: "the key itself"}
	for name, key := range map[string][32]byte{
		"index": DeriveKey(kek, "index"), "Index": DeriveKey(kek, "Index"), "": DeriveKey(kek, ""),
		"of another key": DeriveKey(inner, "index"), "commitment": Commitment(kek), "another commitment": Commitment(inner),
	} {
		if other, ok := seen[key]; ok {
			t.Errorf("%q is %q", name, other)
		}
		seen[key] = name
	}
}
