package timestamp

import (
	"crypto/subtle"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// future is how much later than the time it is judged at a token may be:
// authorities' clocks and ours agree no better.
const future = time.Minute

// Token is a verified RFC 3161 timestamp token.
type Token struct {
	DER       []byte        // the TimeStampToken as the authority made it
	Time      time.Time     // genTime, UTC
	Policy    string        // dotted OID
	Serial    string        // hexadecimal, lower case
	Authority string        // distinguished name of the signer
	Accuracy  time.Duration // zero when the authority does not say

	// fresh is set on a token that was asked for in this process, took is
	// the time from question to answer: such a token says what time it is.
	fresh bool
	took  time.Duration
}

// Verify judges a TimeStampToken about the SHA-256 digest. It returns a Token
// only if the token is DER with one signer, its imprint is SHA-256 and equals
// digest, its policy is in policies (dotted OIDs; empty accepts any), the
// signature holds, the signer's certificate is named under it, is for
// timestamps alone (critical extended key usage) and chains to roots at the
// token's own time. A non-zero at is the time the judgement is made for: the
// chain must hold then as well, and the token must not be later. In a chain of
// renewals that is the time of the next newer token; for the newest, now.
//
// Certificates are not checked for revocation. Errors: ErrMalformed,
// ErrImprint, ErrPolicy, ErrSigner, ErrUntrusted, ErrTokenTime.
// Sources: RFC 3161 2.4.2, RFC 5652, RFC 5816.
func Verify(token []byte, digest [32]byte, roots *x509.CertPool, policies []string, at time.Time) (Token, error) {
	t, _, _, err := verify(token, digest, roots, policies, at)
	return t, err
}

// verify is Verify; it also says from when to when the chain found for at is valid, zero if at is.
func verify(token []byte, digest [32]byte, roots *x509.CertPool, policies []string, at time.Time) (t Token, from, until time.Time, err error) {
	refused := func(err error) (Token, time.Time, time.Time, error) { return Token{}, time.Time{}, time.Time{}, err }
	sd, info, err := parse(token)
	if err != nil {
		return refused(err)
	}
	if !info.hash.Equal(oidSHA256) || subtle.ConstantTimeCompare(info.imprint, digest[:]) != 1 {
		return refused(fmt.Errorf("comparing the imprint: %w", ErrImprint))
	}
	if len(policies) > 0 && !slices.Contains(policies, info.policy.String()) {
		return refused(fmt.Errorf("policy %s: %w", info.policy, ErrPolicy))
	}
	cert, err := sd.verifySigner()
	if err != nil {
		return refused(err)
	}
	if info.time.Year() < 1990 { // before RFC 3161's ancestors; a zero time means "now" to crypto/x509
		return refused(fmt.Errorf("%s: %w", info.time.Format(time.RFC3339), ErrTokenTime))
	}
	if !at.IsZero() && info.time.After(at.Add(future)) {
		return refused(fmt.Errorf("%s is later than %s: %w", info.time.Format(time.RFC3339), at.UTC().Format(time.RFC3339), ErrTokenTime))
	}
	if _, _, err := sd.verifyChain(cert, roots, info.time); err != nil {
		return refused(err)
	}
	if !at.IsZero() {
		if from, until, err = sd.verifyChain(cert, roots, at); err != nil {
			return refused(err)
		}
	}
	return Token{
		DER:       slices.Clone(token),
		Time:      info.time,
		Policy:    info.policy.String(),
		Serial:    info.serial.Text(16),
		Authority: cert.Subject.String(),
		Accuracy:  info.accuracy,
	}, from, until, nil
}

// Imprint is the SHA-256 digest that a TimeStampToken says it is about. Nothing
// of the token is verified: it is what to ask Verify for when the token itself
// is known by its digest and what it was made for does not matter. Errors:
// ErrMalformed, and ErrImprint for an imprint of another algorithm.
func Imprint(token []byte) ([32]byte, error) {
	_, info, err := parse(token)
	if err != nil {
		return [32]byte{}, err
	}
	if !info.hash.Equal(oidSHA256) || len(info.imprint) != 32 {
		return [32]byte{}, fmt.Errorf("reading the imprint: %w", ErrImprint)
	}
	return [32]byte(info.imprint), nil
}

func parse(token []byte) (signedData, tstInfo, error) {
	sd, err := parseToken(token)
	if err != nil {
		return signedData{}, tstInfo{}, err
	}
	info, err := parseTSTInfo(sd.content)
	return sd, info, err
}
