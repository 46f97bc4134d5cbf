package timestamp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/digitorus/timestamp"
)

// DefaultTimeout bounds one question to one authority, answer included.
const DefaultTimeout = 20 * time.Second

// maxReply bounds what is read of an answer.
const maxReply = 1 << 20

const (
	queryType = "application/timestamp-query"
	replyType = "application/timestamp-reply"
)

// Authority is one external RFC 3161 service, spoken to over HTTP (RFC 3161
// 3.4), and what makes its tokens believable.
type Authority struct {
	Name     string         // for logs and errors
	URL      string         // http or https; tokens are signed, secrecy is not at stake
	Roots    *x509.CertPool // the authorities above it, and only them
	Policies []string       // accepted policies, dotted; empty accepts any
	Timeout  time.Duration  // zero means DefaultTimeout
	Client   *http.Client   // nil means one without redirects or cookies
	Now      func() time.Time
}

// Stamp asks for a token about the SHA-256 digest and verifies all of it:
// besides what Verify checks, that it answers this very question (nonce). The
// request asks for the certificates, and for the policy when exactly one is
// accepted. Errors: ErrUnreachable when there was no proper answer, ErrRefused
// when the authority declined, ErrNonce, and those of Verify.
func (a Authority) Stamp(ctx context.Context, digest [32]byte) (Token, error) {
	token, err := a.stamp(ctx, digest)
	if err != nil {
		return Token{}, fmt.Errorf("asking timestamping authority %q: %w", a.Name, err)
	}
	return token, nil
}

func (a Authority) stamp(ctx context.Context, digest [32]byte) (Token, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(a.Timeout, DefaultTimeout))
	defer cancel()
	nonce, err := newNonce()
	if err != nil {
		return Token{}, err
	}
	query, err := a.query(digest, nonce)
	if err != nil {
		return Token{}, err
	}
	now := a.Now
	if now == nil {
		now = time.Now
	}
	asked := now()
	reply, err := a.post(ctx, query)
	if err != nil {
		return Token{}, err
	}
	took := now().Sub(asked)
	der, err := parseReply(reply)
	if err != nil {
		return Token{}, err
	}
	if err := checkNonce(der, nonce); err != nil {
		return Token{}, err
	}
	token, err := Verify(der, digest, a.Roots, a.Policies, time.Time{})
	if err != nil {
		return Token{}, err
	}
	token.fresh, token.took = true, took
	return token, nil
}

// newNonce makes a positive nonce of 64 bits, the size every authority takes.
func newNonce() (*big.Int, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return nil, fmt.Errorf("making a nonce: %w", err)
	}
	b[0] |= 0x40 // never short
	b[0] &= 0x7f // never negative
	return new(big.Int).SetBytes(b[:]), nil
}

func (a Authority) query(digest [32]byte, nonce *big.Int) ([]byte, error) {
	request := timestamp.Request{
		HashAlgorithm: crypto.SHA256,
		HashedMessage: digest[:],
		Certificates:  true,
		Nonce:         nonce,
	}
	if len(a.Policies) == 1 {
		policy, err := parseOID(a.Policies[0])
		if err != nil {
			return nil, err
		}
		request.TSAPolicyOID = policy
	}
	query, err := request.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encoding the request: %w", err)
	}
	return query, nil
}

// post sends the query. A redirect, a wrong status, a wrong type and a reply
// that is too large are no answer.
func (a Authority) post(ctx context.Context, query []byte) (reply []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL, bytes.NewReader(query))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	request.Header.Set("Content-Type", queryType)
	request.Header.Set("Accept", replyType)
	response, err := a.client().Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	// Some authorities answer 201, "created".
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("HTTP status %d: %w", response.StatusCode, ErrUnreachable)
	}
	if kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err != nil || kind != replyType {
		return nil, fmt.Errorf("an answer of type %.60q: %w", response.Header.Get("Content-Type"), ErrUnreachable)
	}
	reply, err = io.ReadAll(io.LimitReader(response.Body, maxReply+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w: %w", ErrUnreachable, err)
	}
	if len(reply) > maxReply {
		return nil, fmt.Errorf("an answer of more than %d bytes: %w", maxReply, ErrUnreachable)
	}
	return reply, nil
}

// direct follows no redirect: the configured address is the address.
var direct = &http.Client{
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (a Authority) client() *http.Client {
	if a.Client != nil {
		return a.Client
	}
	return direct
}

// checkNonce demands the very number that was sent.
func checkNonce(der []byte, nonce *big.Int) error {
	_, info, err := parse(der)
	if err != nil {
		return err
	}
	if info.nonce == nil || info.nonce.Cmp(nonce) != 0 {
		return ErrNonce
	}
	return nil
}

func parseOID(s string) (asn1.ObjectIdentifier, error) {
	parts := strings.Split(s, ".")
	oid := make(asn1.ObjectIdentifier, len(parts))
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil || len(parts) < 2 {
			return nil, fmt.Errorf("policy %q is no dotted object identifier: %w", s, ErrPolicy)
		}
		oid[i] = int(n)
	}
	return oid, nil
}

func orDefault(d, fallback time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return fallback
}
