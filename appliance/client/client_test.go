package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"casemate/appliance/wire"
	"casemate/store/proof"
)

// serve gives a client of a TLS 1.3 server that answers with handle.
func serve(t *testing.T, handle http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewUnstartedServer(handle)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c, err := New(Config{URL: server.URL, Roots: roots})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestNewRefusesWhatIsNoAddressOfASafe(t *testing.T) {
	for _, url := range []string{
		"", "safe.example", "http://safe.example", "https://", "https://safe.example/path", "https://u:p@safe.example",
		"https://safe.example?x=1", "https://safe.example#x", "https://safe.example:port", "ftp://safe.example",
	} {
		if _, err := New(Config{URL: url, Roots: x509.NewCertPool()}); !errors.Is(err, ErrSettings) {
			t.Errorf("New(%q): %v, want ErrSettings", url, err)
		} else if strings.Contains(err.Error(), "u:p@") {
			t.Errorf("the password is in the error: %v", err)
		}
	}
	if _, err := New(Config{URL: "https://safe.example"}); !errors.Is(err, ErrSettings) {
		t.Errorf("without roots: %v, want ErrSettings", err)
	}
	if _, err := New(Config{URL: "https://safe.example:8443/", Roots: x509.NewCertPool()}); err != nil {
		t.Errorf("a good address: %v", err)
	}
}

// TestClasses: each kind of answer is of the class a caller can act upon.
func TestClasses(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		kind   string
		body   string
		want   error
	}{
		{"no certificate", 401, wire.Prob, `{"title":"T","code":"no-certificate"}`, ErrCertificate},
		{"revoked", 403, wire.Prob, `{"title":"T","code":"certificate-revoked"}`, ErrCertificate},
		{"forbidden", 403, wire.Prob, `{"title":"T","code":"forbidden"}`, ErrForbidden},
		{"unknown document", 404, wire.Prob, `{"title":"T","code":"unknown-document"}`, ErrNotFound},
		{"unknown path", 404, wire.Prob, `{"title":"T","code":"unknown-path"}`, ErrProtocol},
		{"vault exists", 409, wire.Prob, `{"title":"T","code":"vault-exists"}`, ErrRefused},
		{"digest", 422, wire.Prob, `{"title":"T","code":"digest-mismatch"}`, ErrIntegrity},
		{"stored bytes", 500, wire.Prob, `{"title":"T","code":"integrity"}`, ErrIntegrity},
		{"internal", 500, wire.Prob, `{"title":"T","code":"internal"}`, ErrInternal},
		{"seal", 503, wire.Prob, `{"title":"T","code":"seal-unavailable"}`, ErrUnavailable},
		{"full", 507, wire.Prob, `{"title":"T","code":"storage"}`, ErrUnavailable},
		{"cut", 400, wire.Prob, `{"title":"T","code":"incomplete"}`, ErrUnreachable},
		{"a code of the future", 403, wire.Prob, `{"title":"T","code":"four-eyes"}`, ErrForbidden},
		{"a proxy without the safe", 502, "text/html", `<html>`, ErrUnavailable},
		{"another server", 404, "text/html", `<html>`, ErrProtocol},
		{"a redirect", 302, "text/html", ``, ErrProtocol},
		{"a problem that is none", 500, wire.Prob, `{`, ErrProtocol},
		{"no JSON", 200, wire.JSON, `<html>`, ErrProtocol},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				w.Header().Set("Location", "https://elsewhere.example/")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			_, err := client.Status(t.Context())
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			var refusal *Refusal
			if errors.As(err, &refusal) && (refusal.Problem.Status != c.status || refusal.Error() == "") {
				t.Errorf("the refusal lost its status: %+v", refusal)
			}
		})
	}
}

func TestUnreachableAndUntrusted(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) {})
	c.base = "https://127.0.0.1:1"
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
	other := serve(t, func(http.ResponseWriter, *http.Request) {})
	strange, err := New(Config{URL: other.base, Roots: x509.NewCertPool()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := strange.Status(t.Context()); !errors.Is(err, ErrUntrusted) {
		t.Errorf("another authority: %v", err)
	}
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.TLS = &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12} // #nosec G402 -- the very thing to be refused
	old.Config.ErrorLog = log.New(io.Discard, "", 0)
	old.StartTLS()
	defer old.Close()
	roots := x509.NewCertPool()
	roots.AddCert(old.Certificate())
	twelve, err := New(Config{URL: old.URL, Roots: roots})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := twelve.Status(t.Context()); !errors.Is(err, ErrUntrusted) {
		t.Errorf("TLS 1.2: %v, want ErrUntrusted", err)
	}
}

// TestTheDoorMayRefuseInTheHandshake: a server that insists on certificates says so
// by an alert, which is about the certificate and not about the line.
func TestTheDoorMayRefuseInTheHandshake(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	for name, pair := range map[string]tls.Certificate{"none": {}, "a stranger's": server.TLS.Certificates[0]} {
		c, err := New(Config{URL: server.URL, Roots: roots, Certificate: pair})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 { // the alert may come during the request or behind it
			if _, err := c.Status(t.Context()); !errors.Is(err, ErrCertificate) {
				t.Errorf("%s: %v, want ErrCertificate", name, err)
			}
		}
	}
}

