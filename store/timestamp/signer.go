package timestamp

import (
	"bytes"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"time"
)

var oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}

// verifySigner finds the certificate the signer info names, among those the
// token brought, and checks that it signed: digest of the content, signature
// over the attributes, the certificate's own hash under that signature
// (RFC 5816), and that it is a timestamping certificate (RFC 3161 2.3).
func (sd signedData) verifySigner() (*x509.Certificate, error) {
	cert, err := sd.signerCertificate()
	if err != nil {
		return nil, err
	}
	digest, ok := digestOf(sd.signer.digestAlgorithm)
	if !ok {
		return nil, fmt.Errorf("digest algorithm %s: %w", sd.signer.digestAlgorithm, ErrSigner)
	}
	h := digest.New()
	h.Write(sd.content)
	if subtle.ConstantTimeCompare(h.Sum(nil), sd.signer.parsedAttributes.messageDigest) != 1 {
		return nil, fmt.Errorf("the content was altered: %w", ErrSigner)
	}
	alg, ok := signatureOf(sd.signer.signatureAlg, digest)
	if !ok {
		return nil, fmt.Errorf("signature algorithm %s: %w", sd.signer.signatureAlg, ErrSigner)
	}
	if err := cert.CheckSignature(alg, sd.signer.attributes, sd.signer.signature); err != nil {
		return nil, fmt.Errorf("checking the signature: %w: %w", ErrSigner, err)
	}
	for _, id := range sd.signer.parsedAttributes.signingCerts {
		if !id.matches(cert) {
			return nil, fmt.Errorf("another certificate is named under the signature: %w", ErrSigner)
		}
	}
	return cert, checkPurpose(cert)
}

// signerCertificate returns the one certificate the signer info names.
func (sd signedData) signerCertificate() (*x509.Certificate, error) {
	s := sd.signer
	for _, c := range sd.certificates {
		if s.serial != nil && c.SerialNumber.Cmp(s.serial) == 0 && bytes.Equal(c.RawIssuer, s.issuer) {
			return c, nil
		}
		if s.keyID != nil && bytes.Equal(c.SubjectKeyId, s.keyID) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("the token does not bring its signer's certificate: %w", ErrSigner)
}

func (id certID) matches(cert *x509.Certificate) bool {
	hash, ok := hashOf(id.algorithm)
	if !ok {
		return false
	}
	h := hash.New()
	h.Write(cert.Raw)
	return subtle.ConstantTimeCompare(h.Sum(nil), id.hash) == 1
}

// checkPurpose demands a key made for timestamps and nothing else: the
// extended key usage is critical and has timeStamping alone, the key usage, if
// there is one, allows signing.
func checkPurpose(cert *x509.Certificate) error {
	critical := false
	for _, e := range cert.Extensions {
		if e.Id.Equal(oidExtKeyUsage) {
			critical = e.Critical
		}
	}
	if !critical || len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping || len(cert.UnknownExtKeyUsage) != 0 {
		return fmt.Errorf("certificate %q is not for timestamps alone: %w", cert.Subject, ErrSigner)
	}
	const signs = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	if cert.IsCA || (cert.KeyUsage != 0 && (cert.KeyUsage&signs == 0 || cert.KeyUsage&^signs != 0)) {
		return fmt.Errorf("certificate %q is not for signing alone: %w", cert.Subject, ErrSigner)
	}
	if key, ok := cert.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
		return fmt.Errorf("an RSA key of %d bits: %w", key.N.BitLen(), ErrSigner)
	}
	return nil
}

// verifyChain builds a path from cert to one of the roots that is valid at a time, and says from when
// to when it is. The token's other certificates may help, never decide.
func (sd signedData) verifyChain(cert *x509.Certificate, roots *x509.CertPool, at time.Time) (from, until time.Time, err error) {
	if roots == nil {
		return from, until, fmt.Errorf("no root is given: %w", ErrUntrusted)
	}
	intermediates := x509.NewCertPool()
	for _, c := range sd.certificates {
		intermediates.AddCert(c)
	}
	chains, err := cert.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   at,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	})
	if err != nil {
		return from, until, fmt.Errorf("building a chain as of %s: %w: %w", at.UTC().Format(time.RFC3339), ErrUntrusted, err)
	}
	from, until = cert.NotBefore, cert.NotAfter
	for _, c := range chains[0] {
		if c.NotBefore.After(from) {
			from = c.NotBefore
		}
		if c.NotAfter.Before(until) {
			until = c.NotAfter
		}
	}
	return from, until, nil
}
