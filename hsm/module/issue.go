package module

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"casemate/hsm"
	"casemate/store/seal"
)

// maxCommonName is X.520's ub-common-name.
const maxCommonName = 64

const maxClientValidity = 2 * 366 * 24 * time.Hour

// issue makes a client certificate from a PKCS #10 request.
func (c *certificates) issue(ctx context.Context, request hsm.CertificateRequest) ([]byte, error) {
	if len(request.CSR) > hsm.MaxCSR || request.Validity <= 0 || request.Validity > maxClientValidity {
		return nil, refused("a certificate needs a request of at most 8 KiB and a validity of at most two years")
	}
	csr, err := x509.ParseCertificateRequest(request.CSR)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return nil, refused("the certificate request: " + err.Error())
	}
	if csr.Subject.CommonName == "" || len(csr.Subject.CommonName) > maxCommonName {
		return nil, refused(fmt.Sprintf("a common name has 1 to %d bytes", maxCommonName))
	}
	now := c.now()
	template := seal.ClientTemplate(csr.Subject.CommonName, now)
	template.Subject.Organization = csr.Subject.Organization
	template.NotAfter = now.Add(request.Validity).UTC().Truncate(time.Second)
	cert, err := seal.Issue(template, c.current().accessRoot, csr.PublicKey, c.access.with(ctx))
	if err != nil {
		if !hsm.Classified(err) {
			err = refused(err.Error()) // a kind of key x509 does not know
		}
		return nil, err
	}
	return cert.Raw, nil
}
