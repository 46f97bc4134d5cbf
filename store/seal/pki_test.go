package seal

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

var (
	madeAt   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	sealedAt = time.Date(2026, 3, 2, 8, 30, 15, 999, time.UTC)
	provedAt = sealedAt.Add(10 * time.Minute).Truncate(time.Second)
	content  = []byte("<ASiCManifest>what was sealed</ASiCManifest>\n")
)

const crlLife = 30 * 24 * time.Hour

// authorityOf is a seal authority as the safe sets it up.
type authorityOf struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t testing.TB) authorityOf {
	t.Helper()
	key := newKey(t, elliptic.P384())
	cert, err := Issue(RootTemplate("Seal Authority", madeAt), nil, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return authorityOf{key, cert}
}

func (a authorityOf) issue(t testing.TB, template *x509.Certificate, public crypto.PublicKey) *x509.Certificate {
	t.Helper()
	cert, err := Issue(template, a.cert, public, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (a authorityOf) crl(t testing.TB, at time.Time, revoked ...*x509.Certificate) []byte {
	t.Helper()
	var entries []x509.RevocationListEntry
	for _, c := range revoked {
		entries = append(entries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: at})
	}
	der, err := NewCRL(a.cert, a.key, big.NewInt(7), at, crlLife, entries)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func (a authorityOf) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// signer is a safe's own: a P-256 key under the authority's seal certificate.
func (a authorityOf) signer(t testing.TB) Signer {
	t.Helper()
	return a.signerWith(t, newKey(t, elliptic.P256()), SealTemplate("Safe 1", madeAt))
}

func (a authorityOf) signerWith(t testing.TB, key crypto.Signer, template *x509.Certificate) Signer {
	t.Helper()
	leaf := a.issue(t, template, key.Public())
	return Signer{Key: key, Chain: []*x509.Certificate{leaf, a.cert}, CRL: a.crl(t, madeAt)}
}

func mustSign(t testing.TB, s Signer) []byte {
	t.Helper()
	p7s, err := s.Sign(content, sealedAt)
	if err != nil {
		t.Fatal(err)
	}
	return p7s
}

// keysOfAllKinds are the keys a seal may be made with.
func keysOfAllKinds(t testing.TB) map[string]crypto.Signer {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"P-256": newKey(t, elliptic.P256()), "P-384": newKey(t, elliptic.P384()), "RSA": rsaKey}
}

// openssl runs it in dir and returns its output.
func openssl(t testing.TB, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// opensslVerify asks openssl what verify.sh asks it.
func opensslVerify(t testing.TB, root *x509.Certificate, p7s, content []byte, at time.Time) (string, error) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "seal.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}))
	write(t, filepath.Join(dir, "sig.p7s"), p7s)
	write(t, filepath.Join(dir, "content"), content)
	return openssl(t, dir, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "sig.p7s", "-content", "content",
		"-CAfile", "seal.pem", "-no-CApath", "-no-CAstore", "-purpose", "any", "-policy", PolicyOID.String(), "-explicit_policy", "-crl_check",
		"-attime", strconv.FormatInt(at.Unix(), 10), "-out", os.DevNull)
}

func write(t testing.TB, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
