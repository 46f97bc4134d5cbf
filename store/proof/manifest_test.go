package proof

import (
	"bytes"
	"encoding/xml"
	"errors"
	"strings"
	"testing"
)

func TestSignatureManifest(t *testing.T) {
	b := SignatureManifest([32]byte{1}, [32]byte{2})
	golden(t, "ASiCManifest001.xml", b)
	one, two, err := ParseSignatureManifest(b)
	if err != nil || one != [32]byte{1} || two != [32]byte{2} {
		t.Fatal(one, two, err)
	}
	for i := range b { // only a digest's letters may change, and then the digest does
		bad := bytes.Clone(b)
		bad[i] ^= 1
		if x, y, err := ParseSignatureManifest(bad); err == nil && x == one && y == two {
			t.Errorf("byte %d flipped: same reading", i)
		}
	}
}

func TestEvidenceManifest(t *testing.T) {
	r := sampleReceipt(t)
	entries := EvidenceEntries(sampleFiles(), r)
	b := EvidenceManifest(entries)
	golden(t, "ASiCEvidenceRecordManifest001.xml", b)
	got, err := ParseEvidenceManifest(b)
	if err != nil || len(got) != 8 || got[0].Name != "document-0001.pdf" || got[7] != entries[7] {
		t.Fatal(got, err)
	}
	var doc struct { // it is XML in the namespaces ETSI names
		XMLName xml.Name `xml:"http://uri.etsi.org/02918/v1.2.1# ASiCManifest"`
		Refs    []struct {
			URI    string `xml:",attr"`
			Digest string `xml:"http://www.w3.org/2000/09/xmldsig# DigestValue"`
		} `xml:"http://uri.etsi.org/02918/v1.2.1# DataObjectReference"`
	}
	if err := xml.Unmarshal(b, &doc); err != nil || len(doc.Refs) != 8 || doc.Refs[1].URI != "document-0002" || len(doc.Refs[1].Digest) != 44 {
		t.Fatalf("%+v, %v", doc, err)
	}
}

func TestManifestsRefuse(t *testing.T) {
	good := string(SignatureManifest([32]byte{1}, [32]byte{2}))
	line := strings.Split(good, "\n")[3]
	for name, bad := range map[string]string{
		"nothing":         "",
		"a line more":     strings.Replace(good, line, line+"\n"+line, 1),
		"a line less":     strings.Replace(good, line+"\n", "", 1),
		"comment":         strings.Replace(good, line, line+"<!-- -->", 1),
		"CRLF":            strings.ReplaceAll(good, "\n", "\r\n"),
		"after the end":   good + "x",
		"other algorithm": strings.Replace(good, "sha256", "sha512", 1),
		"other object":    strings.Replace(good, NameAttestation, "document-0001.pdf", 1),
		"short tags":      strings.Replace(good, "></ds:DigestMethod>", "/>", 1),
		"spare bits":      strings.Replace(good, "AAA=", "AAB=", 1),
		"large":           strings.Repeat("\n", MaxMeta+1),
	} {
		if bad == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, _, err := ParseSignatureManifest([]byte(bad)); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseManifests(f *testing.F) {
	f.Add(SignatureManifest([32]byte{1}, [32]byte{2}))
	f.Add(EvidenceManifest([]ManifestEntry{{"document-0001.pdf", [32]byte{3}, "application/pdf"}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if one, two, err := ParseSignatureManifest(b); err == nil && !bytes.Equal(SignatureManifest(one, two), b) {
			t.Fatalf("%q has two readings", b)
		}
		if e, err := ParseEvidenceManifest(b); err == nil && !bytes.Equal(EvidenceManifest(e), b) {
			t.Fatalf("%q has two readings", b)
		}
	})
}