// TestRefusedBeforeTheBytesLeave: the safe says no on the headers, and a large body
// stays here.
func TestRefusedBeforeTheBytesLeave(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", wire.Prob)
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"title":"No.","code":"forbidden"}`)
	})
	opened := false
	_, err := c.Deposit(t.Context(), Deposit{Vault: "v", Files: []File{{Name: "f", Open: func() (io.ReadCloser, error) {
		opened = true
		return io.NopCloser(strings.NewReader("bytes")), nil
	}}}})
	if !errors.Is(err, ErrForbidden) {
		t.Errorf("%v, want ErrForbidden", err)
	}
	if opened {
		t.Error("the file was opened though the safe had refused")
	}
}

var errDisk = errors.New("bad sector")

// failing gives a little, then errDisk.
type failing struct{ given bool }

func (f *failing) Read(b []byte) (int, error) {
	if f.given {
		return 0, errDisk
	}
	f.given = true
	return copy(b, "some"), nil
}
func (*failing) Close() error { return nil }

// TestOwnErrorsAreOwn: a file that cannot be read is the caller's failure, not the
// safe's, and the safe sees a body that never ends well.
func TestOwnErrorsAreOwn(t *testing.T) {
	ended := make(chan error, 2)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		ended <- err
		w.Header().Set("Content-Type", wire.JSON)
		_, _ = io.WriteString(w, `{}`)
	})
	for name, open := range map[string]func() (io.ReadCloser, error){
		"open":       func() (io.ReadCloser, error) { return nil, errDisk },
		"read":       func() (io.ReadCloser, error) { return &failing{}, nil },
		"unexpected": func() (io.ReadCloser, error) { return io.NopCloser(io.MultiReader(strings.NewReader("x"), cut{})), nil },
	} {
		_, err := c.Deposit(t.Context(), Deposit{Vault: "v", Files: []File{{Name: "f", Open: open}}})
		if !errors.Is(err, errDisk) && !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrUnknownOutcome) || errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %v, want the file's own error", name, err)
		}
		if err := <-ended; err == nil {
			t.Errorf("%s: the safe saw a whole body", name)
		}
	}
}

type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestInterruptedBeforeTheEnd: nothing was kept, and a source that gives nothing (a
// silent standard input) does not hold the caller.
func TestInterruptedBeforeTheEnd(t *testing.T) {
	for range 20 { // where the transport stands when the context ends is chance
		reached := make(chan struct{}, 1)
		c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = r.Body.Read(make([]byte, 1))
			reached <- struct{}{}
			if _, err := io.Copy(io.Discard, r.Body); err == nil {
				t.Error("the safe saw a whole body")
			}
			panic(http.ErrAbortHandler)
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-reached; cancel() }()
		silent, speak := io.Pipe()
		_, err := c.Deposit(ctx, Deposit{Vault: "v", Files: []File{{Name: "f", Open: func() (io.ReadCloser, error) { return silent, nil }}}})
		if !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("%v, want context.Canceled alone", err)
		}
		_ = speak.Close()
	}
}

// TestInterruptedBehindTheEnd: the safe may have kept it.
func TestInterruptedBehindTheEnd(t *testing.T) {
	reached := make(chan struct{}, 1)
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		reached <- struct{}{}
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	_, err := c.Deposit(ctx, Deposit{Vault: "v", Files: []File{{Name: "f", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("all of it")), nil
	}}}})
	if !errors.Is(err, ErrUnknownOutcome) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want ErrUnknownOutcome", err)
	}
}

// TestAnnouncedDigestsKeepTheirPlaces in the meta part.
func TestAnnouncedDigestsKeepTheirPlaces(t *testing.T) {
	var meta wire.Meta
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if form, err := r.MultipartReader(); err == nil {
			if part, err := form.NextPart(); err == nil && part.FormName() == wire.PartMeta {
				_ = json.NewDecoder(part).Decode(&meta)
			}
		}
		panic(http.ErrAbortHandler)
	})
	digest := strings.Repeat("ab", 32)
	empty := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("")), nil }
	_, err := c.Deposit(t.Context(), Deposit{Vault: "v", Metadata: map[string]string{"k": "v"}, Files: []File{
		{Name: "a", Open: empty}, {Name: "b", Open: empty, SHA256: digest}, {Name: "c", Open: empty},
	}})
	if err == nil {
		t.Fatal("no error though the line went dead")
	}
	if len(meta.Files) != 2 || meta.Files[0].SHA256 != "" || meta.Files[1].SHA256 != digest || meta.Metadata["k"] != "v" {
		t.Errorf("meta: %+v", meta)
	}
}

func TestWaitProvedAsksAgain(t *testing.T) {
	id, asked := proof.NewDocumentID().String(), 0
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		switch asked {
		case 1:
			w.WriteHeader(http.StatusBadGateway)
		case 2:
			_ = json.NewEncoder(w).Encode(wire.Document{ID: id, State: wire.Provisional})
		default:
			_ = json.NewEncoder(w).Encode(wire.Document{ID: id, State: wire.Proved, Round: 3})
		}
	})
	doc, err := c.WaitProved(t.Context(), id, time.Millisecond)
	if err != nil || doc.Round != 3 || asked != 3 {
		t.Errorf("%+v, %v after %d questions", doc, err, asked)
	}
}

func TestCredentialsNameTheFileAtFault(t *testing.T) {
	if _, _, err := LoadCredentials("nowhere.pem", "c", "k"); !errors.Is(err, ErrSettings) || !strings.Contains(err.Error(), "nowhere.pem") {
		t.Errorf("%v", err)
	}
}
