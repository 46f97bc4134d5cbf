package api

import (
	"crypto/tls"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"casemate/appliance/wire"
	"casemate/store/identity"
)

// Who cannot be told who he is gets a sentence, and the journal gets a line.
func TestStrangersAtTheDoor(t *testing.T) {
	s := start(t)
	other := newAuthority(t, "access") // the name alone is the same
	for _, c := range []struct {
		name   string
		client *http.Client
		status int
		code   string
	}{
		{"none", s.client(), 401, wire.CodeNoCertificate},
		{"other authority", s.client(other.issue(t, serialReader, forever)), 401, wire.CodeUnknownAuthority},
		{"expired", s.client(s.access.issue(t, serialReader, time.Unix(1000, 0))), 401, wire.CodeCertificateExpired},
		{"revoked", s.as(serialRevoked), 403, wire.CodeCertificateRevoked},
		{"no role", s.as(serialUnknown), 403, wire.CodeUnknownCaller},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.get(c.client, "/vaults")
			var p wire.Problem
			a.into(t, &p)
			if a.status != c.status || p.Code != c.code {
				t.Fatalf("%d %s, want %d %s", a.status, p.Code, c.status, c.code)
			}
			if p.Title == "" || p.Remedy == "" || p.Type != wire.Prefix+"/problems#"+c.code {
				t.Errorf("the problem says too little: %+v", p)
			}
			if strings.Contains(string(a.body), "access") && c.code == wire.CodeUnknownAuthority && strings.Contains(p.Detail, "CN=") {
				t.Errorf("the detail tells of the inside: %s", p.Detail)
			}
		})
	}
	if len(s.safe.refusals()) != 0 {
		t.Error("a stranger wrote into the journal by himself")
	}
	s.stop()
	all := strings.Join(s.safe.refusals(), "\n")
	for _, code := range []string{wire.CodeNoCertificate, wire.CodeUnknownAuthority, wire.CodeCertificateExpired, wire.CodeCertificateRevoked, wire.CodeUnknownCaller} {
		if !strings.Contains(all, "|connect||"+code) {
			t.Errorf("the journal has no %s:\n%s", code, all)
		}
	}
}

// A stranger sees what is public, and nothing else; his bad certificate is no hindrance.
func TestPublicForStrangers(t *testing.T) {
	s := start(t)
	for _, client := range []*http.Client{s.client(), s.as(serialRevoked)} {
		for _, path := range []string{"/openapi.json", "/problems"} {
			if a := s.get(client, path); a.status != http.StatusOK {
				t.Errorf("%s: %d", path, a.status)
			}
		}
	}
}

// The matrix of rights: each route is tried by each role.
func TestRights(t *testing.T) {
	s := start(t)
	doc := s.deposited(t, "hello")
	roles := map[identity.Role]*http.Client{
		identity.Depositor: s.as(serialDepositor), identity.Reader: s.as(serialReader),
		identity.Auditor: s.as(serialAuditor), identity.Administrator: s.as(serialAdministrator), identity.Officer: s.as(serialOfficer),
	}
	const d, r, a, m, o = identity.Depositor, identity.Reader, identity.Auditor, identity.Administrator, identity.Officer
	allowed := map[string][]identity.Role{
		"status": {d, r, a, m, o}, "trust": {d, r, a, m, o}, "vaults": {d, r, a, m, o}, "count": {d, r, a, m, o}, "checkpoint": {d, r, a, m, o},
		"vault-create": {m}, "deposit": {d}, "list": {r, a, m}, "stat": {d, r, a, m}, "read": {r, a, m}, "receipt": {d, r, a, m}, "compare": {r},
		"check": {r, a, m}, "journal-read": {a},
		"storage": {a, m}, "volume-add": {m}, "volume-replace": {m}, "volume-remove": {m}, "volume-detach": {m}, "volume-resilver": {m}, "volume-reclaim": {m},
		"scrub-status": {a, m}, "scrub": {m},
	}
	for _, one := range routes() {
		if one.access.IsPublic() {
			continue
		}
		who, ok := allowed[one.act]
		if !ok {
			t.Fatalf("%s %s has an act this matrix does not know: %q", one.method, one.path, one.act)
		}
		path := strings.NewReplacer("{vault}", "one", "{id}", doc.ID, "{n}", "1", "{volume}", firstVolume).Replace(one.path)
		for role, client := range roles {
			before := len(s.safe.refusals())
			got := s.do(client, one.method, wire.Prefix+path, "", nil)
			if (got.status != http.StatusForbidden) != slices.Contains(who, role) {
				t.Errorf("%s %s by %s: %d", one.method, one.path, role, got.status)
			}
			if got.status != http.StatusForbidden {
				continue
			}
			refused := s.safe.refusals()[before:]
			if len(refused) != 1 || !strings.Contains(refused[0], "|"+one.act+"|") || !strings.HasSuffix(refused[0], "|"+wire.CodeForbidden) {
				t.Errorf("%s %s by %s: the journal has %q", one.method, one.path, role, refused)
			}
			if got.code() != wire.CodeForbidden {
				t.Errorf("%s %s by %s: %s", one.method, one.path, role, got.body)
			}
		}
	}
}

