package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"casemate/appliance/wire"
	"casemate/store"
	"casemate/store/identity"
)

// ledger is a journal of refusals.
type ledger struct {
	mu    sync.Mutex
	lines []string
}

func (l *ledger) write(_ context.Context, who identity.Caller, act, object, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf("%s %s %s %s: %s", who.From, who.Name, act, object, reason))
}

func (l *ledger) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

func testDoor(limits Limits) (*Door, *ledger, *bytes.Buffer) {
	var journal ledger
	var log bytes.Buffer
	return New(Config{
		Journal: journal.write, Log: slog.New(slog.NewTextHandler(&log, nil)), Limits: limits,
		Now: func() time.Time { return time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC) },
	}), &journal, &log
}

// Every line of the table has words in every language, a code, a status, and is reached.
func TestProblemTable(t *testing.T) {
	for i, e := range append([]entry{internal}, problems...) {
		if e.code == "" || e.status < 400 || e.status > 599 {
			t.Errorf("line %d: status %d, code %q", i, e.status, e.code)
		}
		for l, s := range e.says {
			if !strings.HasSuffix(s.title, ".") || !strings.HasSuffix(s.remedy, ".") {
				t.Errorf("%s, language %d: no whole sentences: %q %q", e.code, l, s.title, s.remedy)
			}
		}
		if e.is != nil && lookup(fmt.Errorf("doing it: %w", e.is)).code != e.code {
			t.Errorf("%v gives %s, the line says %s", e.is, lookup(e.is).code, e.code)
		}
	}
	if got := lookup(errors.New("something else")).code; got != wire.CodeInternal {
		t.Errorf("an unknown error is %s", got)
	}
}

// Every sentinel of the safe and of identity has a line: none is an internal error.
func TestEverySentinelIsInTheTable(t *testing.T) {
	for _, err := range []error{
		store.ErrUnknownVault, store.ErrUnknownDocument, store.ErrVaultExists, store.ErrBadName, store.ErrMetadata,
		store.ErrTooManyFiles, store.ErrEmptyObject, store.ErrDigestMismatch, store.ErrIncomplete, store.ErrSealUnavailable,
		store.ErrTimeUntrusted, store.ErrStorage, store.ErrIntegrity, store.ErrForbidden, store.ErrQuery, store.ErrClosed,
		identity.ErrNoCertificate, identity.ErrUnknownAuthority, identity.ErrExpired, identity.ErrRevoked,
		identity.ErrUnknownCaller, identity.ErrForbidden,
	} {
		if lookup(err).code == wire.CodeInternal {
			t.Errorf("%v is an internal error", err)
		}
	}
}

// The text of an error of the inside stays inside; that of a fault of the caller's is told, made
// harmless.
func TestDetail(t *testing.T) {
	for _, c := range []struct {
		err       error
		out, kept string // what must be in the answer, what must not
	}{
		{fmt.Errorf("opening /var/secret: %w", store.ErrStorage), "incident", "/var/secret"},
		{errors.New("pin 1234 of the token"), "incident", "1234"},
		{fmt.Errorf("%w: file \"x\u202egpj\x1b[31m\"", store.ErrBadName), `x?gpj?[31m`, "\u202e"},
		{fmt.Errorf("%w: %s", ErrBadRequest, strings.Repeat("long ", 1000)), "…", strings.Repeat("long ", 100)},
		{fmt.Errorf("%w: root CN=inner", identity.ErrUnknownAuthority), "unknown-authority", "CN=inner"},
	} {
		d, _, log := testDoor(Limits{})
		w := httptest.NewRecorder()
		d.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			d.Refuse(w, r, "act", "", c.err, false)
		})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		body := w.Body.String()
		if !strings.Contains(body, c.out) || strings.Contains(body, c.kept) {
			t.Errorf("%v gives %s", c.err, body)
		}
		if w.Code >= 500 && !strings.Contains(log.String(), "error=") {
			t.Errorf("the log has nothing of %v:\n%s", c.err, log)
		}
	}
}

