package module

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"casemate/store/proof"
	"casemate/store/seal"
)

const (
	crlRenewal = 24 * time.Hour      // a new CRL each day
	crlValid   = 30 * 24 * time.Hour // how long a seal may wait for its first timestamp
	tlsRenewal = 30 * 24 * time.Hour // before the end of the TLS certificate
)

// certificateSet is the certificates at one moment; it never changes.
type certificateSet struct {
	sealRoot, sealing  *x509.Certificate
	accessRoot, server *x509.Certificate
	crl                *x509.RevocationList
	verifier           *seal.Verifier
}

// certificates is the set in force, and how it is renewed.
type certificates struct {
	dir                           string
	now                           func() time.Time
	sealAuthority, access, sealer *signer
	tls                           *signer
	tlsNames                      []string
	origin                        string
	set                           atomic.Pointer[certificateSet]
}

func (c *certificates) current() *certificateSet { return c.set.Load() }

func (s *certificateSet) signer(key crypto.Signer) seal.Signer {
	return seal.Signer{Key: key, Chain: []*x509.Certificate{s.sealing, s.sealRoot}, CRL: s.crl.Raw}
}

// mayseal tells why nothing can be sealed at a time, before the token is asked.
func (s *certificateSet) mayseal(at time.Time) error {
	if at.Before(s.sealing.NotBefore) || at.After(s.sealing.NotAfter) {
		return refused(fmt.Sprintf("the seal certificate is valid from %s to %s, not at %s",
			proof.FormatTime(s.sealing.NotBefore), proof.FormatTime(s.sealing.NotAfter), proof.FormatTime(at)))
	}
	if at.Before(s.crl.ThisUpdate) || at.After(s.crl.NextUpdate) {
		return refused(fmt.Sprintf("the revocation list is of %s to %s, not of %s",
			proof.FormatTime(s.crl.ThisUpdate), proof.FormatTime(s.crl.NextUpdate), proof.FormatTime(at)))
	}
	return nil
}

// loadCertificates reads the set and holds it against the audited keys.
func (c *certificates) load() error {
	var set certificateSet
	for _, f := range []struct {
		name   string
		into   **x509.Certificate
		key    *signer
		issuer **x509.Certificate
	}{
		{sealRootFile, &set.sealRoot, c.sealAuthority, &set.sealRoot},
		{sealFile, &set.sealing, c.sealer, &set.sealRoot},
		{accessRootFile, &set.accessRoot, c.access, &set.accessRoot},
		{tlsFile, &set.server, c.tls, &set.accessRoot},
	} {
		cert, err := readCertificate(filepath.Join(c.dir, f.name))
		if err != nil {
			return auditError(err.Error())
		}
		*f.into = cert
		if !f.key.public.Equal(cert.PublicKey) {
			return auditError(fmt.Sprintf("%q is not the certificate of the %s key", f.name, f.key.kind))
		}
		if err := cert.CheckSignatureFrom(*f.issuer); err != nil {
			return auditError(fmt.Sprintf("%q: %v", f.name, err))
		}
	}
	der, err := os.ReadFile(filepath.Join(c.dir, crlFile))
	if err != nil {
		return auditError(err.Error())
	}
	if set.crl, err = x509.ParseRevocationList(der); err == nil {
		err = set.crl.CheckSignatureFrom(set.sealRoot)
	}
	if err != nil {
		return auditError(fmt.Sprintf("%q: %v", crlFile, err))
	}
	set.arm()
	c.set.Store(&set)
	return nil
}

// arm gives the set a verifier with its own root.
func (s *certificateSet) arm() {
	roots := x509.NewCertPool()
	roots.AddCert(s.sealRoot)
	s.verifier = seal.NewVerifier(roots)
}

// renew makes a new CRL when the last is a day old, and a new TLS certificate
// when the old one ends within a month. Revocations stay.
func (c *certificates) renew(ctx context.Context) error {
	set := *c.current()
	now := c.now()
	if age := now.Sub(set.crl.ThisUpdate.Add(seal.Backdate)); age >= crlRenewal || age < 0 {
		number := new(big.Int).Add(set.crl.Number, big.NewInt(1))
		der, err := seal.NewCRL(set.sealRoot, c.sealAuthority.with(ctx), number, now, crlValid, set.crl.RevokedCertificateEntries)
		if err != nil {
			return fmt.Errorf("renewing the revocation list: %w", err)
		}
		if err := writeFile(filepath.Join(c.dir, crlFile), der); err != nil {
			return err
		}
		if set.crl, err = x509.ParseRevocationList(der); err != nil {
			return fmt.Errorf("reading the new revocation list: %w", err)
		}
	}
	if set.server.NotAfter.Sub(now) < tlsRenewal {
		cert, err := seal.Issue(seal.TLSTemplate(c.origin, c.tlsNames, now), set.accessRoot, c.tls.public, c.access.with(ctx))
		if err != nil {
			return fmt.Errorf("renewing the TLS certificate: %w", err)
		}
		if err := writeCertificate(filepath.Join(c.dir, tlsFile), cert); err != nil {
			return err
		}
		set.server = cert
	}
	set.arm()
	c.set.Store(&set)
	return nil
}

func writeCertificate(path string, cert *x509.Certificate) error {
	return writeFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
}

// readCertificate reads a file of exactly one certificate.
func readCertificate(path string) (*x509.Certificate, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) != 0 {
		return nil, fmt.Errorf("reading %q: want one PEM certificate", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading %q", path), err)
	}
	return cert, nil
}
