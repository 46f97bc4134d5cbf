package seal

import (
	"crypto/sha256"
	"crypto/x509"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// signedData is a seal taken apart. It has one encoding: what marshal makes of
// it. A seal that is read is marshalled again and must come out the same, so
// nothing that is not written here can stand in one: no second signer, no
// unsigned attribute, no other order, no byte behind the end.
type signedData struct {
	suite        suite
	certificates [][]byte // DER, sorted, the signer's and those above it
	crl          []byte   // DER, of the signer's issuer
	signer       *x509.Certificate
	attributes   attributes
	signature    []byte
}

// marshal returns the ContentInfo of a detached SignedData (RFC 5652, 5.1) in DER.
func (s signedData) marshal() ([]byte, error) {
	signed, err := s.attributes.marshal()
	if err != nil {
		return nil, err
	}
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidSignedData)
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { s.addSignedData(b, signed) })
		})
	})
	return b.Bytes()
}

func (s signedData) addSignedData(b *cryptobyte.Builder, signed []byte) {
	b.AddASN1Int64(1)
	b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { addAlgorithm(b, s.suite.digest, false) })
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidData) })
	b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { addSorted(b, s.certificates) })
	b.AddASN1(explicit(1), func(b *cryptobyte.Builder) { b.AddBytes(s.crl) })
	b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { s.addSignerInfo(b, signed) })
	})
}

func (s signedData) addSignerInfo(b *cryptobyte.Builder, signed []byte) {
	b.AddASN1Int64(1)
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(s.signer.RawIssuer)
		b.AddASN1BigInt(s.signer.SerialNumber)
	})
	addAlgorithm(b, s.suite.digest, false)
	// The attributes stand under an IMPLICIT tag but are signed under SET's own.
	b.AddBytes([]byte{byte(explicit(0))})
	b.AddBytes(signed[1:])
	addAlgorithm(b, s.suite.signature, s.suite.null)
	b.AddASN1OctetString(s.signature)
}

// certificateID is the hash by which signing-certificate-v2 names a certificate.
func certificateID(der []byte) [sha256.Size]byte { return sha256.Sum256(der) }

func explicit(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }
