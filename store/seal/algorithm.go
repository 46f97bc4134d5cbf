package seal

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // SHA-256 behind crypto.Hash
	_ "crypto/sha512" // SHA-384 behind crypto.Hash
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// PolicyOID is the certificate policy of certificates that may seal: this key
// belongs to a Casemate safe and signs deposit attestations only. It stands
// under the UUID arc (ITU-T X.667), which needs no registration.
var PolicyOID, _ = x509.ParseOID("2.25.81084165407728987652634774914507603864")

var (
	oidData       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}

	oidContentType          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningTime          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}
	oidSigningCertificateV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}

	oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}

	oidECDSAWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidECDSAWithSHA384 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
	oidRSAWithSHA256   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
)

// suite is everything that follows from the kind of the sealing key.
type suite struct {
	hash      crypto.Hash
	digest    asn1.ObjectIdentifier
	signature asn1.ObjectIdentifier
	null      bool                    // the signature algorithm has NULL parameters (RFC 5754, 3.2)
	x509      x509.SignatureAlgorithm // the same, to check with
}

// suiteOf chooses the one suite for a key: SHA-256 with P-256 and with RSA
// (PKCS #1 v1.5, from 2048 bits), SHA-384 with P-384.
func suiteOf(public any) (suite, error) {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return suite{crypto.SHA256, oidSHA256, oidECDSAWithSHA256, false, x509.ECDSAWithSHA256}, nil
		case elliptic.P384():
			return suite{crypto.SHA384, oidSHA384, oidECDSAWithSHA384, false, x509.ECDSAWithSHA384}, nil
		}
	case *rsa.PublicKey:
		if key.N.BitLen() >= 2048 {
			return suite{crypto.SHA256, oidSHA256, oidRSAWithSHA256, true, x509.SHA256WithRSA}, nil
		}
	}
	return suite{}, fmt.Errorf("sealing with %T: %w", public, ErrKey)
}

// soundSignature tells whether a CRL is signed with SHA-256 or better.
func soundSignature(algorithm x509.SignatureAlgorithm) bool {
	switch algorithm {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
		x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512:
		return true
	}
	return false
}

func addAlgorithm(b *cryptobyte.Builder, oid asn1.ObjectIdentifier, null bool) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid)
		if null {
			b.AddASN1NULL()
		}
	})
}