func TestWhatIsJournaled(t *testing.T) {
	for _, c := range []struct {
		name, act string
		err       error
		journaled bool
		want      string
	}{
		{"refusal", "read", store.ErrUnknownDocument, false, "192.0.2.1  read thing: unknown-document"},
		{"told already", "deposit", store.ErrDigestMismatch, true, ""},
		{"unknown address", "", ErrUnknownPath, false, ""},
		{"failure", "read", store.ErrStorage, false, ""},
		{"integrity", "read", store.ErrIntegrity, false, "192.0.2.1  read thing: integrity"},
		{"caller left", "check", context.Canceled, false, ""},
	} {
		d, journal, _ := testDoor(Limits{})
		d.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			traceOf(r).who = identity.Caller{From: source(r)}
			d.Refuse(w, r, c.act, "thing", c.err, c.journaled)
		})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		if got := journal.text(); got != c.want {
			t.Errorf("%s: journal has %q, want %q", c.name, got, c.want)
		}
	}
}

// Strangers are counted by source and reason, and never more lines than the bound.
func TestStrangers(t *testing.T) {
	d, journal, _ := testDoor(Limits{})
	for range 3 {
		d.strangers.add(identity.Caller{From: "192.0.2.7", Name: "claims"}, wire.CodeNoCertificate)
	}
	d.strangers.add(identity.Caller{From: "192.0.2.7"}, wire.CodeUnknownAuthority)
	d.strangers.add(identity.Caller{From: "2001:db8::1"}, wire.CodeNoCertificate)
	d.strangers.add(identity.Caller{From: "2001:db8::2"}, wire.CodeNoCertificate)
	d.flush(t.Context())
	want := `192.0.2.7  connect : no-certificate, 3 times since 2030-01-02T03:04:05Z
192.0.2.7  connect : unknown-authority
2001:db8::/64  connect : no-certificate, 2 times since 2030-01-02T03:04:05Z`
	if got := journal.text(); got != want {
		t.Errorf("journal:\n%s\nwant:\n%s", got, want)
	}
	for i := range 5000 {
		d.strangers.add(identity.Caller{From: fmt.Sprintf("10.0.%d.%d", i/256, i%256)}, wire.CodeNoCertificate)
	}
	gathered := d.strangers.take()
	total := 0
	for _, s := range gathered {
		total += s.count
	}
	if len(gathered) > maxStrangers+1 || total != 5000 {
		t.Errorf("%d lines for %d refusals", len(gathered), total)
	}
	if len(d.strangers.take()) != 0 {
		t.Error("a gathering is told twice")
	}
}

// The zero Access lets nobody in.
func TestZeroAccess(t *testing.T) {
	who := identity.Caller{Roles: identity.Roles()}
	if who.Can(Access{}.right) || (Access{}).IsPublic() {
		t.Error("somebody passes where no right was named")
	}
}

func TestPanicIsAProblem(t *testing.T) {
	d, _, log := testDoor(Limits{})
	w := httptest.NewRecorder()
	d.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret thing") })).
		ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") || !strings.Contains(w.Body.String(), `"incident"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "secret thing") {
		t.Error("the log does not have the panic")
	}
}

// A panic behind the first byte must not look like a reply that ended well.
func TestPanicInTheMiddleCuts(t *testing.T) {
	d, _, _ := testDoor(Limits{})
	for name, p := range map[string]any{"panic": "oops", "abort": http.ErrAbortHandler} {
		s := httptest.NewServer(d.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", 100<<10)) // the test looks at what arrives
			panic(p)
		})))
		res, err := http.Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.ReadAll(res.Body); err == nil {
			t.Errorf("%s: the reply ended well", name)
		}
		_ = res.Body.Close() // read to its end
		s.Close()
	}
}

func TestCrossOrigin(t *testing.T) {
	d, _, _ := testDoor(Limits{})
	reached := false
	d.directory.Store(emptyDirectory(t))
	h := d.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	r := httptest.NewRequest(http.MethodPost, "https://safe.example/", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), wire.CodeCrossOrigin) || reached {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Strict-Transport-Security", "Cache-Control"} {
		if w.Header().Get(name) == "" {
			t.Errorf("no %s", name)
		}
	}
}

