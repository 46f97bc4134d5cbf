package seal

import (
	"crypto"
	"crypto/subtle"
	"crypto/x509"
	"fmt"
	"time"
)

// Signature is what a verified seal says.
type Signature struct {
	Signer      *x509.Certificate
	Chain       []*x509.Certificate // the signer's first, the root last
	SigningTime time.Time           // the safe's own word, whole seconds, UTC
	Hash        crypto.Hash         // SHA-256 or SHA-384
	CRLUpdated  time.Time           // thisUpdate of the CRL in the seal
}

// VerifySignature checks a seal over content against the seal roots as of at,
// which is a time known from elsewhere: that of the first timestamp over the
// seal, or now for one that has none yet. It reads the one form that Sign
// writes and demands of the signer's certificate all that SealTemplate
// promises; the errors are ErrMalformed, ErrSignature, ErrUntrusted and
// ErrRevoked, wrapped with the reason.
func VerifySignature(p7s, content []byte, roots *x509.CertPool, at time.Time) (Signature, error) {
	return NewVerifier(roots).Verify(p7s, content, at)
}

// Verify is VerifySignature with the verifier's roots and memory.
func (v *Verifier) Verify(p7s, content []byte, at time.Time) (Signature, error) {
	data, err := parse(p7s)
	if err != nil {
		return Signature{}, fmt.Errorf("verifying seal: %w", err)
	}
	if err := data.check(content); err != nil {
		return Signature{}, fmt.Errorf("verifying seal: %w", err)
	}
	path, err := v.path(data, at)
	if err != nil {
		return Signature{}, fmt.Errorf("verifying seal: %w", err)
	}
	return Signature{
		Signer: data.signer, Chain: path.chain, SigningTime: data.attributes.time.UTC(),
		Hash: data.suite.hash, CRLUpdated: path.updated,
	}, nil
}

// check holds the content against the attributes, and those against the
// signature by the key of the certificate they name.
func (s signedData) check(content []byte) error {
	if subtle.ConstantTimeCompare(hashSum(s.suite.hash, content), s.attributes.digest) != 1 {
		return fmt.Errorf("content is not what was sealed: %w", ErrSignature)
	}
	signed, err := s.attributes.marshal()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := s.signer.CheckSignature(s.suite.x509, signed, s.signature); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return nil
}
