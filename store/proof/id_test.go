package proof

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestIdentifiers(t *testing.T) {
	d, v := NewDocumentID(), NewVaultID()
	if d.IsZero() || v.IsZero() || len(d.String()) != idLen {
		t.Fatal("an identifier was not drawn")
	}
	if got, err := ParseDocumentID(d.String()); err != nil || got != d {
		t.Fatal(err)
	}
	if got, err := ParseVaultID(v.String()); err != nil || got != v {
		t.Fatal(err)
	}
	if got := (DocumentID{0xff, 0, 1}).String(); got != "74aacaaaaaaaaaaaaaaaaaaaaa" {
		t.Fatalf("text form is %s", got)
	}
	good := strings.Repeat("a", 26)
	for _, bad := range []string{"", good + "a", good[1:], strings.ToUpper(good), good[:25] + "b", good[:25] + "=", good[:25] + "1", good[:24] + "\r\n"} {
		if _, err := ParseDocumentID(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
		var v VaultID
		if err := v.UnmarshalText([]byte(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestHasherAgreesWithTheStandard(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 3*parallelFrom/16)
	for _, step := range []int{1, 1000, parallelFrom - 1, parallelFrom, parallelFrom + 1, len(body)} {
		h := NewHasher()
		for rest := body; len(rest) > 0; {
			n := min(step, len(rest))
			if step == 1 {
				n = min(len(rest), len(rest)/2+1) // halves, down to single bytes
			}
			if m, err := h.Write(rest[:n]); m != n || err != nil {
				t.Fatal(m, err)
			}
			rest = rest[n:]
		}
		want := Digests{SHA256: sha256.Sum256(body), SHA3: sha3.Sum256(body)}
		if h.Sum() != want || h.Size() != int64(len(body)) || DigestsOf(body) != want {
			t.Fatalf("steps of %d: %v", step, h.Sum())
		}
	}
}

func TestDigests(t *testing.T) {
	d := DigestsOf([]byte("abc")) // FIPS 180-4 and 202 examples
	const want = `{"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",` +
		`"sha3-256":"3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"}`
	b, err := json.Marshal(d)
	if err != nil || string(b) != want {
		t.Fatalf("%s, %v", b, err)
	}
	var back Digests
	if err := json.Unmarshal(b, &back); err != nil || !back.Equal(d) {
		t.Fatal(err)
	}
	one, two := d, d
	one.SHA256[31] ^= 1
	two.SHA3[0] ^= 1
	if d.Equal(one) || d.Equal(two) {
		t.Fatal("different digests are equal")
	}
	for _, bad := range []string{`{}`, strings.ToUpper(want), want[:len(want)-3] + `"}`, strings.Replace(want, "ba", "BA", 1)} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func BenchmarkHasher(b *testing.B) {
	p := make([]byte, 1<<20)
	h := NewHasher()
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		_, _ = h.Write(p)
	}
}

func BenchmarkSHA3Alone(b *testing.B) {
	p := make([]byte, 1<<20)
	h := sha3.New256()
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		_, _ = h.Write(p)
	}
}
