package proof

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden vectors (only before a format is released)")

// golden compares with a vector that later versions must reproduce.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s changed (%v):\n%s", name, err, got)
	}
}

func sampleBytes(t testing.TB) []byte {
	t.Helper()
	b, err := sampleAttestation().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAttestationRoundTrip(t *testing.T) {
	a := sampleAttestation()
	b := sampleBytes(t)
	golden(t, "attestation.json", b)
	got, err := ParseAttestation(b)
	if err != nil || !reflect.DeepEqual(got, a) {
		t.Fatalf("got %+v\nwant %+v\n%v", got, a, err)
	}
	if golden(t, "fingerprint.txt", Fingerprint(a.Files)); a.Fingerprint != DigestsOf(Fingerprint(a.Files)) {
		t.Fatal("several files: not the digests of fingerprint.txt")
	}
	if one := a.Files[:1]; ObjectDigests(one) != one[0].Digests {
		t.Fatal("one file: not its own digests")
	}
}

func TestAttestationInsideOtherJSON(t *testing.T) {
	b, err := json.MarshalIndent(map[string]any{"a": sampleAttestation()}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var out struct{ A Attestation }
	if err := json.Unmarshal(b, &out); err != nil || !reflect.DeepEqual(out.A, sampleAttestation()) {
		t.Fatalf("%+v, %v", out.A, err)
	}
	if err := json.Unmarshal(bytes.Replace(b, []byte(`"stratum": "2"`), []byte(`"stratum": "17"`), 1), &out); err == nil {
		t.Fatal("a broken one was read")
	}
}

func TestAttestationIsCutToMilliseconds(t *testing.T) {
	a := sampleAttestation()
	a.Typ, a.V, a.Metadata, a.NotBefore, a.Clock.Sources = "", "", nil, nil, nil
	a.DeclaredAt = a.DeclaredAt.Add(999_999).In(time.FixedZone("x", 3600))
	b, err := a.Marshal()
	if err != nil || !bytes.Contains(b, []byte(`"declaredAt":"2026-11-22T17:00:00.120Z"`)) || bytes.Contains(b, []byte("null")) {
		t.Fatalf("%s, %v", b, err)
	}
	if got, err := ParseAttestation(b); err != nil || got.NotBefore != nil || got.DeclaredAt.Location() != time.UTC {
		t.Fatal(err)
	}
}

func TestAttestationHasOneForm(t *testing.T) {
	good := string(sampleBytes(t))
	for name, bad := range map[string]string{
		"white space":       good + "\n",
		"space inside":      strings.Replace(good, ":", ": ", 1),
		"order":             `{"v":"1",` + strings.Replace(good[1:], `,"v":"1"`, "", 1),
		"case of a key":     strings.Replace(good, `"safe"`, `"Safe"`, 1),
		"escape":            strings.Replace(good, "Vertrag", `\u0056ertrag`, 1),
		"number, not text":  strings.Replace(good, `"number":"1152921504606846977"`, `"number":1152921504606846977`, 1),
		"leading zero":      strings.Replace(good, `"stratum":"2"`, `"stratum":"02"`, 1),
		"offset of time":    strings.Replace(good, "17:00:00.120Z", "17:00:00.120+00:00", 1),
		"no milliseconds":   strings.Replace(good, "17:00:00.120Z", "17:00:00Z", 1),
		"microseconds":      strings.Replace(good, "17:00:00.120Z", "17:00:00.120000Z", 1),
		"upper-case digest": strings.Replace(good, "e3b0c442", "E3B0C442", 1),
		"null for a list":   strings.Replace(good, `"sources":["ntp.example"]`, `"sources":null`, 1),
		"duplicate":         `{"v":"1",` + good[1:],
		"unknown":           `{"aaa":"1",` + good[1:],
		"nothing":           ``,
		"null":              `null`,
	} {
		if bad == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := ParseAttestation([]byte(bad)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func TestAttestationMustAgreeWithItself(t *testing.T) {
	for name, spoil := range map[string]func(*Attestation){
		"type":              func(a *Attestation) { a.Typ = "other" },
		"version":           func(a *Attestation) { a.V = "2" },
		"safe":              func(a *Attestation) { a.Safe = "a b" },
		"safe with plus":    func(a *Attestation) { a.Safe = "a+b" },
		"document":          func(a *Attestation) { a.Document = DocumentID{} },
		"vault":             func(a *Attestation) { a.Vault = VaultID{} },
		"number":            func(a *Attestation) { a.Number = 0 },
		"no files":          func(a *Attestation) { a.Files = nil },
		"too many files":    func(a *Attestation) { a.Files = make([]File, MaxFiles+1) },
		"index":             func(a *Attestation) { a.Files[1].Index = 3 },
		"empty name":        func(a *Attestation) { a.Files[0].Name = "" },
		"long name":         func(a *Attestation) { a.Files[0].Name = strings.Repeat("x", MaxName+1) },
		"control in name":   func(a *Attestation) { a.Files[0].Name = "a\nb" },
		"broken name":       func(a *Attestation) { a.Files[0].Name = "\xff" },
		"media type":        func(a *Attestation) { a.Files[0].MediaType = "pdf" },
		"media type quotes": func(a *Attestation) { a.Files[0].MediaType = `a/b"` },
		"negative size":     func(a *Attestation) { a.Files[0].Size = -1 },
		"size overflow":     func(a *Attestation) { a.Files[0].Size = 1<<63 - 1 },
		"sum of sizes":      func(a *Attestation) { a.Size++ },
		"fingerprint":       func(a *Attestation) { a.Fingerprint.SHA3[0] ^= 1 },
		"a file's digest":   func(a *Attestation) { a.Files[2].Digests.SHA256[0] ^= 1 },
		"depositor":         func(a *Attestation) { a.Depositor.Name = "" },
		"issuer":            func(a *Attestation) { a.Depositor.Issuer = "00" },
		"serial":            func(a *Attestation) { a.Depositor.Serial = "0A" },
		"declared":          func(a *Attestation) { a.DeclaredAt = time.Time{} },
		"not before":        func(a *Attestation) { a.NotBefore.At = time.Time{} },
		"metadata key":      func(a *Attestation) { a.Metadata[""] = "x" },
		"metadata UTF-8":    func(a *Attestation) { a.Metadata["x"] = "\xff" },
		"metadata size":     func(a *Attestation) { a.Metadata["x"] = strings.Repeat("x", MaxMetadata) },
		"trusted, a reason": func(a *Attestation) { a.Clock.Reason = "x" },
		"no trust, none":    func(a *Attestation) { a.Clock.Trusted = false },
		"stratum":           func(a *Attestation) { a.Clock.Stratum = 17 },
		"root distance":     func(a *Attestation) { a.Clock.RootDistance = -1 },
		"source":            func(a *Attestation) { a.Clock.Sources = []string{""} },
	} {
		a := sampleAttestation()
		spoil(&a)
		if b, err := a.Marshal(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v %s", name, err, b)
		}
	}
}

// The largest object the limits allow still fits into a receipt.
func TestLargestObjectFits(t *testing.T) {
	a := sampleAttestation()
	a.Files = make([]File, MaxFiles)
	a.Size = 0
	for i := range a.Files {
		a.Files[i] = File{Index: i + 1, Name: strings.Repeat("n", MaxName), MediaType: "application/" + strings.Repeat("x", 116), Size: 1 << 50}
		a.Size += 1 << 50
	}
	a.Fingerprint = ObjectDigests(a.Files)
	b, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	r := Receipt{Attestation: b, Fingerprint: Fingerprint(a.Files), Inclusion: []byte("x")}
	if n := len(EvidenceManifest(EvidenceEntries(a.Files, r))); len(r.Fingerprint) > MaxMeta || n > MaxMeta {
		t.Fatalf("fingerprint of %d, evidence manifest of %d bytes", len(r.Fingerprint), n)
	}
}

func FuzzParseAttestation(f *testing.F) {
	b := sampleBytes(f)
	f.Add(b)
	f.Add(bytes.Replace(b, []byte("120Z"), []byte("120z"), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseAttestation(b)
		if err != nil {
			return
		}
		if again, err := a.Marshal(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%s read and written is %s, %v", b, again, err)
		}
	})
}

func FuzzParseFingerprint(f *testing.F) {
	f.Add(Fingerprint(sampleFiles()))
	f.Add([]byte("sha256 00 1 1\nsha3-256 00 1 1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := ParseFingerprint(b)
		if err != nil {
			return
		}
		files := make([]File, len(list))
		for i, d := range list {
			files[i] = File{Index: d.Index, Size: d.Size, Digests: d.Digests}
		}
		if !bytes.Equal(Fingerprint(files), b) {
			t.Fatalf("%q has two readings", b)
		}
	})
}

func TestParseFingerprintRefuses(t *testing.T) {
	good := string(Fingerprint(sampleFiles()))
	for name, bad := range map[string]string{
		"nothing":      "",
		"a line less":  good[:strings.LastIndex(good[:len(good)-1], "\n")+1],
		"no newline":   good[:len(good)-1],
		"CRLF":         strings.ReplaceAll(good, "\n", "\r\n"),
		"two spaces":   strings.Replace(good, " ", "  ", 1),
		"order":        strings.Replace(good, "sha256", "sha3-256", 1),
		"index":        strings.Replace(good, " 1\n", " 2\n", 1),
		"upper case":   strings.Replace(good, "e3b0", "E3B0", 1),
		"signed size":  strings.Replace(good, " 15 1", " +15 1", 1),
		"sizes differ": strings.Replace(good, " 15 1", " 16 1", 1),
		"large":        strings.Repeat("x", MaxMeta+1),
	} {
		if bad == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := ParseFingerprint([]byte(bad)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}
