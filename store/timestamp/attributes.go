package timestamp

import (
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCert   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidSigningCertV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
)

// attributes are the signed attributes that decide; others, such as
// signing-time, are passed over: a token has one time, genTime.
type attributes struct {
	messageDigest []byte
	signingCerts  []certID // one for each of signing-certificate and -v2 present
}

// certID is the first ESSCertID or ESSCertIDv2 of an attribute (RFC 5035 4,
// RFC 5816 2.2.1): it names the signer; any further ones name issuers.
type certID struct {
	algorithm asn1.ObjectIdentifier // of hash
	hash      []byte
}

// parseAttributes reads the signed attributes: no type twice, content-type
// must be id-ct-TSTInfo, message-digest and a signing certificate must be
// there.
func parseAttributes(der []byte) (attributes, error) {
	s := cryptobyte.String(der)
	var set cryptobyte.String
	if !s.ReadASN1(&set, cbasn1.SET) || !s.Empty() {
		return attributes{}, malformed("the signed attributes")
	}
	var out attributes
	seen := make(map[string]bool)
	for !set.Empty() {
		var attribute, values cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !set.ReadASN1(&attribute, cbasn1.SEQUENCE) || !attribute.ReadASN1ObjectIdentifier(&oid) ||
			!attribute.ReadASN1(&values, cbasn1.SET) || !attribute.Empty() || seen[oid.String()] {
			return attributes{}, malformed("the signed attributes")
		}
		seen[oid.String()] = true
		if !out.take(oid, values) {
			return attributes{}, malformed("signed attribute " + oid.String())
		}
	}
	if !seen[oidContentType.String()] || out.messageDigest == nil || len(out.signingCerts) == 0 {
		return attributes{}, fmt.Errorf("content type, digest and signer's certificate must be signed: %w", ErrMalformed)
	}
	return out, nil
}

func (a *attributes) take(oid asn1.ObjectIdentifier, values cryptobyte.String) bool {
	switch {
	case oid.Equal(oidContentType):
		var content asn1.ObjectIdentifier
		return values.ReadASN1ObjectIdentifier(&content) && content.Equal(oidTSTInfo) && values.Empty()
	case oid.Equal(oidMessageDigest):
		var digest cryptobyte.String
		ok := values.ReadASN1(&digest, cbasn1.OCTET_STRING) && values.Empty() && len(digest) > 0
		a.messageDigest = digest
		return ok
	case oid.Equal(oidSigningCert), oid.Equal(oidSigningCertV2):
		id, ok := readCertID(values, oid.Equal(oidSigningCertV2))
		a.signingCerts = append(a.signingCerts, id)
		return ok
	default:
		return true
	}
}

// readCertID reads SigningCertificate(V2) up to the first certificate's hash.
// The issuer and serial that may follow say nothing the hash does not.
func readCertID(values cryptobyte.String, v2 bool) (certID, bool) {
	var outer, list, first, hash cryptobyte.String
	if !values.ReadASN1(&outer, cbasn1.SEQUENCE) || !values.Empty() ||
		!outer.ReadASN1(&list, cbasn1.SEQUENCE) || !list.ReadASN1(&first, cbasn1.SEQUENCE) {
		return certID{}, false
	}
	id := certID{algorithm: oidSHA1}
	if v2 {
		id.algorithm = oidSHA256 // DEFAULT
		if first.PeekASN1Tag(cbasn1.SEQUENCE) {
			var ok bool
			if id.algorithm, ok = readAlgorithm(&first); !ok {
				return certID{}, false
			}
		}
	}
	ok := first.ReadASN1(&hash, cbasn1.OCTET_STRING)
	id.hash = hash
	return id, ok
}
