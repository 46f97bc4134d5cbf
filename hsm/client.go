package hsm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// DefaultTimeout bounds a call whose context has no earlier deadline. It is
// longer than the process's own deadline for its module, so that the process's
// answer, which names the cause, normally arrives first.
const DefaultTimeout = 15 * time.Second

// Client talks to one token process. It is safe for concurrent use and
// survives any number of restarts of the process.
type Client struct {
	// Timeout bounds every call; DefaultTimeout unless set before first use.
	Timeout time.Duration
	http    *http.Client
}

// NewClient makes a client of the process that listens on a unix socket. It
// does not connect; Ping does.
func NewClient(socket string) *Client {
	var dialer net.Dialer
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		},
		MaxIdleConnsPerHost: 16,
		DisableCompression:  true,
	}
	return &Client{Timeout: DefaultTimeout, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close drops idle connections. Calls under way are not disturbed.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call posts one request and decodes its reply.
func (c *Client) call(ctx context.Context, path string, request, reply any) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encoding a request to %s: %w", path, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://hsm"+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("making a request to %s: %w", path, err)
	}
	// Present but empty: never sent, it lets net/http repeat the request by
	// itself when a kept connection turns out to belong to a dead process.
	r.Header["Idempotency-Key"] = nil
	r.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(r)
	if err != nil {
		return unavailable(path, err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing is left to save
	if resp.StatusCode != http.StatusOK {
		return readProblem(path, resp)
	}
	// Strictness is for requests: what answers here is the process that holds the PIN, on a socket
	// that nobody else can stand behind.
	if err := json.NewDecoder(io.LimitReader(resp.Body, MaxMessage)).Decode(reply); err != nil {
		return unavailable(path, err)
	}
	return nil
}

// unavailable keeps the cause, so that a caller who cancelled still finds
// context.Canceled by errors.Is.
func unavailable(path string, err error) error {
	return fmt.Errorf("asking %s of the token process: %w: %w", path, ErrUnavailable, err)
}

func readProblem(path string, resp *http.Response) error {
	var p Problem
	if err := Decode(resp.Body, &p); err != nil {
		return unavailable(path, fmt.Errorf("status %s: %w", resp.Status, err))
	}
	class := sentinel(p.Code)
	if p.Error == "" || p.Error == class.Error() {
		return fmt.Errorf("asking %s of the token process: %w", path, class)
	}
	return fmt.Errorf("asking %s of the token process: %w", path, &remoteError{class: class, text: p.Error})
}

// remoteError is the process's own sentence; it already names the class.
type remoteError struct {
	class error
	text  string
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.class }

// errReply is a reply of the wrong shape: a process of another build.
func errReply(path string) error {
	return unavailable(path, errors.New("a reply of the wrong shape"))
}
