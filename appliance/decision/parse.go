package decision

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

func malformed(what string) error {
	return fmt.Errorf("%w: it is no detached CMS signature by one signer (%s)", ErrSignature, what)
}

func tagged(n uint8) cbasn1.Tag { return cbasn1.Tag(n).Constructed().ContextSpecific() }

// parseSignature takes a ContentInfo of SignedData apart (RFC 5652, 3 and 5.1): DER, nothing behind it,
// no content within, one signer named by issuer and serial number, signed attributes.
func parseSignature(der []byte) (signature, error) {
	var s signature
	if len(der) > maxSignature {
		return s, malformed("too large")
	}
	input := cryptobyte.String(der)
	var info, wrapped, body, content, certificates, signers, signer cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !input.ReadASN1(&info, cbasn1.SEQUENCE) || !input.Empty() ||
		!info.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(oidSignedData) ||
		!info.ReadASN1(&wrapped, tagged(0)) || !info.Empty() ||
		!wrapped.ReadASN1(&body, cbasn1.SEQUENCE) || !wrapped.Empty() {
		return s, malformed("its envelope")
	}
	var version int64
	if !body.ReadASN1Integer(&version) || !body.SkipASN1(cbasn1.SET) || !body.ReadASN1(&content, cbasn1.SEQUENCE) ||
		!content.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(oidData) {
		return s, malformed("its content")
	}
	if !content.Empty() {
		return s, malformed("the text is inside: sign it without -nodetach")
	}
	if !body.ReadASN1(&certificates, tagged(0)) || !body.SkipOptionalASN1(tagged(1)) ||
		!body.ReadASN1(&signers, cbasn1.SET) || !body.Empty() ||
		!signers.ReadASN1(&signer, cbasn1.SEQUENCE) || !signers.Empty() {
		return s, malformed("its certificates or its signer")
	}
	for !certificates.Empty() {
		var one cryptobyte.String
		if len(s.certificates) == maxCertificates || !certificates.ReadASN1Element(&one, cbasn1.SEQUENCE) {
			return s, malformed("its certificates")
		}
		c, err := x509.ParseCertificate(one)
		if err != nil {
			return s, malformed(err.Error())
		}
		s.certificates = append(s.certificates, c)
	}
	return s, s.readSigner(signer)
}

// readSigner reads a SignerInfo (RFC 5652, 5.3).
func (s *signature) readSigner(in cryptobyte.String) error {
	var id, issuer, serial, digest, attributes, algorithm, value cryptobyte.String
	var version int64
	if !in.ReadASN1Integer(&version) || version != 1 || !in.ReadASN1(&id, cbasn1.SEQUENCE) {
		return malformed("its signer is not named by issuer and serial number")
	}
	if !id.ReadASN1Element(&issuer, cbasn1.SEQUENCE) || !id.ReadASN1Element(&serial, cbasn1.INTEGER) || !id.Empty() ||
		!in.ReadASN1(&digest, cbasn1.SEQUENCE) || !digest.ReadASN1ObjectIdentifier(&s.digestOID) {
		return malformed("its signer")
	}
	if !in.ReadASN1Element(&attributes, tagged(0)) {
		return malformed("it has no signed attributes: sign it without -noattr")
	}
	if !in.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&s.algorithmOID) ||
		!in.ReadASN1(&value, cbasn1.OCTET_STRING) || !in.SkipOptionalASN1(tagged(1)) || !in.Empty() {
		return malformed("its signature")
	}
	s.issuer, s.serial, s.value = issuer, serial, value
	// What was signed has the tag of a SET (RFC 5652, 5.4).
	s.attributes = append([]byte{byte(cbasn1.SET)}, attributes[1:]...)
	return nil
}
