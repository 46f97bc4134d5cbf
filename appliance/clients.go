package appliance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"time"

	"casemate/hsm"
)

// demonstrationClients are the first callers of a safe set up without a ceremony.
var demonstrationClients = []struct {
	name  string
	roles []string
}{
	{"admin", []string{"administrator"}},
	{"depositor", []string{"depositor", "reader"}},
	{"reader", []string{"reader"}},
	{"auditor", []string{"auditor"}},
	{"officer-1", []string{"officer"}},
	{"officer-2", []string{"officer"}},
}

const clientValidity = 365 * 24 * time.Hour

// makeClient makes a key, has the access authority certify it, and writes NAME.key and NAME.crt.
// Whoever runs init has the key in hand: for a demonstration only.
func makeClient(ctx context.Context, token *hsm.Client, dir, name string, roles []string) (CallerConfig, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return CallerConfig{}, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: name, Organization: []string{"Casemate demonstration"}}}, key)
	if err != nil {
		return CallerConfig{}, err
	}
	der, err := token.IssueCertificate(ctx, hsm.CertificateRequest{CSR: csr, Validity: clientValidity})
	if err != nil {
		return CallerConfig{}, fmt.Errorf("certificate of %q: %w", name, err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return CallerConfig{}, err
	}
	if err := writeFile(filepath.Join(dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		return CallerConfig{}, err
	}
	if err := writeFile(filepath.Join(dir, name+".crt"), pemOf(der), 0o644); err != nil {
		return CallerConfig{}, err
	}
	return callerOf(token, ctx, der, name, roles)
}

// callerOf writes the line of the table that gives a certificate its roles.
func callerOf(token *hsm.Client, ctx context.Context, der []byte, name string, roles []string) (CallerConfig, error) {
	info, err := token.Info(ctx)
	if err != nil {
		return CallerConfig{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return CallerConfig{}, err
	}
	for _, raw := range info.AccessRoots {
		root, err := x509.ParseCertificate(raw)
		if err != nil {
			return CallerConfig{}, err
		}
		if leaf.CheckSignatureFrom(root) == nil {
			spki := sha256.Sum256(root.RawSubjectPublicKeyInfo)
			return CallerConfig{Name: name, Issuer: hex.EncodeToString(spki[:]), Serial: leaf.SerialNumber.Text(16),
				Roles: roles, Vaults: []string{"*"}}, nil
		}
	}
	return CallerConfig{}, fmt.Errorf("certificate of %q was not issued by the access authority", name)
}
