package seal

import (
	"bytes"
	"crypto/x509"
	"errors"
	"testing"
)

func poolOf(t testing.TB, der []byte) *x509.CertPool {
	t.Helper()
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return pool
}

// FuzzParseSeal holds that what is read has one form, and that nothing else
// than a failure comes of foreign bytes.
func FuzzParseSeal(f *testing.F) {
	p7s := readGolden(f, "seal-v1.p7s")
	f.Add(p7s)
	f.Add(p7s[:len(p7s)/2])
	f.Add([]byte{0x30, 0x80, 0, 0})
	v := NewVerifier(poolOf(f, readGolden(f, "seal-v1.root.der")))
	f.Fuzz(func(t *testing.T, b []byte) {
		data, err := parse(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if again, err := data.marshal(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("another form is read, %v", err)
		}
		// A library's ECDSA signature has a second form (r, n-s); but nothing
		// that says something else verifies.
		if got, err := v.Verify(b, content, provedAt); err == nil && !got.SigningTime.Equal(data.attributes.time) {
			t.Fatal("verified with another time")
		}
	})
}

// FuzzDecrypter reads foreign bytes as a stream, cut anywhere.
func FuzzDecrypter(f *testing.F) {
	g := readVectors(f)
	key, good := [32]byte(unhex(f, g.Key)), unhex(f, g.Stream)
	f.Add(good, uint16(0))
	f.Add(good, uint16(41))
	f.Add([]byte{1, 40}, uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, at uint16) {
		chunks := [][]byte{b}
		if int(at) < len(b) && at > 0 {
			chunks = [][]byte{b[:at], b[at:]}
		}
		got, err := decrypt(t, key, []byte(g.AD), from(chunks))
		if err == nil && !(len(chunks) == 1 && bytes.Equal(b, good)) {
			t.Fatalf("foreign bytes opened to %q", got)
		}
		if err != nil && (len(got) != 0 || !errors.Is(err, ErrCorrupt)) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	})
}

// FuzzUnwrap reads foreign bytes as a wrapped key and as a record.
func FuzzUnwrap(f *testing.F) {
	g := readVectors(f)
	key, wrapped, place := [32]byte(unhex(f, g.Key)), unhex(f, g.Wrapped), []byte(g.AD)
	f.Add(wrapped)
	f.Add(wrapped[:45])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Unwrap(key, b, place); err == nil != bytes.Equal(b, wrapped) {
			t.Fatalf("unwrap: %v", err)
		}
		if _, err := Decrypt(key, b, place); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("decrypt: %v", err)
		}
	})
}
