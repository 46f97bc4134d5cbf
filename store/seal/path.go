package seal

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// findPath looks for a chain from the signer to the roots that holds at the
// given time.
func findPath(data signedData, roots *x509.CertPool, at time.Time) (path, error) {
	if err := checkSealCertificate(data.signer); err != nil {
		return path{}, err
	}
	between := x509.NewCertPool()
	for _, der := range data.certificates {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return path{}, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		between.AddCert(certificate)
	}
	chains, err := data.signer.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: at,
		CertificatePolicies: []x509.OID{PolicyOID}, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return path{}, fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	var reasons []error
	for _, chain := range chains {
		found, err := checkChain(chain, data, at)
		if err == nil {
			return found, nil
		}
		reasons = append(reasons, err)
	}
	return path{}, errors.Join(reasons...)
}

// checkSealCertificate holds a signer's certificate against the profile of
// SealTemplate. Without it, any certificate under the root could seal.
func checkSealCertificate(c *x509.Certificate) error {
	switch {
	case c.IsCA:
		return fmt.Errorf("an authority's certificate seals nothing: %w", ErrUntrusted)
	case c.KeyUsage != x509.KeyUsageContentCommitment || !critical(c, oidKeyUsage):
		return fmt.Errorf("key usage is not nonRepudiation alone, critical: %w", ErrUntrusted)
	case len(c.ExtKeyUsage) != 0 || len(c.UnknownExtKeyUsage) != 0:
		return fmt.Errorf("certificate is for an extended key usage: %w", ErrUntrusted)
	}
	return nil
}

var oidKeyUsage = []int{2, 5, 29, 15}

func critical(c *x509.Certificate, oid []int) bool {
	for _, extension := range c.Extensions {
		if extension.Id.Equal(oid) {
			return extension.Critical
		}
	}
	return false
}

// checkChain demands of a chain x509 found good what x509 does not: the
// policy named outright in every certificate under the root, a CRL of the
// signer's issuer, and that the seal carries no certificate of no use to it,
// which nobody would have checked. That no certificate is signed with SHA-1 is
// x509's own rule; for a CRL it has none.
func checkChain(chain []*x509.Certificate, data signedData, at time.Time) (path, error) {
	if len(chain) < 2 {
		return path{}, fmt.Errorf("certificate is its own authority: %w", ErrUntrusted)
	}
	for _, der := range data.certificates {
		if !slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return bytes.Equal(c.Raw, der) }) {
			return path{}, fmt.Errorf("seal carries a certificate outside its chain: %w", ErrUntrusted)
		}
	}
	list, err := checkCRL(data.crl, chain[0], chain[1], at)
	if err != nil {
		return path{}, err
	}
	found := path{chain: chain, from: list.ThisUpdate, until: list.NextUpdate, updated: list.ThisUpdate}
	for i, c := range chain {
		found.narrow(c.NotBefore, c.NotAfter)
		if i == len(chain)-1 {
			break // the root is trusted by itself; its own signature says nothing
		}
		if !namesPolicy(c) {
			return path{}, fmt.Errorf("certificate of %q is not under the seal policy: %w", c.Subject, ErrUntrusted)
		}
	}
	return found, nil
}

func namesPolicy(c *x509.Certificate) bool {
	return slices.ContainsFunc(c.Policies, PolicyOID.Equal)
}

// narrow leaves of the path's span what lies between from and until.
func (p *path) narrow(from, until time.Time) {
	if from.After(p.from) {
		p.from = from
	}
	if until.Before(p.until) {
		p.until = until
	}
}

// checkCRL holds that the CRL is the issuer's, covers all its certificates,
// was in force at the given time and does not list the signer.
func checkCRL(der []byte, signer, issuer *x509.Certificate, at time.Time) (*x509.RevocationList, error) {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("CRL: %w: %w", ErrMalformed, err)
	}
	if !bytes.Equal(list.RawIssuer, issuer.RawSubject) || !soundSignature(list.SignatureAlgorithm) {
		return nil, fmt.Errorf("CRL is not the issuer's: %w", ErrUntrusted)
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return nil, fmt.Errorf("CRL: %w: %w", ErrUntrusted, err)
	}
	for _, extension := range list.Extensions {
		// Critical ones narrow a CRL down: a delta, an indirect or partial one.
		if extension.Critical {
			return nil, fmt.Errorf("CRL does not cover every certificate: %w", ErrUntrusted)
		}
	}
	if at.Before(list.ThisUpdate) || at.After(list.NextUpdate) {
		return nil, fmt.Errorf("CRL of %s to %s is not of the time: %w",
			list.ThisUpdate.Format(time.RFC3339), list.NextUpdate.Format(time.RFC3339), ErrUntrusted)
	}
	for _, entry := range list.RevokedCertificateEntries {
		if entry.SerialNumber.Cmp(signer.SerialNumber) == 0 {
			return nil, fmt.Errorf("since %s: %w", entry.RevocationTime.Format(time.RFC3339), ErrRevoked)
		}
	}
	return list, nil
}
