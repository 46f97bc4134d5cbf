package verify

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"casemate/store/proof"
)

// entry is one entry of a container made by hand.
type entry struct {
	name, content string
	method        uint16
}

// entriesOf takes an honest receipt apart.
func entriesOf(t *testing.T, b []byte) []entry {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out []entry
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, entry{f.Name, string(content), zip.Store})
	}
	return out
}

func pack(t *testing.T, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		w, err := z.CreateHeader(&zip.FileHeader{Name: e.name, Method: e.method})
		if err == nil && e.content != "" {
			_, err = io.WriteString(w, e.content)
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

func without(list []entry, name string) (out []entry) {
	for _, e := range list {
		if e.name != name {
			out = append(out, e)
		}
	}
	return out
}

func changed(list []entry, name string, change func(*entry)) []entry {
	out := append([]entry(nil), list...)
	for i := range out {
		if out[i].name == name {
			change(&out[i])
		}
	}
	return out
}

func TestContainersThatAreNoReceipts(t *testing.T) {
	w := newWorld(t)
	good := entriesOf(t, w.make(t, recipe{}).write(t, true))
	bothAccept(t, pack(t, good), w.trust) // as packed by hand, nothing is wrong with it
	plus := func(name string) []entry {
		return append(append([]entry(nil), good...), entry{name: name, content: "x"})
	}
	for name, b := range map[string][]byte{
		"not a container":       []byte("hello"),
		"nothing":               {},
		"traversal":             pack(t, plus("../../../tmp/evil")),
		"absolute":              pack(t, plus("/tmp/evil")),
		"backslashes":           pack(t, plus(`..\evil`)),
		"a name with space":     pack(t, plus("document-0002.pdf mimetype")),
		"a name with newline":   pack(t, plus("document-0002\nmimetype")),
		"a pattern":             pack(t, plus("document-000[12]")),
		"a folder":              pack(t, append(append([]entry(nil), good...), entry{name: "META-INF/"})),
		"an attestation more":   pack(t, plus("attestation.json")),
		"a document more":       pack(t, plus("document-0002.pdf")),
		"a part we know not":    pack(t, plus("META-INF/signature002.p7s")),
		"no attestation":        pack(t, without(good, proof.NameAttestation)),
		"no fingerprint":        pack(t, without(good, proof.NameFingerprint)),
		"no signature":          pack(t, without(good, proof.NameSignature)),
		"no inclusion":          pack(t, without(good, proof.NameInclusion)),
		"no evidence":           pack(t, without(good, proof.NameEvidence)),
		"mimetype last":         pack(t, append(good[1:len(good):len(good)], good[0])),
		"another mimetype":      pack(t, changed(good, proof.NameMimetype, func(e *entry) { e.content = "application/vnd.etsi.asic-s+zip" })),
		"compressed":            pack(t, changed(good, proof.NameSignature, func(e *entry) { e.method = zip.Deflate })),
		"a compressed document": pack(t, changed(good, "document-0001.pdf", func(e *entry) { e.method = zip.Deflate })),
		"a part too large":      pack(t, changed(good, proof.NameInclusion, func(e *entry) { e.content += strings.Repeat("\n", proof.MaxMeta) })),
		"another extension":     pack(t, changed(good, "document-0001.pdf", func(e *entry) { e.name = "document-0001.exe" })),
		"something before it":   append([]byte("#!/bin/sh\n"), pack(t, good)...),
		"cut":                   pack(t, good)[:2000],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := ErrContainer
			if name == "a document more" || name == "another extension" {
				want = ErrInconsistent
			}
			bothRefuse(t, want, b, w.trust)
		})
	}
	if _, err := os.Stat("/tmp/evil"); err == nil {
		t.Error("something was written outside")
	}
}

func TestScriptThatCannotTry(t *testing.T) {
	w := newWorld(t)
	b := w.make(t, recipe{}).write(t, true)
	for name, spoil := range map[string]func(dir string) error{
		"no seal.pem":     func(dir string) error { return os.Remove(filepath.Join(dir, "seal.pem")) },
		"empty tsa.pem":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "tsa.pem"), nil, 0o600) },
		"no certificate":  func(dir string) error { return os.WriteFile(filepath.Join(dir, "tsa.pem"), []byte("hello"), 0o600) },
		"no journal.vkey": func(dir string) error { return os.Remove(filepath.Join(dir, "journal.vkey")) },
		"another key id":  func(dir string) error { return edit(filepath.Join(dir, "journal.vkey"), "+", "+0") },
		"not a key":       func(dir string) error { return edit(filepath.Join(dir, "journal.vkey"), "+Aj", "+Ak") },
		"seal root is a timestamp root": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "seal.pem"), certPEM(w.seal.cert, w.tsa.root.cert), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := w.writeTrust(t)
			if err := spoil(dir); err != nil {
				t.Fatal(err)
			}
			if code, out := script(t, b, dir); code != scriptCannot || !strings.Contains(out, "error:") {
				t.Errorf("verify.sh: exit %d\n%s", code, out)
			}
			if _, err := LoadTrust(dir); err == nil {
				t.Error("the trust was taken")
			}
		})
	}
	if code, out := script(t, b, "/nonexistent"); code != scriptCannot {
		t.Errorf("no trust: exit %d\n%s", code, out)
	}
}

func edit(path, old, new string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Replace(string(b), old, new, 1)), 0o600)
}

// The policy the script demands is that of the seal's package, and it leaves
// nothing behind.
func TestScriptIsOurs(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "packaging", "verify.sh"))
	if err != nil || !strings.Contains(string(b), "SEAL_POLICY="+sealPolicy+"\n") {
		t.Errorf("the seal policy is not %s (%v)", sealPolicy, err)
	}
}
