package seal

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/pkcs7"
)

func TestSealIsAcceptedByOpenSSLAndByUs(t *testing.T) {
	a := newAuthority(t)
	for kind, key := range keysOfAllKinds(t) {
		t.Run(kind, func(t *testing.T) {
			s := a.signerWith(t, key, SealTemplate("Safe 1", madeAt))
			p7s := mustSign(t, s)
			if out, err := opensslVerify(t, a.cert, p7s, content, provedAt); err != nil {
				t.Fatalf("openssl: %v\n%s", err, out)
			}
			if out, err := opensslVerify(t, a.cert, p7s, append([]byte{' '}, content...), provedAt); err == nil {
				t.Fatalf("openssl accepted another content\n%s", out)
			}
			got, err := VerifySignature(p7s, content, a.roots(), provedAt)
			if err != nil {
				t.Fatal(err)
			}
			if !got.SigningTime.Equal(sealedAt.Truncate(time.Second)) || !got.Signer.Equal(s.Chain[0]) || len(got.Chain) != 2 {
				t.Errorf("got %v by %q under %d certificates", got.SigningTime, got.Signer.Subject, len(got.Chain))
			}
			want := crypto.SHA256
			if kind == "P-384" {
				want = crypto.SHA384
			}
			if got.Hash != want || !got.CRLUpdated.Equal(madeAt.Add(-Backdate)) {
				t.Errorf("hash %v, CRL of %v", got.Hash, got.CRLUpdated)
			}
		})
	}
}

func TestSealIsReadByAnotherLibrary(t *testing.T) {
	a := newAuthority(t)
	p7, err := pkcs7.Parse(mustSign(t, a.signer(t)))
	if err != nil {
		t.Fatal(err)
	}
	p7.Content = content
	if err := p7.VerifyWithChainAtTime(a.roots(), provedAt); err != nil {
		t.Error(err)
	}
	if len(p7.Certificates) != 2 || len(p7.CRLs) != 1 || len(p7.Signers) != 1 {
		t.Errorf("%d certificates, %d CRLs, %d signers", len(p7.Certificates), len(p7.CRLs), len(p7.Signers))
	}
}

func TestSealAcceptsAnAuthorityBetween(t *testing.T) {
	root := newAuthority(t)
	root.cert = func() *x509.Certificate {
		template := RootTemplate("Root of all", madeAt)
		template.MaxPathLenZero, template.MaxPathLen = false, 1
		c, err := Issue(template, nil, root.key.Public(), root.key)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}()
	for _, policies := range [][]x509.OID{{PolicyOID}, nil} {
		template := RootTemplate("Between", madeAt)
		template.Policies = policies
		key := newKey(t, elliptic.P384())
		between := authorityOf{key, root.issue(t, template, key.Public())}
		s := between.signer(t)
		s.Chain = append(s.Chain, root.cert)
		p7s := mustSign(t, s)
		_, err := VerifySignature(p7s, content, root.roots(), provedAt)
		if policies != nil && err != nil {
			t.Error(err)
		}
		if policies == nil && !errors.Is(err, ErrUntrusted) {
			t.Errorf("path with a certificate outside the policy: %v", err)
		}
	}
}

func TestEveryAlteredByteIsRefused(t *testing.T) {
	a := newAuthority(t)
	p7s := mustSign(t, a.signer(t))
	v := NewVerifier(a.roots())
	for i := range p7s {
		altered := bytes.Clone(p7s)
		altered[i] ^= 1 << (i % 8)
		if _, err := v.Verify(altered, content, provedAt); err == nil {
			t.Fatalf("byte %d of %d may be altered", i, len(p7s))
		}
	}
	for _, other := range [][]byte{nil, p7s[:len(p7s)-1], append(bytes.Clone(p7s), 0), bytes.Repeat([]byte{0x30}, maxSeal+1)} {
		if _, err := v.Verify(other, content, provedAt); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d bytes: %v", len(other), err)
		}
	}
	if _, err := v.Verify(p7s, append(bytes.Clone(content), '\n'), provedAt); !errors.Is(err, ErrSignature) {
		t.Errorf("other content: %v", err)
	}
}

func TestSealOfTheYear2050(t *testing.T) {
	a := newAuthority(t)
	at := time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC)
	key := newKey(t, elliptic.P256())
	leaf := a.issue(t, SealTemplate("Safe 1", at), key.Public())
	s := Signer{key, []*x509.Certificate{leaf, a.cert}, a.crl(t, at)}
	p7s, err := s.Sign(content, at)
	if err != nil {
		t.Fatal(err)
	}
	got, err := VerifySignature(p7s, content, a.roots(), at)
	if err != nil || !got.SigningTime.Equal(at) {
		t.Errorf("%v, %v", got.SigningTime, err)
	}
	if out, err := opensslVerify(t, a.cert, p7s, content, at); err != nil {
		t.Errorf("openssl: %v\n%s", err, out)
	}
}

