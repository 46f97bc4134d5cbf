package verify

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"casemate/store/proof"
	"casemate/store/seal"
)

var sealPolicy = seal.PolicyOID.String()

func TestTimes(t *testing.T) {
	w := newWorld(t)
	now := time.Now().UTC()
	external := func(at time.Time) *proof.External { return &proof.External{At: at} }
	for name, c := range map[string]struct {
		attest func(*proof.Attestation)
		want   error
	}{
		"sealed after its timestamp":        {func(a *proof.Attestation) { a.NotBefore = external(now.Add(time.Hour)) }, ErrTimes},
		"backdated by a clock called right": {func(a *proof.Attestation) { a.DeclaredAt = now.AddDate(-1, 0, 0) }, ErrTimes},
		"postdated by a clock called right": {func(a *proof.Attestation) { a.DeclaredAt = now.AddDate(0, 0, 1) }, ErrTimes},
		"backdated, not trusted": {func(a *proof.Attestation) {
			a.DeclaredAt, a.Clock = now.AddDate(-1, 0, 0), proof.Clock{Reason: "no server answers"}
		}, nil},
		"no earlier time":    {func(a *proof.Attestation) { a.NotBefore = nil }, nil},
		"clocks a bit apart": {func(a *proof.Attestation) { a.DeclaredAt = now.Add(30 * time.Second) }, nil},
	} {
		d := w.make(t, recipe{attest: c.attest})
		r, err := judge(t, d.write(t, true), w.trust, time.Now())
		if !errors.Is(err, c.want) || r.OK != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}

	d := w.make(t, recipe{})
	b := d.write(t, true)
	r, err := judge(t, b, w.trust, time.Now())
	if err != nil || !r.NotBefore.Equal(d.attestation.NotBefore.At.Truncate(time.Millisecond)) || r.ProvedAt.Before(r.NotBefore) {
		t.Errorf("%v %+v", err, r)
	}
	if _, err := judge(t, b, w.trust, time.Now().Add(-time.Hour)); !errors.Is(err, ErrEvidence) {
		t.Errorf("judged before it was made: %v", err)
	}
	if _, err := judge(t, b, w.trust, time.Now().AddDate(20, 0, 0)); !errors.Is(err, ErrEvidence) {
		t.Errorf("judged after the timestamp's certificate, never renewed: %v", err)
	}
	if _, err := judge(t, b, w.trust, time.Now().AddDate(3, 0, 0)); err != nil {
		t.Errorf("judged after the seal's certificate: %v", err)
	}
}

func TestPolicies(t *testing.T) {
	w := newWorld(t)
	b := w.make(t, recipe{}).write(t, true)
	for policy, want := range map[string]error{"1.2.3.4.1": nil, "1.2.3": ErrEvidence} {
		if _, err := judgeWith(t, b, w.trust, policy); !errors.Is(err, want) {
			t.Errorf("policy %s: %v", policy, err)
		}
	}
}

func judgeWith(t testing.TB, b []byte, dir, policy string) (Report, error) {
	t.Helper()
	trust, err := LoadTrust(dir)
	if err != nil {
		t.Fatal(err)
	}
	trust.Policies = []string{policy}
	return Receipt(context.Background(), bytes.NewReader(b), int64(len(b)), nil, trust, time.Now())
}