// pipes is a listener whose connections are pipes: in a bubble of synctest no time passes on them but the
// bubble's, however slow the machine is.
type pipes struct {
	dialled chan net.Conn
	closed  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	if c, open := <-p.dialled; open {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p *pipes) Close() error {
	p.closed.Do(func() { close(p.dialled) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.dialled <- far
	return near
}

// served has a door's handler served on pipes until the bubble ends.
func served(t *testing.T, limits Limits, handle func(*Door) http.HandlerFunc) *pipes {
	t.Helper()
	d, _, _ := testDoor(limits)
	p := &pipes{dialled: make(chan net.Conn)}
	s := &http.Server{Handler: d.Handler(handle(d))} //nolint:gosec // its limits are what is tested
	go func() { _ = s.Serve(p) }()
	t.Cleanup(func() { _ = s.Close() })
	return p
}

// A peer that drips is cut; the same bytes at once pass.
func TestProgress(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
	for name, c := range map[string]struct {
		send func(net.Conn)
		slow bool
	}{
		"at once":      {func(c net.Conn) { _, _ = io.WriteString(c, head+"0123456789") }, false},
		"nothing more": {func(c net.Conn) { _, _ = io.WriteString(c, head+"01234") }, true},
		"drip by drip": {func(c net.Conn) {
			_, _ = io.WriteString(c, head)
			for range 10 {
				if _, err := io.WriteString(c, "x"); err != nil {
					return
				}
				time.Sleep(200 * time.Millisecond)
			}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				outcome := make(chan error, 1)
				p := served(t, Limits{Progress: 300 * time.Millisecond, Grace: 100 * time.Millisecond, MinRate: 1 << 30}, func(d *Door) http.HandlerFunc {
					return func(w http.ResponseWriter, r *http.Request) {
						_, err := io.ReadAll(r.Body)
						outcome <- err
						if err != nil {
							d.Refuse(w, r, "deposit", "", err, false)
						}
					}
				})
				conn := p.dial()
				var sender sync.WaitGroup
				sender.Go(func() { c.send(conn) })
				if err := <-outcome; errors.Is(err, ErrTooSlow) != c.slow || (err == nil) == c.slow {
					t.Error(err)
				}
				_ = conn.Close() // the outcome is known
				sender.Wait()
			})
		})
	}
}

// A peer that does not take what it asked for is let go.
func TestWriteProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outcome := make(chan error, 1)
		p := served(t, Limits{Progress: 200 * time.Millisecond}, func(*Door) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				block := make([]byte, 1<<20)
				for range 256 {
					if _, err := w.Write(block); err != nil {
						outcome <- err
						return
					}
				}
				outcome <- nil
			}
		})
		conn := p.dial()
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if err := <-outcome; err == nil {
			t.Error("256 MiB were taken by nobody")
		}
		_ = conn.Close()
	})
}

// The context of a request whose body was read stays alive however long the safe takes.
func TestLongWorkBehindABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outcome := make(chan error, 1)
		p := served(t, Limits{Progress: 100 * time.Millisecond}, func(*Door) http.HandlerFunc {
			return func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body)
				_, _ = io.ReadAll(r.Body) // once more than needed
				select {
				case <-r.Context().Done():
					outcome <- r.Context().Err()
				case <-time.After(time.Hour):
					outcome <- nil
				}
			}
		})
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return p.dial(), nil }}
		defer transport.CloseIdleConnections()
		res, err := (&http.Client{Transport: transport}).Post("http://door/", "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close() // empty
		if err := <-outcome; err != nil {
			t.Errorf("the work was called off: %v", err)
		}
	})
}

func TestConnectionLimit(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newHouse(inner, 1, 0)
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	for range 2 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
	}
	first := <-accepted
	select {
	case <-accepted:
		t.Fatal("a second connection beside the only one allowed")
	case <-time.After(100 * time.Millisecond):
	}
	_ = first.Close()
	_ = first.Close() // a second close frees nothing
	second, ok := <-accepted
	if !ok {
		t.Fatal("the second connection was never accepted")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, open := <-accepted; open {
		t.Error("accepted after the close")
	}
	_ = second.Close()
}

// The log has the pattern of the address and never the address: it names documents.
func TestLogNamesNoDocument(t *testing.T) {
	d, _, log := testDoor(Limits{})
	d.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { Route(r, "/documents/{id}") })).
		ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/documents/testament-of-ada", nil))
	if strings.Contains(log.String(), "testament") || !strings.Contains(log.String(), "/documents/{id}") {
		t.Errorf("log: %s", log)
	}
}
