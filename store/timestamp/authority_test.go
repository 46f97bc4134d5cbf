package timestamp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
)

var digest = sha256.Sum256([]byte("a document"))

func TestStampHonest(t *testing.T) {
	n := newNotary(t, nil)
	a := n.serve(func(q *timestamp.Request) []byte { return n.reply(n.honest(q)) })
	token, err := a.Stamp(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	if token.Policy != testPolicy || token.Accuracy != time.Second || token.Authority != "CN=notary" || token.Serial == "" {
		t.Errorf("token says %+v", token)
	}
	again, err := Verify(token.DER, digest, n.roots, []string{"1.9", testPolicy}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if again.Time != token.Time || again.fresh || !token.fresh {
		t.Errorf("verified again it says %+v", again)
	}
}

// Every lie an authority or somebody on the way can tell in a reply.
func TestStampLies(t *testing.T) {
	other := newNotary(t, nil)
	for name, lie := range map[string]struct {
		shape    func(*x509.Certificate)
		change   func(*timestamp.Timestamp)
		reply    func(n *notary, q *timestamp.Request) []byte
		policies []string
		want     error
	}{
		"wrong nonce":   {change: func(ts *timestamp.Timestamp) { ts.Nonce = big.NewInt(7) }, want: ErrNonce},
		"no nonce":      {change: func(ts *timestamp.Timestamp) { ts.Nonce = nil }, want: ErrNonce},
		"wrong imprint": {change: func(ts *timestamp.Timestamp) { ts.HashedMessage = make([]byte, 32) }, want: ErrImprint},
		"other imprint algorithm": {change: func(ts *timestamp.Timestamp) {
			ts.HashAlgorithm, ts.HashedMessage = crypto.SHA512, make([]byte, 64)
		}, want: ErrImprint},
		"SHA-384 named for our digest": {change: func(ts *timestamp.Timestamp) { ts.HashAlgorithm = crypto.SHA384 }, want: ErrImprint},
		"another policy":               {policies: []string{"1.2.3", "1.2.4"}, want: ErrPolicy},
		"the one policy not heeded":    {policies: []string{"1.2.3"}, want: ErrPolicy},
		"other signer": {reply: func(_ *notary, q *timestamp.Request) []byte { return other.reply(other.honest(q)) },
			want: ErrUntrusted},
		"time before the certificate": {change: func(ts *timestamp.Timestamp) { ts.Time = time.Now().Add(-30 * time.Hour) }, want: ErrUntrusted},
		"time after the certificate":  {change: func(ts *timestamp.Timestamp) { ts.Time = time.Now().Add(30 * time.Hour) }, want: ErrUntrusted},
		"time of the year one":        {change: func(ts *timestamp.Timestamp) { ts.Time = time.Time{} }, want: ErrTokenTime},
		"certificate left out":        {change: func(ts *timestamp.Timestamp) { ts.AddTSACertificate = false }, want: ErrSigner},
		"critical extension": {change: func(ts *timestamp.Timestamp) {
			ts.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}, want: ErrMalformed},
		"expired certificate": {shape: func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }, want: ErrUntrusted},
		"usage not critical":  {shape: func(c *x509.Certificate) { c.ExtraExtensions[0] = usage(false, 8) }, want: ErrSigner},
		"another usage":       {shape: func(c *x509.Certificate) { c.ExtraExtensions[0] = usage(true, 2) }, want: ErrSigner},
		"two usages":          {shape: func(c *x509.Certificate) { c.ExtraExtensions[0] = usage(true, 8, 2) }, want: ErrSigner},
		"unknown second usage": {shape: func(c *x509.Certificate) { c.ExtraExtensions[0] = usage(true, 8, 99) },
			want: ErrSigner},
		"no usage":         {shape: func(c *x509.Certificate) { c.ExtraExtensions = nil }, want: ErrSigner},
		"for agreement":    {shape: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }, want: ErrSigner},
		"for all purposes": {shape: func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageKeyEncipherment }, want: ErrSigner},
		"an authority": {shape: func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true },
			want: ErrSigner},
		"altered": {reply: func(n *notary, q *timestamp.Request) []byte {
			return bytes.Replace(n.reply(n.honest(q)), digest[:], bytes.Repeat([]byte{1}, 32), 1)
		}, want: ErrImprint},
		"time altered": {reply: func(n *notary, q *timestamp.Request) []byte {
			ts := n.honest(q)
			return bytes.Replace(n.reply(ts), []byte(ts.Time.Format("20060102150405Z")),
				[]byte(ts.Time.Add(-time.Hour).Format("20060102150405Z")), 1)
		}, want: ErrSigner},
		"signature altered": {reply: func(n *notary, q *timestamp.Request) []byte {
			der := n.reply(n.honest(q))
			der[len(der)-1] ^= 1
			return der
		}, want: ErrSigner},
		"refusal": {reply: func(n *notary, _ *timestamp.Request) []byte {
			der, err := timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.TimeNotAvailable)
			if err != nil {
				n.t.Error(err)
			}
			return der
		}, want: ErrRefused},
		"granted without token": {reply: func(*notary, *timestamp.Request) []byte { return []byte{0x30, 5, 0x30, 3, 2, 1, 0} }, want: ErrMalformed},
		"garbage":               {reply: func(*notary, *timestamp.Request) []byte { return []byte("<html>out of order</html>") }, want: ErrMalformed},
		"nothing":               {reply: func(*notary, *timestamp.Request) []byte { return nil }, want: ErrMalformed},
		"cut off": {reply: func(n *notary, q *timestamp.Request) []byte {
			der := n.reply(n.honest(q))
			return der[:len(der)-5]
		}, want: ErrMalformed},
		"something behind": {reply: func(n *notary, q *timestamp.Request) []byte { return append(n.reply(n.honest(q)), 0) },
			want: ErrMalformed},
		"too large": {reply: func(*notary, *timestamp.Request) []byte { return make([]byte, maxReply+1) }, want: ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNotary(t, lie.shape)
			a := n.serve(func(q *timestamp.Request) []byte {
				if lie.reply != nil {
					return lie.reply(n, q)
				}
				ts := n.honest(q)
				if lie.change != nil {
					lie.change(ts)
				}
				return n.reply(ts)
			})
			a.Policies = lie.policies
			token, err := a.Stamp(t.Context(), digest)
			if !errors.Is(err, lie.want) {
				t.Fatalf("error %v, want %v", err, lie.want)
			}
			if token.DER != nil || !strings.Contains(err.Error(), "notary") {
				t.Errorf("token %v, error %q does not name the authority", token, err)
			}
		})
	}
}

