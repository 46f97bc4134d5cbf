package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"casemate/appliance/wire"
)

// Limits of what is read into memory of one reply.
const (
	maxReply   = 64 << 20 // a page of documents of a thousand files each
	maxProblem = 64 << 10
)

// bufferSize of the connection: large documents go in few system calls.
const bufferSize = 256 << 10

// Config says which safe, and who calls.
type Config struct {
	URL         string          // https://host:port, without a path
	Roots       *x509.CertPool  // authorities the safe's certificate may come from; nil is refused
	Certificate tls.Certificate // of the caller
	UserAgent   string          // "" for the package's own
}

// Client calls one safe. It is safe for concurrent use.
type Client struct {
	base  string
	agent string
	http  *http.Client
}

// New makes a client and sends nothing. Errors are [ErrSettings].
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("%w: the address %q: %w", ErrSettings, c.URL, err)
	}
	if u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%w: the address %q should look like https://safe.example:8443", ErrSettings, u.Redacted())
	}
	if c.Roots == nil {
		return nil, fmt.Errorf("%w: no authority for the safe's certificate", ErrSettings)
	}
	if c.UserAgent == "" {
		c.UserAgent = "casemate-client"
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:       tlsConfig(c.Roots, c.Certificate),
		TLSHandshakeTimeout:   15 * time.Second,
		ExpectContinueTimeout: 10 * time.Second,
		IdleConnTimeout:       60 * time.Second,
		DisableCompression:    true, // digests are over the bytes that travel
		WriteBufferSize:       bufferSize,
		ReadBufferSize:        bufferSize,
	}
	return &Client{
		base:  "https://" + u.Host,
		agent: c.UserAgent,
		http: &http.Client{
			Transport: transport,
			// A redirect would carry the certificate's proof to a place nobody named.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// path joins segments below the API's prefix, each escaped.
func path(segments ...string) string {
	var b strings.Builder
	b.WriteString(wire.Prefix)
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

func (c *Client) request(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Request, error) {
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept", wire.JSON+", "+wire.Prob)
	return req, nil
}

// send gives the response of a success, its body still to be read and closed, or an
// error of one of the classes.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	res, err := c.http.Do(req)
	if errors.Is(err, net.ErrClosed) && req.Method == http.MethodGet {
		// The door was shut while the request was being written, and with the line went what the door said
		// about it. Asked again, which changes nothing, it says so.
		res, err = c.http.Do(req)
	}
	if err != nil {
		if ctx := req.Context(); ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, transportError(err)
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return res, nil
	}
	defer discard(res.Body)
	return nil, problemOf(res)
}

// problemOf reads a refusal. Something between the safe and us (a proxy) may answer
// in its own way: then only the status speaks.
func problemOf(res *http.Response) error {
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err == nil && kind == wire.Prob {
		var p wire.Problem
		if err := json.NewDecoder(io.LimitReader(res.Body, maxProblem)).Decode(&p); err == nil && p.Code != "" {
			p.Status = res.StatusCode
			return newRefusal(p)
		}
	}
	class := classOfStatus(res.StatusCode)
	if !errors.Is(class, ErrUnavailable) {
		class = ErrProtocol
	}
	return fmt.Errorf("%w: status %s", class, res.Status)
}

// call does one exchange of JSON. in and out may be nil.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrSettings, err)
		}
		body = bytes.NewReader(text)
	}
	req, err := c.request(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", wire.JSON)
	}
	res, err := c.send(req)
	if err != nil {
		return err
	}
	defer discard(res.Body)
	return decode(ctx, res, out)
}

// decode reads a whole reply in JSON, within maxReply.
func decode(ctx context.Context, res *http.Response, out any) error {
	text, err := io.ReadAll(io.LimitReader(res.Body, maxReply+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return transportError(err)
	case len(text) > maxReply:
		return fmt.Errorf("%w: more than %d bytes", ErrProtocol, maxReply)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return nil
}

// discard reads the little that may be left, so that the connection can serve
// again, and closes.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 64<<10) // best effort: only the connection's reuse hangs on it
	_ = body.Close()                          // nothing more is wanted of it
}
