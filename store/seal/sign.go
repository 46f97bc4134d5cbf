package seal

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// Signer makes seals with one key.
type Signer struct {
	Key   crypto.Signer       // P-256, P-384 or RSA
	Chain []*x509.Certificate // the key's own first, then those above it; the root may be among them
	CRL   []byte              // DER, of the issuer of Chain[0], fresh: it is what a verifier will check against
}

// Sign returns a detached CAdES-B-B signature (ETSI EN 319 122-1) over content
// in DER, with at as its signing-time, in whole seconds. It carries the chain
// and the CRL, so a verifier needs nothing but the root. What it returns is
// frozen: evidence records cover its very bytes.
//
// Sign checks that the signature is the key's, not that anybody trusts the
// certificate: that is VerifySignature's part.
func (s Signer) Sign(content []byte, at time.Time) ([]byte, error) {
	data, err := s.prepare(content, at)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	signed, err := data.attributes.marshal()
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	data.signature, err = s.Key.Sign(rand.Reader, hashSum(data.suite.hash, signed), data.suite.hash)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	// A token that answers with a wrong signature must be noticed before the
	// seal is stored, not when it is needed.
	if err := data.signer.CheckSignature(data.suite.x509, signed, data.signature); err != nil {
		return nil, fmt.Errorf("sealing: the key's answer: %w", ErrSignature)
	}
	p7s, err := data.marshal()
	if err != nil || len(p7s) > maxSeal {
		return nil, fmt.Errorf("sealing in %d bytes: %w", len(p7s), errors.Join(ErrMalformed, err))
	}
	return p7s, nil
}

func (s Signer) prepare(content []byte, at time.Time) (signedData, error) {
	if s.Key == nil || len(s.Chain) == 0 || len(s.Chain) > maxCertificates {
		return signedData{}, fmt.Errorf("a key and 1 to %d certificates are needed: %w", maxCertificates, ErrKey)
	}
	leaf := s.Chain[0]
	public, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(s.Key.Public()) {
		return signedData{}, fmt.Errorf("certificate of another key: %w", ErrKey)
	}
	kind, err := suiteOf(leaf.PublicKey)
	if err != nil {
		return signedData{}, err
	}
	crl, err := x509.ParseRevocationList(s.CRL)
	if err != nil {
		return signedData{}, fmt.Errorf("reading CRL: %w", err)
	}
	if !bytes.Equal(crl.RawIssuer, leaf.RawIssuer) {
		return signedData{}, errors.New("CRL of another authority")
	}
	data := signedData{suite: kind, crl: crl.Raw, signer: leaf, attributes: attributes{
		digest: hashSum(kind.hash, content), time: at.UTC().Truncate(time.Second), certificate: certificateID(leaf.Raw),
	}}
	for _, certificate := range s.Chain {
		data.certificates = append(data.certificates, certificate.Raw)
	}
	data.certificates = sorted(data.certificates)
	return data, nil
}

func hashSum(hash crypto.Hash, b []byte) []byte {
	h := hash.New()
	h.Write(b)
	return h.Sum(nil)
}
