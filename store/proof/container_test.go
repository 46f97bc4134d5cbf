package proof

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func sampleReceipt(t testing.TB) Receipt {
	t.Helper()
	a := sampleBytes(t)
	fp := Fingerprint(sampleFiles())
	return Receipt{Attestation: a, Fingerprint: fp,
		Manifest:  SignatureManifest(DigestsOf(a).SHA256, DigestsOf(fp).SHA256),
		Signature: []byte("p7s"), Inclusion: []byte("proof"), EvidenceManifest: []byte("xml"), Evidence: []byte("ers"),
		VerifyScript: []byte("#!/bin/sh\n"), Trust: map[string][]byte{"seal.pem": []byte("x"), "journal.vkey": []byte("y")}}
}

func write(t testing.TB, r Receipt, open func(File) (io.ReadCloser, error)) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteReceipt(&b, r, sampleFiles(), open); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(b []byte) (*ReceiptReader, error) { return OpenReceipt(bytes.NewReader(b), int64(len(b))) }

func TestReceiptRoundTrip(t *testing.T) {
	want := sampleReceipt(t)
	want.NotBefore = []byte("tst")
	b := write(t, want, sampleOpen)
	if !bytes.Equal(b, write(t, want, sampleOpen)) {
		t.Fatal("written twice, different bytes")
	}
	if !bytes.HasPrefix(b[30:], []byte("mimetype"+MediaTypeReceipt)) {
		t.Fatal("the media type is not where file(1) looks for it")
	}
	r, err := read(b)
	if err != nil || !reflect.DeepEqual(r.Receipt, want) || r.Provisional() {
		t.Fatalf("got %+v, %v", r, err)
	}
	for _, f := range sampleFiles() {
		doc := r.Documents[DocumentName(f.Index, f.Name)]
		body, err := doc.Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err != nil || !bytes.Equal(got, sampleBodies[f.Index-1]) || doc.Size != f.Size {
			t.Fatalf("document %d: %v", f.Index, err)
		}
	}
}

func TestDetachedAndProvisional(t *testing.T) {
	r := sampleReceipt(t)
	r.Inclusion, r.EvidenceManifest, r.Evidence, r.VerifyScript, r.Trust = nil, nil, nil, nil, nil
	b := write(t, r, nil)
	golden(t, "provisional.asice", b)
	got, err := read(b)
	if err != nil || !got.Provisional() || len(got.Documents) != 0 || !reflect.DeepEqual(got.Receipt, r) {
		t.Fatalf("%+v, %v", got, err)
	}
}

