package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// golden is what the first version of each format wrote. It must open for as
// long as there is a safe; a change here is a new version, never a new file.
type golden struct {
	Key, AD, Plaintext          string
	Stream, Record, Wrapped     string
	Derived, Commitment, Policy string
}

func TestGoldenVectors(t *testing.T) {
	g := readVectors(t)
	key, plain := [32]byte(unhex(t, g.Key)), []byte(g.Plaintext)
	if got, err := decrypt(t, key, []byte(g.AD), from([][]byte{unhex(t, g.Stream)})); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("stream: %q, %v", got, err)
	}
	if got, err := Decrypt(key, unhex(t, g.Record), []byte(g.AD), []byte("2")); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("record: %q, %v", got, err)
	}
	if got, err := Unwrap(key, unhex(t, g.Wrapped), []byte(g.AD)); err != nil || got != DeriveKey(key, "golden") {
		t.Errorf("wrapped: %x, %v", got, err)
	}
	if got := DeriveKey(key, "golden"); !bytes.Equal(got[:], unhex(t, g.Derived)) {
		t.Errorf("derived %x", got)
	}
	if got := Commitment(key); !bytes.Equal(got[:], unhex(t, g.Commitment)) {
		t.Errorf("commitment %x", got)
	}
	if PolicyOID.String() != g.Policy {
		t.Errorf("policy %s", PolicyOID)
	}
}

// A seal made by the first version, and the root it is verified against.
func TestGoldenSeal(t *testing.T) {
	p7s, content := readGolden(t, "seal-v1.p7s"), readGolden(t, "seal-v1.content")
	roots := poolOf(t, readGolden(t, "seal-v1.root.der"))
	got, err := VerifySignature(p7s, content, roots, provedAt)
	if err != nil {
		t.Fatal(err)
	}
	if !got.SigningTime.Equal(sealedAt.Truncate(time.Second)) || got.Signer.Subject.CommonName != "Safe 1" {
		t.Errorf("%v by %v", got.SigningTime, got.Signer.Subject)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readGolden(t testing.TB, name string) []byte {
	t.Helper()
	return readFile(t, filepath.Join("testdata", name))
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readVectors(t testing.TB) (g golden) {
	t.Helper()
	if err := json.Unmarshal(readGolden(t, "formats-v1.json"), &g); err != nil {
		t.Fatal(err)
	}
	return g
}
