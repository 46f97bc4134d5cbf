package timestamp

import (
	"crypto"
	_ "crypto/sha1" // #nosec G505 -- only to compare the certificate identifier of RFC 2634, see hashOf
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
)

var (
	oidSHA1   = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}

	oidRSA         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidRSASHA256   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
	oidRSASHA384   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}
	oidRSASHA512   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}
	oidECDSASHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidECDSASHA384 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
	oidECDSASHA512 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}
)

// digestOf maps the digest algorithms a signature may rest on. SHA-1 is not
// among them.
func digestOf(oid asn1.ObjectIdentifier) (crypto.Hash, bool) {
	switch {
	case oid.Equal(oidSHA256):
		return crypto.SHA256, true
	case oid.Equal(oidSHA384):
		return crypto.SHA384, true
	case oid.Equal(oidSHA512):
		return crypto.SHA512, true
	}
	return 0, false
}

// hashOf also allows SHA-1, for the certificate identifier of RFC 2634 that
// older authorities write. It only repeats under the signature which
// certificate is meant; the signature is checked with that certificate's key.
func hashOf(oid asn1.ObjectIdentifier) (crypto.Hash, bool) {
	if oid.Equal(oidSHA1) {
		return crypto.SHA1, true
	}
	return digestOf(oid)
}

// signatures are the accepted signature algorithms; the digest is the one the
// signer info names and must be the one in the algorithm's name. RSA-PSS is
// absent: readers that matter do not take it in tokens.
var signatures = []struct {
	oid    asn1.ObjectIdentifier
	digest crypto.Hash
	alg    x509.SignatureAlgorithm
}{
	{oidRSA, crypto.SHA256, x509.SHA256WithRSA},
	{oidRSA, crypto.SHA384, x509.SHA384WithRSA},
	{oidRSA, crypto.SHA512, x509.SHA512WithRSA},
	{oidRSASHA256, crypto.SHA256, x509.SHA256WithRSA},
	{oidRSASHA384, crypto.SHA384, x509.SHA384WithRSA},
	{oidRSASHA512, crypto.SHA512, x509.SHA512WithRSA},
	{oidECDSASHA256, crypto.SHA256, x509.ECDSAWithSHA256},
	{oidECDSASHA384, crypto.SHA384, x509.ECDSAWithSHA384},
	{oidECDSASHA512, crypto.SHA512, x509.ECDSAWithSHA512},
}

func signatureOf(oid asn1.ObjectIdentifier, digest crypto.Hash) (x509.SignatureAlgorithm, bool) {
	for _, s := range signatures {
		if s.digest == digest && s.oid.Equal(oid) {
			return s.alg, true
		}
	}
	return x509.UnknownSignatureAlgorithm, false
}
