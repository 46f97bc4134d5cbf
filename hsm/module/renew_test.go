package module

import (
	"context"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"casemate/hsm"
	"casemate/store/seal"
)

// A new revocation list each day, a new TLS certificate in the last month, both
// with the same keys and kept over a restart.
func TestRenewal(t *testing.T) {
	cfg := setUp(t)
	start := time.Now()
	now := start
	cfg.Now = func() time.Time { return now }
	e := open(t, cfg)
	first := e.certificates.current()
	renew := func() *certificateSet {
		t.Helper()
		check(t, e.certificates.renew(context.Background()))
		return e.certificates.current()
	}
	now = start.Add(23 * time.Hour)
	if s := renew(); s.crl.Number.Cmp(first.crl.Number) != 0 {
		t.Error("the list was renewed before its time")
	}
	now = start.Add(25 * time.Hour)
	s := renew()
	if s.crl.Number.Cmp(first.crl.Number) <= 0 || !s.crl.NextUpdate.After(first.crl.NextUpdate) {
		t.Errorf("the list of %v was not renewed", s.crl.ThisUpdate)
	}
	if s.server != first.server {
		t.Error("the TLS certificate was renewed before its time")
	}
	now = first.server.NotAfter.Add(-29 * 24 * time.Hour)
	s = renew()
	if !s.server.NotAfter.After(first.server.NotAfter) || !e.tls.public.Equal(s.server.PublicKey) {
		t.Errorf("the TLS certificate until %v was not renewed", s.server.NotAfter)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.accessRoot)
	if _, err := s.server.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now}); err != nil {
		t.Error(err)
	}
	check(t, e.close())
	again := open(t, cfg).certificates.current()
	if again.crl.Number.Cmp(s.crl.Number) != 0 || !again.server.Equal(s.server) {
		t.Error("after a restart, older certificates")
	}
}

// At the end of the seal certificate's year nothing is sealed any more.
func TestSealCertificateEnds(t *testing.T) {
	cfg := setUp(t)
	e := open(t, cfg)
	set := e.certificates.current()
	check(t, set.mayseal(time.Now()))
	for _, at := range []time.Time{
		set.sealing.NotAfter.Add(time.Second), set.sealing.NotBefore.Add(-time.Second), set.crl.NextUpdate.Add(time.Second),
	} {
		if err := set.mayseal(at); !errors.Is(err, hsm.ErrRefused) {
			t.Errorf("at %v: %v, want a refusal", at, err)
		}
	}
	if until := set.sealRoot.NotAfter; until.Before(time.Now().AddDate(39, 0, 0)) {
		t.Errorf("the seal root ends in %v", until)
	}
	if len(set.sealing.Policies) != 1 || !set.sealing.Policies[0].Equal(seal.PolicyOID) {
		t.Errorf("policies %v", set.sealing.Policies)
	}
}

func TestLimits(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLimiters(Limits{Seals: 1, Certificates: 2, Witness: 1}, func() time.Time { return now })
	check(t, l.allow(l.seals, hsm.MaxSeals, "seals"))
	if err := l.allow(l.seals, 1, "seals"); !errors.Is(err, hsm.ErrBusy) {
		t.Errorf("beyond the limit: %v, want ErrBusy", err)
	}
	now = now.Add(time.Second)
	check(t, l.allow(l.seals, 1, "seals"))
	check(t, l.allow(l.certificates, 1, "certificates"))
	check(t, l.allow(l.certificates, 1, "certificates"))
	if err := l.allow(l.certificates, 1, "certificates"); !errors.Is(err, hsm.ErrBusy) {
		t.Errorf("a third certificate: %v, want ErrBusy", err)
	}
}

func TestSignatureRate(t *testing.T) {
	rate, err := SignatureRate(context.Background(), setUp(t), 50*time.Millisecond)
	if err != nil || rate <= 0 {
		t.Errorf("%v signatures a second: %v", rate, err)
	}
}
