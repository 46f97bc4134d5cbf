package proof

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	formatsnote "github.com/transparency-dev/formats/note"
	formatsproof "github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const origin = "safe.example/one"

func vkeyOf(t testing.TB, key *ecdsa.PrivateKey) string {
	t.Helper()
	v, err := CheckpointVKey(origin, &key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func sign(t testing.TB, c Checkpoint, key crypto.Signer) []byte {
	t.Helper()
	b, err := SignCheckpoint(c, key, c.Origin)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCheckpoint(t *testing.T) {
	key := sampleKey(t)
	vkey := vkeyOf(t, key)
	c := Checkpoint{Origin: origin, Size: 1 << 40, Root: [32]byte{1}}
	b := sign(t, c, key)
	if got, err := ParseCheckpointNote(b, vkey+"\n"); err != nil || got != c {
		t.Fatal(got, err)
	}
	if o, err := VKeyOrigin(vkey); err != nil || o != origin {
		t.Fatal(o, err)
	}
	v, err := formatsnote.NewECDSAVerifier(vkey) // an independent reader
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(b, note.VerifierList(v)); err != nil {
		t.Fatal(err)
	}
}

func TestCheckpointRefuses(t *testing.T) {
	key, other := sampleKey(t), sampleKey(t)
	vkey := vkeyOf(t, key)
	c := Checkpoint{Origin: origin, Size: 7, Root: [32]byte{1}}
	b := sign(t, c, key)
	extended := signText(t, string(c.Text())+"extension\n", key)
	foreign := signText(t, string(Checkpoint{Origin: "safe.example/two", Size: 7}.Text()), key)
	huge := signText(t, string(Checkpoint{Origin: origin, Size: 1 << 63}.Text()), key)
	padded := signText(t, strings.Replace(string(c.Text()), "7", "07", 1), key)
	cosigned := append(bytes.Clone(b), []byte("— witness.example AAAAAAAA\n")...)
	for name, bad := range map[string][]byte{
		"another key": sign(t, c, other), "extension line": extended, "another origin": foreign,
		"huge size": huge, "leading zero": padded, "cosigned": cosigned, "twice signed": append(bytes.Clone(b), b[bytes.LastIndex(b, []byte("—")):]...),
		"nothing": nil, "unsigned": c.Text(), "large": make([]byte, MaxMeta+1),
	} {
		if got, err := ParseCheckpointNote(bad, vkey); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		if _, err := ParseCheckpointNote(bad, vkey); err == nil {
			t.Errorf("byte %d flipped: accepted", i)
		}
	}
	if _, err := ParseCheckpointNote(sign(t, c, other), vkey); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
}

// signText signs any text as the journal's key would.
func signText(t *testing.T, text string, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	k, err := newNoteKey(origin, &key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	k.signer = key
	b, err := note.Sign(&note.Note{Text: text}, k)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// lyingSigner answers with a signature over something else.
type lyingSigner struct{ *ecdsa.PrivateKey }

func (s lyingSigner) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return s.PrivateKey.Sign(r, make([]byte, len(digest)), o)
}

func TestSignCheckpointRefuses(t *testing.T) {
	key := sampleKey(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := Checkpoint{Origin: origin, Size: 1}
	if _, err := SignCheckpoint(c, lyingSigner{key}, origin); !errors.Is(err, ErrSignature) {
		t.Errorf("lying signer: %v", err)
	}
	if _, err := SignCheckpoint(c, key, "other"); !errors.Is(err, ErrInvalid) {
		t.Errorf("other origin: %v", err)
	}
	if _, err := SignCheckpoint(c, p384, origin); !errors.Is(err, ErrInvalid) {
		t.Errorf("P-384: %v", err)
	}
	if _, err := CheckpointVKey("a b", &key.PublicKey); !errors.Is(err, ErrInvalid) {
		t.Errorf("origin with a space: %v", err)
	}
}

func TestVKeyRefuses(t *testing.T) {
	vkey := vkeyOf(t, sampleKey(t))
	b := []byte("x")
	for _, bad := range []string{"", "a+b", vkey[:len(vkey)-4], strings.Replace(vkey, "+A", "+B", 1), strings.ToUpper(vkey),
		strings.Replace(vkey, origin, "x", 1) + "=", strings.Replace(vkey, "+", "+0", 1), vkey + " x"} {
		if _, err := ParseCheckpointNote(b, bad); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// sampleInclusion is the proof of the third of five entries.
func sampleInclusion(t testing.TB, key crypto.Signer) InclusionProof {
	t.Helper()
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(ix []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(ix))
		for i, x := range ix {
			out[i] = hashes[x]
		}
		return out, nil
	})
	leaf := func(i int64) []byte { return append(bytes.Repeat([]byte{byte(i)}, SaltSize), "entry"...) }
	for i := range int64(5) {
		h, err := tlog.StoredHashes(i, leaf(i), reader)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, h...)
	}
	root, err := tlog.TreeHash(5, reader)
	if err != nil {
		t.Fatal(err)
	}
	path, err := tlog.ProveRecord(5, 2, reader)
	if err != nil {
		t.Fatal(err)
	}
	p := InclusionProof{Extra: leaf(2), Index: 2, Note: sign(t, Checkpoint{Origin: origin, Size: 5, Root: root}, key)}
	for _, h := range path {
		p.Hashes = append(p.Hashes, h)
	}
	return p
}

func TestInclusionProof(t *testing.T) {
	key := sampleKey(t)
	vkey := vkeyOf(t, key)
	p := sampleInclusion(t, key)
	b := p.Marshal()
	var judge formatsproof.TLogProof // an independent reader
	if err := judge.Unmarshal(b); err != nil || judge.Index != 2 || len(judge.Hashes) != 3 || !bytes.Equal(judge.ExtraData, p.Extra) {
		t.Fatalf("%+v, %v", judge, err)
	}
	q, err := ParseInclusionProof(b)
	if err != nil {
		t.Fatal(err)
	}
	c, entry, err := q.Verify(vkey)
	if err != nil || c.Size != 5 || string(entry) != "entry" {
		t.Fatal(c, entry, err)
	}
	for i := range b { // any flipped bit: not read, or not verified
		bad := bytes.Clone(b)
		bad[i] ^= 1
		if q, err := ParseInclusionProof(bad); err == nil {
			if _, _, err = q.Verify(vkey); err == nil {
				t.Errorf("byte %d flipped: accepted", i)
			}
		}
	}
	if _, _, err := q.Verify(vkeyOf(t, sampleKey(t))); !errors.Is(err, ErrSignature) {
		t.Errorf("another journal: %v", err)
	}
	for name, spoil := range map[string]func(*InclusionProof){
		"another index":   func(p *InclusionProof) { p.Index = 3 },
		"beyond the tree": func(p *InclusionProof) { p.Index = 5 },
		"a hash less":     func(p *InclusionProof) { p.Hashes = p.Hashes[:2] },
		"a hash more":     func(p *InclusionProof) { p.Hashes = append(p.Hashes, [32]byte{}) },
		"no entry":        func(p *InclusionProof) { p.Extra = p.Extra[:SaltSize] },
		"another entry":   func(p *InclusionProof) { p.Extra = append(bytes.Clone(p.Extra), '!') },
	} {
		q, _ := ParseInclusionProof(b)
		spoil(&q)
		if _, _, err := q.Verify(vkey); !errors.Is(err, ErrNotIncluded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A checkpoint, its key and a proof made once must verify for ever.
func TestGoldenInclusion(t *testing.T) {
	if *update {
		key := sampleKey(t)
		golden(t, "inclusion.tlog-proof", sampleInclusion(t, key).Marshal())
		golden(t, "journal.vkey", []byte(vkeyOf(t, key)+"\n"))
	}
	b, err1 := os.ReadFile("testdata/inclusion.tlog-proof")
	vkey, err2 := os.ReadFile("testdata/journal.vkey")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	p, err := ParseInclusionProof(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, entry, err := p.Verify(string(vkey)); err != nil || string(entry) != "entry" {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(strings.TrimSpace(string(vkey)), "+", 3)[2])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x509.ParsePKIXPublicKey(raw[1:]); err != nil {
		t.Fatalf("%s: %v", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: raw[1:]}), err)
	}
}

func FuzzParseCheckpointNote(f *testing.F) {
	b, err1 := os.ReadFile("testdata/inclusion.tlog-proof")
	vkey, err2 := os.ReadFile("testdata/journal.vkey")
	if err := errors.Join(err1, err2); err != nil {
		f.Fatal(err)
	}
	p, err := ParseInclusionProof(b)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p.Note)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCheckpointNote(b, string(vkey))
		if err == nil && !bytes.HasPrefix(b, c.Text()) {
			t.Fatalf("%q read as %+v", b, c)
		}
		if c, err := parseCheckpoint(string(b)); err == nil && !bytes.Equal(c.Text(), b) {
			t.Fatalf("%q read as %+v", b, c)
		}
	})
}

func FuzzParseInclusionProof(f *testing.F) {
	b, err := os.ReadFile("testdata/inclusion.tlog-proof")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseInclusionProof(b)
		if err == nil && !bytes.Equal(p.Marshal(), b) {
			t.Fatalf("%q has two readings", b)
		}
	})
}
