package seal

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Each certificate here comes from the seal authority's own key, as it would
// if one root served several ends; none may seal.
func TestOnlyASealCertificateSeals(t *testing.T) {
	a := newAuthority(t)
	otherPolicy, err := x509.ParseOID("2.25.1")
	if err != nil {
		t.Fatal(err)
	}
	anyPolicy, err := x509.ParseOID("2.5.29.32.0")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]func(c *x509.Certificate){
		"client certificate":           func(c *x509.Certificate) { *c = *ClientTemplate("Alice", madeAt) },
		"client under the policy":      func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} },
		"TLS certificate":              func(c *x509.Certificate) { *c = *TLSTemplate("safe", []string{"localhost"}, madeAt) },
		"timestamping certificate":     func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping} },
		"unknown extended usage":       func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}} },
		"any extended usage":           func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} },
		"an authority's certificate":   func(c *x509.Certificate) { c.IsCA = true },
		"no key usage":                 func(c *x509.Certificate) { c.KeyUsage = 0 },
		"digital signature instead":    func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature },
		"digital signature besides":    func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageDigitalSignature },
		"key usage not critical":       looseKeyUsage,
		"no policy":                    func(c *x509.Certificate) { c.Policies = nil },
		"another policy":               func(c *x509.Certificate) { c.Policies = []x509.OID{otherPolicy} },
		"any policy":                   func(c *x509.Certificate) { c.Policies = []x509.OID{anyPolicy} },
		"not yet valid":                func(c *x509.Certificate) { c.NotBefore = provedAt.Add(time.Second) },
		"no longer valid":              func(c *x509.Certificate) { c.NotAfter = provedAt.Add(-time.Second) },
		"unknown critical restriction": unknownCritical,
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			template := SealTemplate("Safe 1", madeAt)
			change(template)
			s := a.signerWith(t, newKey(t, elliptic.P256()), template)
			p7s := mustSign(t, s)
			if _, err := VerifySignature(p7s, content, a.roots(), provedAt); !errors.Is(err, ErrUntrusted) {
				t.Errorf("got %v, want ErrUntrusted", err)
			}
		})
	}
}

func looseKeyUsage(c *x509.Certificate) {
	c.KeyUsage = 0
	c.ExtraExtensions = []pkix.Extension{{Id: oidKeyUsage, Value: []byte{0x03, 0x02, 0x06, 0x40}}}
}

func unknownCritical(c *x509.Certificate) {
	c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
}

