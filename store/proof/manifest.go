package proof

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
)

// The manifests of ETSI EN 319 162-1 (ASiC-E, A.4). One line an object, fixed
// order, no white space to choose: a reader may rebuild the bytes and compare.
const (
	manifestHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">` + "\n"
	manifestSig = `<asic:SigReference URI="%s" MimeType="%s"></asic:SigReference>` + "\n"
	manifestRef = `<asic:DataObjectReference URI="%s" MimeType="%s">` +
		`<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>` +
		`<ds:DigestValue>%s</ds:DigestValue></asic:DataObjectReference>` + "\n"
	manifestTail = `</asic:ASiCManifest>` + "\n"
)

// Media types of what a receipt's manifests list.
const (
	mediaJSON      = "application/json"
	mediaText      = "text/plain"
	mediaXML       = "text/xml"
	mediaSignature = "application/pkcs7-signature"
	mediaEvidence  = "application/vnd.etsi.timestamp-evidence-record"
)

// ManifestEntry is one object a manifest lists.
type ManifestEntry struct {
	Name      string // its name in the container
	SHA256    [32]byte
	MediaType string
}

// writeManifest lists entries in the order given.
func writeManifest(sigName, sigType string, entries []ManifestEntry) []byte {
	var b bytes.Buffer
	b.WriteString(manifestHead)
	fmt.Fprintf(&b, manifestSig, sigName, sigType)
	for _, e := range entries {
		fmt.Fprintf(&b, manifestRef, e.Name, e.MediaType, base64.StdEncoding.EncodeToString(e.SHA256[:]))
	}
	b.WriteString(manifestTail)
	return b.Bytes()
}

// SignatureManifest is META-INF/ASiCManifest001.xml, the bytes the seal covers:
// the SHA-256 digests of attestation.json and fingerprint.txt, nothing else.
func SignatureManifest(attestation, fingerprint [32]byte) []byte {
	return writeManifest(NameSignature, mediaSignature, []ManifestEntry{
		{NameAttestation, attestation, mediaJSON},
		{NameFingerprint, fingerprint, mediaText},
	})
}

// ParseSignatureManifest reads those bytes and no others.
func ParseSignatureManifest(b []byte) (attestation, fingerprint [32]byte, err error) {
	entries, err := parseManifest(b)
	if err == nil && (len(entries) != 2 || !bytes.Equal(SignatureManifest(entries[0].SHA256, entries[1].SHA256), b)) {
		err = fmt.Errorf("%w: not as the safe writes it", ErrMalformed)
	}
	if err != nil {
		return attestation, fingerprint, fmt.Errorf("reading signature manifest: %w", err)
	}
	return entries[0].SHA256, entries[1].SHA256, nil
}

// EvidenceManifest is META-INF/ASiCEvidenceRecordManifest001.xml: what the
// evidence record's first data group holds, in the order given. Names must be
// names of a receipt's parts and media types RFC 6838 names; EvidenceEntries
// makes such entries.
func EvidenceManifest(entries []ManifestEntry) []byte {
	return writeManifest(NameEvidence, mediaEvidence, entries)
}

// ParseEvidenceManifest reads what EvidenceManifest writes and nothing else.
func ParseEvidenceManifest(b []byte) ([]ManifestEntry, error) {
	entries, err := parseManifest(b)
	if err == nil && !bytes.Equal(EvidenceManifest(entries), b) {
		err = fmt.Errorf("%w: not as the safe writes it", ErrMalformed)
	}
	if err != nil {
		return nil, fmt.Errorf("reading evidence manifest: %w", err)
	}
	return entries, nil
}

// EvidenceEntries lists the first data group of a receipt's evidence record
// (RFC 4998, 4.2), in the order of the evidence manifest: every document file,
// the attestation, the fingerprint, the signature manifest, the signature and
// the inclusion proof. All must be there.
func EvidenceEntries(files []File, r Receipt) []ManifestEntry {
	out := make([]ManifestEntry, 0, len(files)+5)
	for _, f := range files {
		out = append(out, ManifestEntry{DocumentName(f.Index, f.Name), f.Digests.SHA256, f.MediaType})
	}
	for _, p := range []struct {
		name, media string
		content     []byte
	}{
		{NameAttestation, mediaJSON, r.Attestation},
		{NameFingerprint, mediaText, r.Fingerprint},
		{NameManifest, mediaXML, r.Manifest},
		{NameSignature, mediaSignature, r.Signature},
		{NameInclusion, mediaText, r.Inclusion},
	} {
		out = append(out, ManifestEntry{p.name, DigestsOf(p.content).SHA256, p.media})
	}
	return out
}

var refLine = regexp.MustCompile(`^<asic:DataObjectReference URI="([A-Za-z0-9./-]{1,64})" MimeType="([A-Za-z0-9!#$^_.+/-]{1,128})">` +
	`<ds:DigestMethod Algorithm="http://www\.w3\.org/2001/04/xmlenc#sha256"></ds:DigestMethod>` +
	`<ds:DigestValue>([A-Za-z0-9+/]{43}=)</ds:DigestValue></asic:DataObjectReference>$`)

// parseManifest reads the object lines; the caller compares the whole with what
// it would have written.
func parseManifest(b []byte) ([]ManifestEntry, error) {
	if len(b) > MaxMeta {
		return nil, ErrTooLarge
	}
	lines := strings.Split(string(b), "\n")
	if len(lines) < 6 {
		return nil, fmt.Errorf("%w: too short", ErrMalformed)
	}
	var out []ManifestEntry
	for _, line := range lines[3 : len(lines)-2] {
		m := refLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("%w: line %q", ErrMalformed, line)
		}
		sum, err := base64.StdEncoding.Strict().DecodeString(m[3])
		if err != nil || len(sum) != 32 {
			return nil, fmt.Errorf("%w: digest of %q", ErrMalformed, m[1])
		}
		out = append(out, ManifestEntry{m[1], [32]byte(sum), m[2]})
	}
	return out, nil
}
