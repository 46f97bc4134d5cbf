package timestamp

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"
	"time"
)

// TestVerifierAsVerify: whatever was asked before, a verifier gives for each token, digest and time what
// Verify gives: of another chain, another digest, a token altered anywhere, a time before, within and
// after the certificates' span.
func TestVerifierAsVerify(t *testing.T) {
	ours, theirs := newNotary(t, nil), newNotary(t, nil)
	good, foreign := ours.token(digest), theirs.token(digest)
	tokens := map[string][]byte{"ours": good, "another authority's": foreign, "none": nil, "cut": good[:len(good)-1]}
	for at := 0; at < len(good); at += 97 {
		altered := bytes.Clone(good)
		altered[at] ^= 1
		tokens[string(rune('a'+at%26))+" altered at "+time.Duration(at).String()] = altered
	}
	now := time.Now()
	times := []time.Time{{}, now, now.Add(-time.Hour), now.Add(12 * time.Hour), now.Add(36 * time.Hour), now.Add(12 * time.Hour), {}, now}
	v := NewVerifier(ours.roots, nil)
	for range 2 { // the second time from memory
		for name, token := range tokens {
			for _, d := range [][32]byte{digest, sha256.Sum256([]byte("something else"))} {
				for _, at := range times {
					want, wantErr := Verify(token, d, ours.roots, nil, at)
					got, err := v.Verify(token, d, at)
					if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() || !bytes.Equal(got.DER, want.DER) || got.Time != want.Time || got.Authority != want.Authority {
						t.Errorf("%s at %v: %v, want %v", name, at, err, wantErr)
					}
				}
			}
			want, wantErr := Imprint(token)
			if got, err := v.Imprint(token); got != want || (err == nil) != (wantErr == nil) {
				t.Errorf("%s: imprint %x, %v", name, got, err)
			}
		}
	}
	if _, err := v.Verify(good, digest, now.Add(36*time.Hour)); !errors.Is(err, ErrUntrusted) {
		t.Errorf("after the certificate ran out: %v", err)
	}
	got, err := v.Verify(good, digest, now)
	if err != nil {
		t.Fatal(err)
	}
	got.DER[0] ^= 1 // a caller's own
	if again, err := v.Verify(good, digest, now); err != nil || !bytes.Equal(again.DER, good) {
		t.Errorf("a caller changed what is remembered: %v", err)
	}
}

// TestVerifierPolicies: a verifier's policies are part of what it judges by, and its memory is bounded.
func TestVerifierPolicies(t *testing.T) {
	n := newNotary(t, nil)
	der := n.token(digest)
	if _, err := NewVerifier(n.roots, []string{"9.9.9"}).Verify(der, digest, time.Time{}); !errors.Is(err, ErrPolicy) {
		t.Errorf("policy: %v", err)
	}
	if _, err := NewVerifier(nil, nil).Verify(der, digest, time.Time{}); !errors.Is(err, ErrUntrusted) {
		t.Errorf("no roots: %v", err)
	}
	v := NewVerifier(n.roots, nil)
	for i := range knownTokens + 10 {
		d := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		if _, err := v.Verify(n.token(d), d, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if len(v.known) > knownTokens {
		t.Errorf("%d tokens remembered", len(v.known))
	}
}