// Info-ZIP is what an outsider has.
func TestUnzipReadsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.asice")
	if err := os.WriteFile(path, write(t, sampleReceipt(t), sampleOpen), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("unzip", "-tqq", path).CombinedOutput(); err != nil || len(out) != 0 {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command("unzip", "-p", path, "document-0003.gz").Output()
	if err != nil || !bytes.Equal(out, sampleBodies[2]) {
		t.Fatal(err)
	}
}

func TestWriteReceiptRefuses(t *testing.T) {
	boom := errors.New("disk on fire")
	whole := sampleReceipt(t)
	for name, c := range map[string]struct {
		spoil func(*Receipt)
		open  func(File) (io.ReadCloser, error)
		want  error
	}{
		"no signature": {func(r *Receipt) { r.Signature = nil }, sampleOpen, ErrContainer},
		"a token of before that is not named": {func(r *Receipt) {
			a := sampleAttestation()
			a.NotBefore = nil
			r.Attestation, _ = a.Marshal()
			r.NotBefore = []byte("tst")
		}, sampleOpen, ErrContainer},
		"half evidence":    {func(r *Receipt) { r.Inclusion = nil }, sampleOpen, ErrContainer},
		"a large part":     {func(r *Receipt) { r.Evidence = make([]byte, MaxMeta+1) }, sampleOpen, ErrTooLarge},
		"a body too short": {func(*Receipt) {}, body(""), ErrInvalid},
		"a body too long":  {func(*Receipt) {}, body(strings.Repeat("x", 70_001)), ErrInvalid},
		"no body":          {func(*Receipt) {}, func(File) (io.ReadCloser, error) { return nil, boom }, boom},
	} {
		r := whole
		c.spoil(&r)
		if err := WriteReceipt(io.Discard, r, sampleFiles(), c.open); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := WriteReceipt(&shortWriter{left: 200}, whole, sampleFiles(), sampleOpen); err == nil {
		t.Error("the writer's error was lost")
	}
}

func body(s string) func(File) (io.ReadCloser, error) {
	return func(File) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

type shortWriter struct{ left int }

func (w *shortWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

// container makes any zip: a forger's workshop.
func container(t *testing.T, entries ...zip.FileHeader) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, h := range entries {
		content := h.Comment // carried here for brevity
		h.Comment = ""
		if h.Name == "commented" {
			h.Name, h.Comment = NameSignature, "hello"
		}
		var w io.Writer
		var err error
		if h.Name == NameMimetype && h.Method == zip.Store {
			err = writePart(z, h.Name, []byte(content))
		} else if w, err = z.CreateHeader(&h); err == nil {
			_, err = io.WriteString(w, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func stored(name, content string) zip.FileHeader { return zip.FileHeader{Name: name, Comment: content} }

func TestOpenReceiptRefuses(t *testing.T) {
	mime, att := stored(NameMimetype, MediaTypeReceipt), stored(NameAttestation, "{}")
	fp, man, sig := stored(NameFingerprint, "f"), stored(NameManifest, "m"), stored(NameSignature, "s")
	deflated := sig
	deflated.Method = zip.Deflate
	if _, err := read(container(t, mime, att, fp, man, sig)); err != nil {
		t.Fatalf("the plain one: %v", err)
	}
	for name, bad := range map[string][]byte{
		"not a zip":          []byte("hello"),
		"empty":              container(t),
		"mimetype not first": container(t, att, mime, fp, man, sig),
		"no mimetype":        container(t, att, fp, man, sig),
		"another media type": container(t, stored(NameMimetype, "application/zip"), att, fp, man, sig),
		"something before":   append([]byte("#!/bin/sh\n"), container(t, mime, att, fp, man, sig)...),
		"deflated":           container(t, mime, att, fp, man, deflated),
		"twice":              container(t, mime, att, fp, man, sig, sig),
		"traversal":          container(t, mime, att, fp, man, sig, stored("../evil", "x")),
		"absolute":           container(t, mime, att, fp, man, sig, stored("/etc/passwd", "x")),
		"unknown":            container(t, mime, att, fp, man, sig, stored("META-INF/other", "x")),
		"unknown trust":      container(t, mime, att, fp, man, sig, stored(NameTrust+"access.pem", "x")),
		"trust folder":       container(t, mime, att, fp, man, sig, stored(NameTrust, "")),
		"document zero":      container(t, mime, att, fp, man, sig, stored("document-0000", "x")),
		"document extension": container(t, mime, att, fp, man, sig, stored("document-0001.PDF", "x")),
		"documents":          container(t, mime, att, fp, man, sig, stored("document-9999", "x")),
		"no signature":       container(t, mime, att, fp, man),
		"evidence alone":     container(t, mime, att, fp, man, sig, stored(NameEvidence, "e")),
		"a large part":       container(t, mime, att, fp, man, stored(NameSignature, strings.Repeat("x", MaxMeta+1))),
		"a comment":          container(t, mime, att, fp, man, stored("commented", "s")),
	} {
		if _, err := read(bad); !errors.Is(err, ErrContainer) && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A flipped bit is refused, or it is one of the container's own that carries
// nothing: then what is read is the same to the last byte.
func TestEveryFlippedBitOfAReceipt(t *testing.T) {
	want := sampleReceipt(t)
	files := sampleFiles()[:2]
	var buf bytes.Buffer
	if err := WriteReceipt(&buf, want, files, sampleOpen); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i := range buf.Len() * 8 {
		b := bytes.Clone(buf.Bytes())
		b[i/8] ^= 1 << (i % 8)
		r, err := read(b)
		if err != nil {
			refused++
			continue
		}
		if !reflect.DeepEqual(r.Receipt, want) {
			t.Fatalf("bit %d flipped: another receipt was read", i)
		}
		for _, f := range files {
			doc, ok := r.Documents[DocumentName(f.Index, f.Name)]
			if !ok {
				continue // under another name: whoever asks for the file sees it missing
			}
			body, err := doc.Open()
			if err != nil {
				continue
			}
			if got, err := io.ReadAll(body); err == nil && !bytes.Equal(got, sampleBodies[f.Index-1]) {
				t.Fatalf("bit %d flipped: another document was read", i)
			}
		}
	}
	if refused < buf.Len()*4 {
		t.Fatalf("only %d of %d flipped bits refused", refused, buf.Len()*8)
	}
}

func TestDocumentName(t *testing.T) {
	for original, want := range map[string]string{
		"Vertrag.PDF": "document-0007.pdf", "a.tar.gz": "document-0007.gz", "none": "document-0007", "dot.": "document-0007",
		"x.verylongext": "document-0007", "x.p/../df": "document-0007", "x.pd f": "document-0007", "x.\u212a": "document-0007.k", "": "document-0007",
	} {
		got := DocumentName(7, original)
		if got != want || !isDocumentName(got) {
			t.Errorf("%q: %s", original, got)
		}
	}
}

func FuzzOpenReceipt(f *testing.F) {
	f.Add(write(f, sampleReceipt(f), sampleOpen))
	r := sampleReceipt(f)
	r.Inclusion, r.EvidenceManifest, r.Evidence = nil, nil, nil
	f.Add(write(f, r, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := read(b)
		if err != nil {
			return
		}
		if err := r.complete(); err != nil {
			t.Fatal(err)
		}
		for _, doc := range r.Documents {
			body, err := doc.Open()
			if err != nil {
				continue
			}
			if n, err := io.Copy(io.Discard, body); err == nil && n != doc.Size {
				t.Fatalf("%d bytes of %d", n, doc.Size)
			}
		}
	})
}
