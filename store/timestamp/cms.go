package timestamp

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// maxToken bounds a token; real ones have 2 to 12 KiB.
const maxToken = 1 << 20

// maxCertificates bounds the chain a token may bring.
const maxCertificates = 16

var (
	oidSignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
)

// signedData is what matters of a CMS SignedData (RFC 5652 5.1) that carries
// a TSTInfo and has exactly one signer (RFC 3161 2.4.2).
type signedData struct {
	content      []byte // eContent: the DER TSTInfo
	certificates []*x509.Certificate
	signer       signerInfo
}

// signerInfo is RFC 5652 5.3. One of issuer with serial, or keyID, is set.
type signerInfo struct {
	issuer           []byte
	serial           *big.Int
	keyID            []byte
	digestAlgorithm  asn1.ObjectIdentifier
	attributes       []byte // as signed: DER with the SET tag
	signatureAlg     asn1.ObjectIdentifier
	signature        []byte
	parsedAttributes attributes
}

// parseToken reads a TimeStampToken. Revocation data (crls) is passed over
// unread: it is not signed, and some authorities put OCSP responses there.
func parseToken(der []byte) (signedData, error) {
	if len(der) > maxToken {
		return signedData{}, fmt.Errorf("a token of %d bytes: %w", len(der), ErrMalformed)
	}
	body, err := readSequence(der, "the token")
	if err != nil {
		return signedData{}, err
	}
	var oid asn1.ObjectIdentifier
	var explicit, sd cryptobyte.String
	if !body.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(oidSignedData) ||
		!body.ReadASN1(&explicit, tag0Constructed) || !body.Empty() ||
		!explicit.ReadASN1(&sd, cbasn1.SEQUENCE) || !explicit.Empty() {
		return signedData{}, malformed("the token's envelope")
	}
	return parseSignedData(sd)
}

func parseSignedData(sd cryptobyte.String) (signedData, error) {
	var out signedData
	var version int
	var algorithms, signers, certificates cryptobyte.String
	if !sd.ReadASN1Integer(&version) || !sd.ReadASN1(&algorithms, cbasn1.SET) {
		return signedData{}, malformed("the signed data")
	}
	content, ok := readContent(&sd)
	if !ok {
		return signedData{}, malformed("the token's content")
	}
	out.content = content
	var hasCertificates bool
	if !sd.ReadOptionalASN1(&certificates, &hasCertificates, tag0Constructed) ||
		!sd.SkipOptionalASN1(tag1Constructed) ||
		!sd.ReadASN1(&signers, cbasn1.SET) || !sd.Empty() {
		return signedData{}, malformed("the signed data")
	}
	var err error
	if out.certificates, err = parseCertificates(certificates); err != nil {
		return signedData{}, err
	}
	out.signer, err = parseSigner(&signers)
	if err != nil {
		return signedData{}, err
	}
	if !signers.Empty() {
		return signedData{}, fmt.Errorf("the token has more than one signer: %w", ErrMalformed)
	}
	return out, nil
}

// readContent reads EncapsulatedContentInfo and demands a TSTInfo.
func readContent(sd *cryptobyte.String) ([]byte, bool) {
	var info, explicit, content cryptobyte.String
	var oid asn1.ObjectIdentifier
	ok := sd.ReadASN1(&info, cbasn1.SEQUENCE) &&
		info.ReadASN1ObjectIdentifier(&oid) && oid.Equal(oidTSTInfo) &&
		info.ReadASN1(&explicit, tag0Constructed) && info.Empty() &&
		explicit.ReadASN1(&content, cbasn1.OCTET_STRING) && explicit.Empty()
	return content, ok
}

// parseCertificates reads the certificates that came along. What is no X.509
// certificate, or none this library can read, cannot take part in a chain and
// is left out.
func parseCertificates(set cryptobyte.String) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for n := 0; !set.Empty(); n++ {
		var element cryptobyte.String
		var tag cbasn1.Tag
		if n == maxCertificates || !set.ReadAnyASN1Element(&element, &tag) {
			return nil, malformed("the token's certificates")
		}
		if tag != cbasn1.SEQUENCE {
			continue
		}
		if c, err := x509.ParseCertificate(element); err == nil {
			out = append(out, c)
		}
	}
	return out, nil
}

func parseSigner(set *cryptobyte.String) (signerInfo, error) {
	var info, sid cryptobyte.String
	var tag cbasn1.Tag
	var version int
	var out signerInfo
	if !set.ReadASN1(&info, cbasn1.SEQUENCE) || !info.ReadASN1Integer(&version) ||
		!info.ReadAnyASN1(&sid, &tag) || !out.readIdentifier(sid, tag) {
		return signerInfo{}, malformed("the token's signer")
	}
	var signedAttributes cryptobyte.String
	var ok bool
	if out.digestAlgorithm, ok = readAlgorithm(&info); !ok ||
		!info.ReadASN1Element(&signedAttributes, tag0Constructed) {
		return signerInfo{}, malformed("the token's signed attributes")
	}
	// Signed is the encoding with the explicit SET tag (RFC 5652 5.4).
	out.attributes = append([]byte(nil), signedAttributes...)
	out.attributes[0] = byte(cbasn1.SET)
	var signature cryptobyte.String
	if out.signatureAlg, ok = readAlgorithm(&info); !ok || !info.ReadASN1(&signature, cbasn1.OCTET_STRING) ||
		!info.SkipOptionalASN1(tag1Constructed) || !info.Empty() {
		return signerInfo{}, malformed("the token's signature")
	}
	out.signature = signature
	var err error
	out.parsedAttributes, err = parseAttributes(out.attributes)
	return out, err
}

// readIdentifier reads SignerIdentifier: issuer and serial, or key identifier.
func (s *signerInfo) readIdentifier(sid cryptobyte.String, tag cbasn1.Tag) bool {
	switch tag {
	case tag0:
		s.keyID = sid
		return len(sid) > 0
	case cbasn1.SEQUENCE:
		var issuer cryptobyte.String
		s.serial = new(big.Int)
		ok := sid.ReadASN1Element(&issuer, cbasn1.SEQUENCE) && sid.ReadASN1Integer(s.serial) && sid.Empty()
		s.issuer = issuer
		return ok
	default:
		return false
	}
}