func TestRootsAreTheOnesGiven(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	s := a.signer(t)
	p7s := mustSign(t, s)
	leafAlone := x509.NewCertPool()
	leafAlone.AddCert(s.Chain[0])
	for name, roots := range map[string]*x509.CertPool{
		"a root of the same name": stranger.roots(), "no roots": nil,
		"empty roots": x509.NewCertPool(), "the signer itself": leafAlone,
	} {
		if _, err := VerifySignature(p7s, content, roots, provedAt); !errors.Is(err, ErrUntrusted) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := VerifySignature(p7s, content, a.roots(), time.Time{}); !errors.Is(err, ErrUntrusted) || !strings.Contains(err.Error(), "no time") {
		t.Errorf("without a time: %v", err)
	}
	s.Chain = s.Chain[:1]
	if _, err := VerifySignature(mustSign(t, s), content, leafAlone, provedAt); !errors.Is(err, ErrUntrusted) {
		t.Errorf("the signer itself, alone: %v", err)
	}
}

func TestCRLMustCoverTheSigner(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	good := a.signer(t)
	cases := map[string]struct {
		crl  []byte
		want error
	}{
		"revoked":           {a.crl(t, madeAt, stranger.cert, good.Chain[0]), ErrRevoked},
		"another's revoked": {a.crl(t, madeAt, stranger.cert), nil},
		"forged":            {stranger.crl(t, madeAt), ErrUntrusted},
		"of the past":       {a.crl(t, provedAt.Add(-crlLife-time.Second)), ErrUntrusted},
		"of the future":     {a.crl(t, provedAt.Add(Backdate+2*time.Second)), ErrUntrusted},
		"partial":           {partialCRL(t, a), ErrUntrusted},
		"fresh":             {a.crl(t, provedAt), nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := good
			s.CRL = c.crl
			if _, err := VerifySignature(mustSign(t, s), content, a.roots(), provedAt); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// partialCRL covers authorities' certificates only (RFC 5280, 5.2.5).
func partialCRL(t *testing.T, a authorityOf) []byte {
	t.Helper()
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: madeAt, NextUpdate: madeAt.Add(crlLife),
		ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 28}, Critical: true, Value: []byte{0x30, 0x03, 0x82, 0x01, 0xff}}},
	}, a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestSealCarriesNoOtherCertificate(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	s := a.signer(t)
	s.Chain = append(s.Chain, stranger.cert)
	if _, err := VerifySignature(mustSign(t, s), content, a.roots(), provedAt); !errors.Is(err, ErrUntrusted) {
		t.Error(err)
	}
	s.Chain = s.Chain[:1] // the root need not be there
	if _, err := VerifySignature(mustSign(t, s), content, a.roots(), provedAt); err != nil {
		t.Error(err)
	}
}

// A path remembered as good is so only for the time it was found good for.
func TestVerifierRemembersPathsForTheirTimeOnly(t *testing.T) {
	a := newAuthority(t)
	v := NewVerifier(a.roots())
	p7s := mustSign(t, a.signer(t))
	for range 2 {
		if _, err := v.Verify(p7s, content, provedAt); err != nil {
			t.Fatal(err)
		}
	}
	if len(v.known) != 1 {
		t.Errorf("%d paths remembered", len(v.known))
	}
	for _, at := range []time.Time{madeAt.Add(-2 * Backdate), madeAt.Add(crlLife + time.Second), madeAt.AddDate(2, 0, 0)} {
		if _, err := v.Verify(p7s, content, at); !errors.Is(err, ErrUntrusted) {
			t.Errorf("at %v: %v", at, err)
		}
	}
	short := SealTemplate("Safe 1", madeAt)
	short.NotAfter = provedAt
	p7s = mustSign(t, a.signerWith(t, newKey(t, elliptic.P256()), short))
	if _, err := v.Verify(p7s, content, provedAt); err != nil {
		t.Error(err)
	}
	if _, err := v.Verify(p7s, content, provedAt.Add(time.Second)); !errors.Is(err, ErrUntrusted) {
		t.Errorf("a second after its certificate ended: %v", err)
	}
	for range knownPaths + 1 {
		if _, err := v.Verify(mustSign(t, a.signer(t)), content, provedAt); err != nil {
			t.Fatal(err)
		}
	}
	if len(v.known) > knownPaths {
		t.Errorf("%d paths remembered", len(v.known))
	}
}

// What openssl still signs with SHA-1 counts for nothing.
func TestSHA1IsRefused(t *testing.T) {
	a := newAuthority(t)
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "ca.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	write(t, filepath.Join(dir, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
	write(t, filepath.Join(dir, "cnf"), []byte("[v3]\nkeyUsage=critical,nonRepudiation\ncertificatePolicies="+PolicyOID.String()+
		"\n[ca]\ndefault_ca=d\n[d]\ndatabase=index\ncrlnumber=number\n"))
	write(t, filepath.Join(dir, "index"), nil)
	write(t, filepath.Join(dir, "number"), []byte("01\n"))
	for _, hash := range []string{"sha256", "sha1"} {
		want := map[string]error{"sha256": nil, "sha1": ErrUntrusted}[hash]
		for _, args := range [][]string{
			{"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key", "-out", "csr", "-subj", "/CN=Safe 1"},
			{"x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-" + hash, "-days", "100", "-extfile", "cnf", "-extensions", "v3", "-outform", "DER", "-out", "cert"},
			{"ca", "-gencrl", "-config", "cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-md", hash, "-crldays", "90", "-out", "crl.pem"},
			{"crl", "-in", "crl.pem", "-outform", "DER", "-out", "crl"},
		} {
			if out, err := openssl(t, dir, args...); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		p7s, at := sealWith(t, a, dir)
		if _, err := VerifySignature(p7s, content, a.roots(), at); !errors.Is(err, want) {
			t.Errorf("certificate by %s: %v", hash, err)
		}
		s := a.signer(t)
		s.CRL = readFile(t, filepath.Join(dir, "crl"))
		list, err := x509.ParseRevocationList(s.CRL)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := VerifySignature(mustSign(t, s), content, a.roots(), list.ThisUpdate); !errors.Is(err, want) {
			t.Errorf("CRL by %s: %v", hash, err)
		}
	}
}

// sealWith seals with the certificate and key openssl left in dir, and says
// when that certificate became valid.
func sealWith(t *testing.T, a authorityOf, dir string) ([]byte, time.Time) {
	t.Helper()
	cert, err := x509.ParseCertificate(readFile(t, filepath.Join(dir, "cert")))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(readFile(t, filepath.Join(dir, "key")))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	s := Signer{key.(crypto.Signer), []*x509.Certificate{cert, a.cert}, a.crl(t, cert.NotBefore)}
	return mustSign(t, s), cert.NotBefore
}
