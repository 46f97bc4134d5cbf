package seal

import (
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPolicyOIDIsUnderTheUUIDArc(t *testing.T) {
	if !strings.HasPrefix(PolicyOID.String(), "2.25.") {
		t.Fatal(PolicyOID)
	}
}

func TestProfiles(t *testing.T) {
	root := newAuthority(t)
	key := newKey(t, elliptic.P256())
	cases := map[string]struct {
		template *x509.Certificate
		until    time.Time
		usage    x509.KeyUsage
		policies int
	}{
		"seal root":   {RootTemplate("r", madeAt), madeAt.AddDate(40, 0, 0), x509.KeyUsageCertSign | x509.KeyUsageCRLSign, 1},
		"access root": {AccessRootTemplate("a", madeAt), madeAt.AddDate(10, 0, 0), x509.KeyUsageCertSign | x509.KeyUsageCRLSign, 0},
		"seal":        {SealTemplate("s", madeAt), madeAt.AddDate(1, 0, 0), x509.KeyUsageContentCommitment, 1},
		"TLS":         {TLSTemplate("t", []string{"safe.example", "::1"}, madeAt), madeAt.AddDate(1, 0, 0), x509.KeyUsageDigitalSignature, 0},
		"client":      {ClientTemplate("c", madeAt), madeAt.AddDate(1, 0, 0), x509.KeyUsageDigitalSignature, 0},
	}
	serials := map[string]bool{}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			cert := root.issue(t, c.template, key.Public())
			if !cert.NotAfter.Equal(c.until) || !cert.NotBefore.Equal(madeAt.Add(-Backdate)) {
				t.Errorf("valid from %v to %v", cert.NotBefore, cert.NotAfter)
			}
			if cert.KeyUsage != c.usage || !critical(cert, oidKeyUsage) || len(cert.Policies) != c.policies {
				t.Errorf("usage %v, policies %v", cert.KeyUsage, cert.Policies)
			}
			if !cert.BasicConstraintsValid || cert.IsCA != strings.Contains(name, "root") || len(cert.SubjectKeyId) != 20 {
				t.Errorf("authority %v, key id %x", cert.IsCA, cert.SubjectKeyId)
			}
			if serial := cert.SerialNumber.String(); serials[serial] || cert.SerialNumber.BitLen() < 64 {
				t.Errorf("serial %s", serial)
			}
			serials[cert.SerialNumber.String()] = true
		})
	}
}

func TestIssueNeverOutlivesTheIssuer(t *testing.T) {
	a := newAuthority(t)
	late := a.cert.NotAfter.AddDate(0, -1, 0)
	cert := a.issue(t, SealTemplate("s", late), newKey(t, elliptic.P256()).Public())
	if !cert.NotAfter.Equal(a.cert.NotAfter) {
		t.Errorf("ends %v, its issuer %v", cert.NotAfter, a.cert.NotAfter)
	}
}

func TestTLSAndClientCertificatesServe(t *testing.T) {
	key := newKey(t, elliptic.P256())
	root, err := Issue(AccessRootTemplate("access", madeAt), nil, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	a := authorityOf{key, root}
	server := a.issue(t, TLSTemplate("safe", []string{"safe.example", "127.0.0.1"}, madeAt), key.Public())
	client := a.issue(t, ClientTemplate("Alice", madeAt), key.Public())
	for _, host := range []string{"safe.example", "127.0.0.1"} {
		if _, err := server.Verify(x509.VerifyOptions{Roots: a.roots(), DNSName: host, CurrentTime: provedAt}); err != nil {
			t.Error(err)
		}
	}
	asClient := x509.VerifyOptions{Roots: a.roots(), CurrentTime: provedAt, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := client.Verify(asClient); err != nil {
		t.Error(err)
	}
	if _, err := server.Verify(asClient); err == nil {
		t.Error("the safe's own certificate serves as a caller's")
	}
}

// openssl reads the same of the profile as we do.
func TestOpenSSLRefusesWhatTheScriptMustRefuse(t *testing.T) {
	a := newAuthority(t)
	client := a.signerWith(t, newKey(t, elliptic.P256()), ClientTemplate("Alice", madeAt))
	if out, err := opensslVerify(t, a.cert, mustSign(t, client), content, provedAt); err == nil {
		t.Errorf("a client certificate seals:\n%s", out)
	}
	revoked := a.signer(t)
	revoked.CRL = a.crl(t, madeAt, revoked.Chain[0])
	if out, err := opensslVerify(t, a.cert, mustSign(t, revoked), content, provedAt); err == nil {
		t.Errorf("a revoked certificate seals:\n%s", out)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "root.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
	out, err := openssl(t, dir, "x509", "-in", "root.pem", "-noout", "-text")
	if err != nil || !strings.Contains(out, "pathlen:0") || !strings.Contains(out, PolicyOID.String()) || !strings.Contains(out, "Certificate Sign, CRL Sign") {
		t.Errorf("%v\n%s", err, out)
	}
}
