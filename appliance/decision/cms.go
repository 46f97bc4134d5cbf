package decision

import (
	"bytes"
	"crypto"
	_ "crypto/sha256" // the digests that may be met
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

const (
	maxSignature    = 256 << 10 // bytes
	maxCertificates = 8
)

var (
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidRSA           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
)

// digests are those a signature may use; SHA-1 is none of them.
var digests = []struct {
	oid        asn1.ObjectIdentifier
	hash       crypto.Hash
	rsa, ecdsa x509.SignatureAlgorithm
	rsaOID     asn1.ObjectIdentifier
	ecdsaOID   asn1.ObjectIdentifier
}{
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, crypto.SHA256, x509.SHA256WithRSA, x509.ECDSAWithSHA256,
		asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, crypto.SHA384, x509.SHA384WithRSA, x509.ECDSAWithSHA384,
		asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, crypto.SHA512, x509.SHA512WithRSA, x509.ECDSAWithSHA512,
		asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}},
}

// signature is a detached CMS signature by one signer (RFC 5652), taken apart.
type signature struct {
	certificates []*x509.Certificate
	issuer       []byte // of the signer's certificate, DER
	serial       []byte // INTEGER, DER
	digestOID    asn1.ObjectIdentifier
	attributes   []byte // signed attributes as they were signed: a SET OF, DER
	algorithmOID asn1.ObjectIdentifier
	value        []byte
}

// verify holds a detached signature in DER or PEM against a text, and gives the certificate of its one
// signer first and those that came along behind. It says nothing of who the signer is.
func verify(text, der []byte) ([]*x509.Certificate, error) {
	if block, rest := pem.Decode(der); block != nil && (block.Type == "CMS" || block.Type == "PKCS7") && len(bytes.TrimSpace(rest)) == 0 {
		der = block.Bytes
	}
	s, err := parseSignature(der)
	if err != nil {
		return nil, err
	}
	chain, err := s.chain()
	if err != nil {
		return nil, err
	}
	for _, d := range digests {
		if !d.oid.Equal(s.digestOID) {
			continue
		}
		h := d.hash.New()
		_, _ = h.Write(text)
		if !attests(s.attributes, h.Sum(nil)) {
			return nil, fmt.Errorf("%w: it is over another text", ErrSignature)
		}
		algorithm := x509.UnknownSignatureAlgorithm
		switch {
		case s.algorithmOID.Equal(oidRSA), s.algorithmOID.Equal(d.rsaOID):
			algorithm = d.rsa
		case s.algorithmOID.Equal(d.ecdsaOID):
			algorithm = d.ecdsa
		}
		if err := chain[0].CheckSignature(algorithm, s.attributes, s.value); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSignature, err)
		}
		return chain, nil
	}
	return nil, fmt.Errorf("%w: its digest is none of SHA-256, SHA-384, SHA-512", ErrSignature)
}

// chain finds the signer's certificate by issuer and serial number; it must be there once.
func (s signature) chain() ([]*x509.Certificate, error) {
	var leaf, others []*x509.Certificate
	for _, c := range s.certificates {
		serial, err := asn1.Marshal(c.SerialNumber)
		if err == nil && bytes.Equal(c.RawIssuer, s.issuer) && bytes.Equal(serial, s.serial) {
			leaf = append(leaf, c)
		} else {
			others = append(others, c)
		}
	}
	if len(leaf) != 1 {
		return nil, fmt.Errorf("%w: the signer's certificate is in it %d times", ErrSignature, len(leaf))
	}
	return append(leaf, others...), nil
}

// attests tells whether signed attributes say, once each, that they are over data of this digest.
func attests(set, digest []byte) bool {
	input, attributes := cryptobyte.String(set), cryptobyte.String(nil)
	if !input.ReadASN1(&attributes, cbasn1.SET) || !input.Empty() {
		return false
	}
	types, sums := 0, 0
	for !attributes.Empty() {
		var one, values, sum cryptobyte.String
		var oid, kind asn1.ObjectIdentifier
		if !attributes.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&oid) ||
			!one.ReadASN1(&values, cbasn1.SET) || !one.Empty() {
			return false
		}
		switch {
		case oid.Equal(oidContentType):
			if !values.ReadASN1ObjectIdentifier(&kind) || !values.Empty() || !kind.Equal(oidData) {
				return false
			}
			types++
		case oid.Equal(oidMessageDigest):
			if !values.ReadASN1(&sum, cbasn1.OCTET_STRING) || !values.Empty() || !bytes.Equal(sum, digest) {
				return false
			}
			sums++
		}
	}
	return types == 1 && sums == 1
}
