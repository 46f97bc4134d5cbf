package verify

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// spliced puts bytes into a container where the entry of that number begins
// (the list, if there are not so many); its list and its end then say where
// everything is now, as a careful forger would have it.
func spliced(b []byte, number int, hidden []byte) []byte {
	le := binary.LittleEndian
	end := len(b) - 22
	list := int(le.Uint32(b[end+16:]))
	place := list
	for at, i := list, 0; at < end; i++ {
		if i == number {
			place = int(le.Uint32(b[at+42:]))
		}
		at += 46 + int(le.Uint16(b[at+28:])) + int(le.Uint16(b[at+30:]))
	}
	out := slices.Concat(b[:place], hidden, b[place:])
	end, list = end+len(hidden), list+len(hidden)
	le.PutUint32(out[end+16:], uint32(list))
	for at := list; at < end; at += 46 + int(le.Uint16(out[at+28:])) + int(le.Uint16(out[at+30:])) {
		if o := le.Uint32(out[at+42:]); int(o) >= place {
			le.PutUint32(out[at+42:], o+uint32(len(hidden)))
		}
	}
	return out
}

// A container is its entries and their list and nothing else, whichever way
// another program would walk it.
func TestWhatIsHiddenInAContainer(t *testing.T) {
	w := newWorld(t)
	b := w.make(t, recipe{}).write(t, true)
	other := w.make(t, recipe{}).write(t, true)
	list := binary.LittleEndian.Uint32(b[len(b)-6:])
	z, err := zip.NewReader(bytes.NewReader(other), int64(len(other)))
	if err != nil {
		t.Fatal(err)
	}
	from, err1 := z.File[2].DataOffset()
	to, err2 := z.File[3].DataOffset()
	if err := errors.Join(err1, err2); err != nil || z.File[2].Name != proof.NameAttestation {
		t.Fatal(err)
	}
	hidden := other[from-int64(30+len(z.File[2].Name)) : to-int64(30+len(z.File[3].Name))] // another attestation, whole
	patched := func(at int, with ...byte) []byte {
		out := bytes.Clone(b)
		copy(out[at:], with)
		return out
	}
	inLocal := bytes.Index(b, []byte("document-0001"))
	descriptor := bytes.Index(b, []byte("PK\x07\x08"))
	bothAccept(t, spliced(b, 1, nil), w.trust)
	for name, bad := range map[string][]byte{
		"an entry after mimetype":         spliced(b, 1, hidden),
		"an entry before mimetype":        spliced(b, 0, hidden),
		"an entry before the list":        spliced(b, 99, hidden),
		"a byte between entries":          spliced(b, 3, []byte{0}),
		"another name where it stands":    patched(inLocal, []byte("document-0009")...),
		"another method where it stands":  patched(inLocal-22, 8),
		"other flags where it stands":     patched(inLocal-24, 0),
		"an extra field where it stands":  patched(inLocal-2, 1),
		"another size after its content":  patched(descriptor+8, 0xff),
		"another sum after its content":   patched(descriptor+4, b[descriptor+4]^1),
		"an extra field in the list":      patched(int(list)+30, 1),
		"an offset that is not its own":   patched(int(list)+46+8+42, b[int(list)+46+8+42]^1),
		"junk after":                      append(bytes.Clone(b), "junk"...),
		"an end of its own after":         append(bytes.Clone(b), b[len(b)-22:]...),
		"junk before":                     append([]byte("junk"), b...),
		"junk before, list corrected":     spliced(b, 0, []byte("junk")),
		"a comment":                       append(patched(len(b)-2, 5), "hello"...),
		"a comment that is not there":     patched(len(b)-2, 5),
		"itself before":                   append(bytes.Clone(b), b...),
		"another receipt before":          append(bytes.Clone(other), b...),
		"another receipt before, hidden":  spliced(b, 0, other),
		"a list of more than the entries": patched(len(b)-12, b[len(b)-12]+1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bothRefuse(t, ErrContainer, bad, w.trust)
		})
	}
}

// Names given on the command line cannot steer a terminal.
func TestScriptPrintsNamesPlainly(t *testing.T) {
	w := newWorld(t)
	b := w.make(t, recipe{}).write(t, true)
	dir := t.TempDir()
	stranger := writeFile(t, filepath.Join(dir, "\x1b[2Jdeed\r\n\u009b1m ü \xe2\x82\x80.pdf"), []byte("no file of the deposit"))
	receipt := writeFile(t, filepath.Join(dir, "r.asice"), b)
	path := filepath.Join("..", "..", "packaging", "verify.sh")
	for _, args := range [][]string{{path, receipt, w.trust, stranger}, {path, dir + "/\x1b[2Jdeed\r\n\u009b1m ü \xe2\x82\x80.pdf.no", w.trust}} {
		out, err := exec.Command("dash", args...).CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte(`/\033[2Jdeed\015\012`+"\xc2"+`\2331m ü `+"\xe2\x82\x80")) {
			t.Errorf("%v\n%q", err, out)
		}
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
