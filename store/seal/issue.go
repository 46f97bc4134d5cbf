package seal

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"math/big"
	"time"
)

// Issue signs a certificate for public as template says, by the authority
// parent whose key signer is. Without a parent it signs itself: signer is then
// the key of public. It draws the serial number and sets the key identifiers;
// the validity of the certificate never ends after its issuer's.
func Issue(template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	t := *template
	t.SerialNumber = nil // x509 draws one
	id, err := keyID(public)
	if err != nil {
		return nil, err
	}
	t.SubjectKeyId = id
	if parent == nil {
		parent = &t
	} else if t.NotAfter.After(parent.NotAfter) {
		t.NotAfter = parent.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, &t, parent, public, signer)
	if err != nil {
		return nil, fmt.Errorf("issuing certificate for %q: %w", t.Subject, err)
	}
	return x509.ParseCertificate(der)
}

// keyID names a key by the first 160 bits of the SHA-256 of its SPKI (RFC 7093, 2).
func keyID(public crypto.PublicKey) ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	sum := sha256.Sum256(spki)
	return sum[:20], nil
}

// NewCRL signs a CRL of the authority issuer, whose key signer is: number is
// greater than every earlier one, in force for the given time from at. That
// time bounds how long after a seal its first timestamp may come.
func NewCRL(issuer *x509.Certificate, signer crypto.Signer, number *big.Int, at time.Time, valid time.Duration, revoked []x509.RevocationListEntry) ([]byte, error) {
	at = at.UTC().Truncate(time.Second)
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: number, ThisUpdate: at.Add(-Backdate), NextUpdate: at.Add(valid), RevokedCertificateEntries: revoked,
	}, issuer, signer)
	if err != nil {
		return nil, fmt.Errorf("signing CRL of %q: %w", issuer.Subject, err)
	}
	return der, nil
}