func TestForeignVault(t *testing.T) {
	s := start(t)
	c := s.as(serialNarrow)
	kind, body := compose(part{asMeta, "", "{}"}, part{asFile, "", "x"})
	for _, a := range []answer{
		s.get(c, "/vaults/one/documents"), s.get(c, "/vaults/one/count"),
		s.do(c, http.MethodPost, wire.Prefix+"/vaults/one/documents", kind, body),
	} {
		if a.status != http.StatusForbidden || a.code() != wire.CodeForbidden {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if got := strings.Join(s.safe.refusals(), " "); strings.Count(got, "|one|forbidden") != 3 {
		t.Errorf("journal: %s", got)
	}
	var list wire.Vaults
	s.get(c, "/vaults").into(t, &list)
	if len(list.Vaults) != 0 {
		t.Errorf("a vault that is not his is listed: %v", list)
	}
}

// A revocation holds from the next request on, on the connection that is open.
func TestRevokedInTheMiddle(t *testing.T) {
	s := start(t)
	c := s.as(serialReader)
	if a := s.get(c, "/vaults"); a.status != http.StatusOK {
		t.Fatal(a.status)
	}
	s.door.Use(s.directory("b"))
	if a := s.get(c, "/vaults"); a.code() != wire.CodeCertificateRevoked {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TLS 1.3, one protocol, no tickets.
func TestTLS(t *testing.T) {
	s := start(t)
	config := s.client(s.access.issue(t, serialReader, forever)).Transport.(*http.Transport).TLSClientConfig.Clone()
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	config.NextProtos = []string{"h2", "http/1.1"}
	for range 2 {
		conn, err := tls.Dial("tcp", s.address, config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("GET " + wire.Prefix + "/vaults HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(make([]byte, 16)); n == 0 {
			t.Fatal(err)
		}
		if state := conn.ConnectionState(); state.Version != tls.VersionTLS13 || state.DidResume || state.NegotiatedProtocol != "http/1.1" {
			t.Errorf("version %x, resumed %v, protocol %q", state.Version, state.DidResume, state.NegotiatedProtocol)
		}
		_ = conn.Close() // answered
	}
	config.MaxVersion = tls.VersionTLS12
	if conn, err := tls.Dial("tcp", s.address, config); err == nil {
		_ = conn.Close()
		t.Error("TLS 1.2 was accepted")
	}
}

func TestUnknownAddress(t *testing.T) {
	s := start(t)
	c := s.as(serialReader)
	for _, path := range []string{"/", wire.Prefix, wire.Prefix + "/nothing", wire.Prefix + "/vaults/", wire.Prefix + "//vaults", "/api/v2/vaults",
		wire.Prefix + "/vaults/../vaults", wire.Prefix + "/vaults%2Fone/count", wire.Prefix + "/documents/a/b/c"} {
		if a := s.do(c, http.MethodGet, path, "", nil); a.status != http.StatusNotFound || a.code() != wire.CodeUnknownPath {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for method, allow := range map[string]string{"DELETE": "GET,POST", "PUT": "GET,POST", "FROBNICATE": "GET,POST", "PATCH": "GET,POST"} {
		a := s.do(c, method, wire.Prefix+"/vaults", "", nil)
		if a.status != http.StatusMethodNotAllowed || a.code() != wire.CodeMethod || strings.Join(a.header.Values("Allow"), ",") != allow {
			t.Errorf("%s: %d, Allow %v", method, a.status, a.header.Values("Allow"))
		}
	}
}

func TestOversizedHead(t *testing.T) {
	s := start(t)
	c := s.as(serialReader)
	r, err := http.NewRequest(http.MethodGet, "https://"+s.address+wire.Prefix+"/vaults", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Long", strings.Repeat("x", 64<<10))
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close() // the status is enough
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%d", res.StatusCode)
	}
}
