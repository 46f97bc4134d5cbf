package hsm

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// answering listens as a token process would and answers as the test says.
func answering(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: handler, ReadHeaderTimeout: time.Second}
	go func() { _ = web.Serve(l) }()
	c := NewClient(path)
	t.Cleanup(func() { c.Close(); _ = web.Close() })
	return c
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestErrorsAcrossTheSocket(t *testing.T) {
	ctx := context.Background()
	for _, class := range classes {
		body, err := json.Marshal(Problem{Code: class.Code, Error: "because: " + class.Err.Error()})
		if err != nil {
			t.Fatal(err)
		}
		err = answering(t, answer(class.Status, string(body))).Ping(ctx)
		if !errors.Is(err, class.Err) || !strings.Contains(err.Error(), "because") {
			t.Errorf("%s: %v", class.Code, err)
		}
		if Classify(err).Code != class.Code {
			t.Errorf("%s is told on as %s", class.Code, Classify(err).Code)
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"an unknown code": answer(500, `{"code":"?","error":"x"}`),
		"no problem":      answer(502, `<html>`),
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere/", http.StatusFound)
		},
		"no JSON": answer(200, `ok`),
	} {
		if err := answering(t, handler).Ping(ctx); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
	}
	if err := NewClient("/nonexistent/socket").Ping(ctx); !errors.Is(err, ErrUnavailable) {
		t.Errorf("no process: %v, want ErrUnavailable", err)
	}
}

// Replies of the right class but the wrong length never reach a caller.
func TestShortReplies(t *testing.T) {
	ctx := context.Background()
	c := answering(t, answer(200, `{}`))
	if _, _, err := c.NewKey(ctx, KeyContext{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a key of no bytes: %v", err)
	}
	if _, err := c.UnwrapKey(ctx, KeyContext{}, nil); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a key of no bytes: %v", err)
	}
	if _, err := c.Seal(ctx, make([]SealRequest, 1)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("no seals: %v", err)
	}
	if _, err := c.SignCheckpoint(ctx, 1, [32]byte{}, nil); !errors.Is(err, ErrUnavailable) {
		t.Errorf("no note: %v", err)
	}
	if _, _, _, err := c.LastCheckpoint(ctx); !errors.Is(err, ErrUnavailable) {
		t.Errorf("no root: %v", err)
	}
	if _, err := c.Random(ctx, 1); !errors.Is(err, ErrUnavailable) {
		t.Errorf("no bytes: %v", err)
	}
	if m, err := answering(t, answer(200, `{"mark":"AAAA"}`)).Witness(ctx); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a mark without an order number: %q, %v", m, err)
	}
	if m, err := c.Witness(ctx); m != nil || err != nil {
		t.Errorf("no mark: %q, %v", m, err)
	}
	if _, err := c.TLSCertificate(ctx); !errors.Is(err, ErrUnavailable) {
		t.Errorf("no chain: %v", err)
	}
}

// A process that is stopped answers nothing; the caller still comes back.
func TestDeadline(t *testing.T) {
	stop := make(chan struct{})
	c := answering(t, func(http.ResponseWriter, *http.Request) { <-stop })
	t.Cleanup(func() { close(stop) })
	c.Timeout = 20 * time.Millisecond
	if err := c.Ping(context.Background()); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Ping(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}

func TestSealBatches(t *testing.T) {
	big := SealRequest{Attestation: make([]byte, 3<<20)}
	for _, c := range []struct {
		requests []SealRequest
		want     int
	}{
		{make([]SealRequest, 1), 1},
		{make([]SealRequest, 256), 256},
		{make([]SealRequest, 257), 256},
		{[]SealRequest{big, big, big, big}, 2},
		{[]SealRequest{{Attestation: make([]byte, 9<<20)}, big}, 1},
	} {
		if n := sealBatch(c.requests); n != c.want {
			t.Errorf("%d of %d in a message, want %d", n, len(c.requests), c.want)
		}
	}
}
