package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"casemate/appliance/web"
	"casemate/appliance/wire"
	"casemate/store/identity"
)

var forever = time.Unix(1<<32, 0)

// serials of the callers of a test server.
const (
	serialDepositor = iota + 10
	serialReader
	serialAuditor
	serialAdministrator
	serialNarrow // everything, in the vault "other" alone
	serialRevoked
	serialUnknown
	serialOfficer
)

// server is the API over the double, or over a real safe, behind the real door, over real TLS.
type server struct {
	t       testing.TB
	safe    *double
	mirror  *volumes
	handler *API
	door    *web.Door
	access  authority
	address string
	log     *bytes.Buffer
	stop    func()
	book    *book
}

func start(t testing.TB) *server {
	t.Helper()
	double := &double{}
	storage, mirror := storageOver(t, double)
	s := startWith(t, double, storage, double.journalRefusal)
	s.safe, s.mirror = double, mirror
	if _, err := double.CreateVault(t.Context(), identity.Caller{}, "one"); err != nil {
		t.Fatal(err)
	}
	return s
}

func startWith(t testing.TB, safe Safe, volumes Storage, refused func(context.Context, identity.Caller, string, string, string)) *server {
	t.Helper()
	s := &server{t: t, access: newAuthority(t, "access"), log: &bytes.Buffer{}}
	s.door = web.New(web.Config{Directory: s.directory(), Journal: refused,
		Log: slog.New(slog.NewTextHandler(s.log, nil)), Limits: web.Limits{Stop: time.Minute}})
	handler, err := New(safe, volumes, s.door, "test")
	if err != nil {
		t.Fatal(err)
	}
	s.handler = handler
	s.book = openBook(t, handler.description)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	certificate := s.access.issue(t, 2, forever)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- s.door.Serve(ctx, l, func() (*tls.Certificate, error) { return &certificate, nil }, handler)
	}()
	s.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serving ended with %v", err)
		}
		s.stop = func() {}
	}
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *server) directory(revoked ...string) *identity.Directory {
	issuer := identity.IssuerID(s.access.cert)
	entry := func(name string, serial string, vault string, roles ...identity.Role) identity.Entry {
		return identity.Entry{Name: name, Issuer: issuer, Serial: serial, Roles: roles, Vaults: []string{vault}}
	}
	gone := []identity.Revoked{{Issuer: issuer, Serial: "f"}}
	for _, serial := range revoked {
		gone = append(gone, identity.Revoked{Issuer: issuer, Serial: serial})
	}
	d, err := identity.NewDirectory([]identity.Entry{
		entry("dora", "a", "*", identity.Depositor), entry("ray", "b", "*", identity.Reader),
		entry("audrey", "c", "*", identity.Auditor), entry("adam", "d", "*", identity.Administrator), entry("olga", "11", "*", identity.Officer),
		entry("nora", "e", "other", identity.Roles()...), entry("rex", "f", "*", identity.Roles()...),
	}, gone, []*x509.Certificate{s.access.cert})
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

// client calls with a certificate, or with none.
func (s *server) client(certificates ...tls.Certificate) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(s.access.cert)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates, MinVersion: tls.VersionTLS12}}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// as is a client with the certificate of one of the callers.
func (s *server) as(serial int64) *http.Client { return s.client(s.access.issue(s.t, serial, forever)) }

// answer is a reply, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error // of reading the body
}

func (a answer) code() string {
	var p wire.Problem
	if json.Unmarshal(a.body, &p) != nil {
		return "no problem: " + string(a.body)
	}
	return p.Code
}

func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

// do sends a request and holds the reply against the description.
func (s *server) do(c *http.Client, method, path, kind string, body io.Reader) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, "https://"+s.address+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	res, err := c.Do(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	a := answer{status: res.StatusCode, header: res.Header}
	a.body, a.err = io.ReadAll(res.Body)
	_ = res.Body.Close() // read
	if a.err == nil {
		s.book.judge(s.t, method, path, a)
	}
	return a
}

func (s *server) get(c *http.Client, path string) answer {
	s.t.Helper()
	return s.do(c, http.MethodGet, wire.Prefix+path, "", nil)
}

func (s *server) post(c *http.Client, path, body string) answer {
	s.t.Helper()
	return s.do(c, http.MethodPost, wire.Prefix+path, wire.JSON, strings.NewReader(body))
}

// part is one part of a form: the header as it stands, the body.
type part struct{ disposition, kind, body string }

// compose writes a deposit.
func compose(parts ...part) (kind string, body *bytes.Buffer) {
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	for _, p := range parts {
		h := textproto.MIMEHeader{"Content-Disposition": {p.disposition}}
		if p.kind != "" {
			h.Set("Content-Type", p.kind)
		}
		pw, err := w.CreatePart(h)
		if err == nil {
			_, err = io.WriteString(pw, p.body)
		}
		if err != nil {
			panic(err) // a buffer takes everything
		}
	}
	if err := w.Close(); err != nil {
		panic(err) // as above
	}
	return w.FormDataContentType(), body
}

const (
	asMeta = `form-data; name="meta"`
	asFile = `form-data; name="file"; filename="a.txt"`
)

func (s *server) deposit(c *http.Client, parts ...part) answer {
	s.t.Helper()
	kind, body := compose(parts...)
	return s.do(c, http.MethodPost, wire.Prefix+"/vaults/one/documents", kind, body)
}