// lyingKey answers with another key's signature.
type lyingKey struct{ crypto.Signer }

func (k lyingKey) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return k.Signer.Sign(r, append([]byte{digest[0] + 1}, digest[1:]...), o)
}

func TestSignRefuses(t *testing.T) {
	a := newAuthority(t)
	good, other := a.signer(t), newAuthority(t)
	shortKey, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		change func(*Signer)
		want   string
	}{
		"no key":             {func(s *Signer) { s.Key = nil }, "unsuitable key"},
		"no chain":           {func(s *Signer) { s.Chain = nil }, "unsuitable key"},
		"another key":        {func(s *Signer) { s.Key = newKey(t, elliptic.P256()) }, "another key"},
		"no CRL":             {func(s *Signer) { s.CRL = nil }, "reading CRL"},
		"another's CRL":      {func(s *Signer) { s.CRL = renamed(t, other) }, "another authority"},
		"a wrong signature":  {func(s *Signer) { s.Key = lyingKey{s.Key} }, "does not match"},
		"a CRL too long":     {func(s *Signer) { s.CRL = longCRL(t, a) }, "malformed seal"},
		"a short RSA key":    {func(s *Signer) { *s = a.signerWith(t, shortKey, SealTemplate("x", madeAt)) }, "unsuitable key"},
		"a curve of its own": {func(s *Signer) { *s = a.signerWith(t, newKey(t, elliptic.P521()), SealTemplate("x", madeAt)) }, "unsuitable key"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := good
			c.change(&s)
			if _, err := s.Sign(content, sealedAt); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// renamed is a CRL of an authority of another name.
func renamed(t *testing.T, a authorityOf) []byte {
	t.Helper()
	cert, err := Issue(RootTemplate("Another Authority", madeAt), nil, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return authorityOf{a.key, cert}.crl(t, madeAt)
}

// longCRL has an entry for tens of thousands of certificates.
func longCRL(t *testing.T, a authorityOf) []byte {
	t.Helper()
	many := make([]*x509.Certificate, 40_000)
	for i := range many {
		many[i] = &x509.Certificate{SerialNumber: new(big.Int).Lsh(big.NewInt(int64(i+1)), 100)}
	}
	return a.crl(t, madeAt, many...)
}

// forge signs what Sign would not.
func forge(t *testing.T, s Signer, change func(*signedData)) []byte {
	t.Helper()
	data, err := s.prepare(content, sealedAt)
	if err != nil {
		t.Fatal(err)
	}
	change(&data)
	signed, err := data.attributes.marshal()
	if err != nil {
		t.Fatal(err)
	}
	if data.signature, err = s.Key.Sign(rand.Reader, hashSum(data.suite.hash, signed), data.suite.hash); err != nil {
		t.Fatal(err)
	}
	p7s, err := data.marshal()
	if err != nil {
		t.Fatal(err)
	}
	return p7s
}

func TestForgedSeals(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	s := a.signer(t)
	renamedCRL := renamed(t, a)
	cases := map[string]struct {
		change func(*signedData)
		want   error
	}{
		"nothing changed":      {func(*signedData) {}, nil},
		"CRL by another name":  {func(d *signedData) { d.crl = renamedCRL }, ErrUntrusted},
		"too long":             {func(d *signedData) { d.crl = longCRL(t, a) }, ErrMalformed},
		"no certificates":      {func(d *signedData) { d.certificates = nil }, ErrMalformed},
		"many certificates":    {func(d *signedData) { d.certificates = slices.Repeat(d.certificates, 5) }, ErrMalformed},
		"the root as signer":   {func(d *signedData) { d.attributes.certificate = certificateID(a.cert.Raw) }, ErrMalformed},
		"another's as signer":  {func(d *signedData) { d.attributes.certificate = certificateID(other.cert.Raw) }, ErrMalformed},
		"another issuer named": {func(d *signedData) { c := *d.signer; c.SerialNumber = big.NewInt(5); d.signer = &c }, ErrMalformed},
		"another digest":       {func(d *signedData) { d.attributes.digest = make([]byte, 32) }, ErrSignature},
		"a longer digest":      {func(d *signedData) { d.attributes.digest = append(d.attributes.digest, 0) }, ErrSignature},
		"SHA-1 of the content": {func(d *signedData) { d.attributes.digest = d.attributes.digest[:20] }, ErrSignature},
		"SHA-384 with P-256": {func(d *signedData) {
			d.suite.digest, d.suite.signature, d.suite.hash = oidSHA384, oidECDSAWithSHA384, crypto.SHA384
			d.attributes.digest = hashSum(crypto.SHA384, content)
		}, ErrMalformed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := VerifySignature(forge(t, s, c.change), content, a.roots(), provedAt); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}