// What can go wrong below the protocol.
func TestStampTransport(t *testing.T) {
	n := newNotary(t, nil)
	release := make(chan struct{})
	for name, handler := range map[string]http.HandlerFunc{
		"status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"type":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		},
		"slow": func(_ http.ResponseWriter, _ *http.Request) { <-release },
		"slow body": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", replyType)
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-release
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			t.Cleanup(server.CloseClientConnections)
			a := Authority{Name: name, URL: server.URL, Roots: n.roots, Timeout: 200 * time.Millisecond}
			if _, err := a.Stamp(t.Context(), digest); !errors.Is(err, ErrUnreachable) {
				t.Errorf("error %v, want %v", err, ErrUnreachable)
			}
		})
	}
	close(release)
	down := Authority{Name: "down", URL: "http://127.0.0.1:1/", Roots: n.roots}
	if _, err := down.Stamp(t.Context(), digest); !errors.Is(err, ErrUnreachable) {
		t.Errorf("error %v, want %v", err, ErrUnreachable)
	}
}

func TestAuthoritiesInOrder(t *testing.T) {
	good, liar := newNotary(t, nil), newNotary(t, nil)
	honest := good.serve(func(q *timestamp.Request) []byte { return good.reply(good.honest(q)) })
	lying := liar.serve(func(q *timestamp.Request) []byte {
		ts := liar.honest(q)
		ts.Nonce = big.NewInt(1)
		return liar.reply(ts)
	})
	down := Authority{Name: "down", URL: "http://127.0.0.1:1/", Roots: good.roots}
	token, err := Authorities{down, lying, honest}.Stamp(t.Context(), digest)
	if err != nil || !token.fresh {
		t.Fatalf("token %+v, error %v", token, err)
	}
	_, err = Authorities{down, lying}.Stamp(t.Context(), digest)
	if !errors.Is(err, ErrUnreachable) || !errors.Is(err, ErrNonce) {
		t.Errorf("error %v does not tell both failures", err)
	}
	if _, err := (Authorities{}).Stamp(t.Context(), digest); !errors.Is(err, ErrNoAuthority) {
		t.Errorf("error %v, want %v", err, ErrNoAuthority)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Authorities{honest}).Stamp(ctx, digest); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

func TestParseOID(t *testing.T) {
	for _, bad := range []string{"", "1", "1.", "1.2.x", "1.-2", "1.99999999999"} {
		if _, err := parseOID(bad); !errors.Is(err, ErrPolicy) {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}
