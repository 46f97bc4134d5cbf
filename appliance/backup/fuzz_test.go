package backup

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"testing"

	"casemate/raid/volume"
)

// FuzzRecords reads any bytes as records: what reads to its end is written back as the same bytes.
func FuzzRecords(f *testing.F) {
	var b bytes.Buffer
	w := NewRecordWriter(&b)
	if err := errors.Join(w.Header(Header{ID: "x", Number: 1, Whole: true}), w.Op(volume.Op{Key: []byte("k"), Value: []byte("v")}, false),
		w.Op(volume.Op{Key: []byte("k"), Delete: true}, false), w.Op(volume.Op{Key: []byte("W"), Value: []byte("v")}, true), w.Trailer(Trailer{Values: 2})); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()-1])
	b.Reset()
	w = NewRecordWriter(&b)
	if err := errors.Join(w.Header(Header{ID: "x", Number: 1, Whole: true}), w.Fail(Failure{Said: "no", Code: "outrun"})); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(append(b.Bytes(), 0))
	f.Fuzz(func(t *testing.T, in []byte) {
		apart := len(in)%2 == 0
		r, err := NewRecordReader(bytes.NewReader(in), apart)
		if err != nil {
			return
		}
		var again bytes.Buffer
		w := NewRecordWriter(&again)
		if err := w.Header(r.Header); err != nil {
			t.Fatal(err)
		}
		for {
			op, apart, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if gaveUp := (*Failure)(nil); errors.As(err, &gaveUp) && len(in)%2 == 1 {
				t.Errorf("a safe's word is read from a medium: %v", err)
			}
			if err != nil {
				return
			}
			if err := w.Op(op, apart); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Trailer(r.Trailer); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Bytes(), in) && !(apart && bytes.HasPrefix(in, again.Bytes())) {
			t.Errorf("%q is written back as %q", in, again.Bytes())
		}
	})
}

// FuzzManifest reads any bytes as a manifest: what reads is written back as the same bytes.
func FuzzManifest(f *testing.F) {
	file := func(name string) File { return File{Name: name, SHA256: Digest(nil)} }
	m, err := Manifest{Typ: manifestType, V: 1, ID: "x", Series: "x", Number: 1, Whole: true, Envelope: file("000001.recipients"),
		Data: []File{file("000001.data-001")}, Keys: file("000001.keys-001"), Box: file("000001.box-001")}.Sign([32]byte{1})
	if err != nil {
		f.Fatal(err)
	}
	seed, err := m.Encode()
	if err != nil {
		f.Fatal(err)
	}
	if _, err := ParseManifest(seed); err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := ParseManifest(in)
		if err != nil {
			return
		}
		if out, err := m.Encode(); err != nil || !bytes.Equal(out, in) {
			t.Errorf("%q is written back as %q, %v", in, out, err)
		}
	})
}

// FuzzEnvelope opens any bytes as an envelope, with a key that none is for.
func FuzzEnvelope(f *testing.F) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.Fatal(err)
	}
	seed, err := sealKey([]*x509.Certificate{{PublicKey: key.Public(), RawIssuer: []byte{0x30, 0}, SerialNumber: big.NewInt(1)}}, [32]byte{7})
	if err != nil {
		f.Fatal(err)
	}
	if got, err := openKey(seed, key); err != nil || got != [32]byte{7} {
		f.Fatalf("the envelope opens to %x, %v", got, err)
	}
	f.Add(seed)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := openKey(in, other); err == nil {
			t.Error("an envelope for another opens")
		} else if !errors.Is(err, ErrKey) && !errors.Is(err, ErrBroken) {
			t.Errorf("an error of no name: %v", err)
		}
	})
}

// FuzzBox reads any bytes as a box: no name leads out of its folder.
func FuzzBox(f *testing.F) {
	for _, name := range []string{"config/casemate.toml", "../x", "/etc/passwd", "a/../../b"} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		_, err := w.Write(nil)
		err = errors.Join(err, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 1, Mode: 0o600}))
		_, err2 := w.Write([]byte("x"))
		if err := errors.Join(err, err2, w.Close()); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		_ = readBox(bytes.NewReader(in), func(name string, content []byte) error {
			if !boxName.MatchString(name) || bytes.Contains([]byte("/"+name), []byte("/.")) || len(content) > maxBoxFile {
				t.Errorf("%q came out of a box", name)
			}
			return nil
		})
	})
}

// FuzzNames: a name that is taken for one of ours is what we write.
func FuzzNames(f *testing.F) {
	f.Add("000001.data-001")
	f.Add("000001.manifest")
	f.Fuzz(func(t *testing.T, name string) {
		number, kind, ok := parseName(name)
		if ok && name != nameOf(number, kind) && name[:len(name)-4] != nameOf(number, kind) {
			t.Errorf("%q is number %d, %s", name, number, kind)
		}
	})
}
