package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"casemate/appliance/wire"
	"casemate/hsm/hsmtest"
	"casemate/raid"
	"casemate/raid/raidtest"
	"casemate/store"
	"casemate/store/proof"
	"casemate/store/timestamp"
	"casemate/store/verify"
)

func TestMain(m *testing.M) { raidtest.Main(m) }

// steady is a clock that is trusted.
type steady struct{}

func (steady) Read() (timestamp.Reading, error) {
	return timestamp.Reading{Time: time.Now().UTC(), Clock: proof.Clock{Trusted: true, Stratum: 2, Sources: []string{"ntp.example"}}}, nil
}
func (steady) Observe(timestamp.Token) {}

// nobody is an authority that does not answer.
type nobody struct{}

func (nobody) Stamp(context.Context, [32]byte) (timestamp.Token, error) {
	return timestamp.Token{}, errors.New("nobody answers")
}

// startReal is the API over a safe on real parts: two volumes and a token, each in a
// process of its own. It has the vault "one".
func startReal(t *testing.T) *server {
	t.Helper()
	const origin = "casemate.example/api"
	config, token := raidtest.Config(t, 2), hsmtest.Start(t, origin)
	if err := raid.Create(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	trust := verify.Trust{Seal: x509.NewCertPool(), TSA: x509.NewCertPool(), JournalVKey: token.SetupResult.JournalVKey}
	trust.Seal.AppendCertsFromPEM(token.SetupResult.SealPEM)
	safe, err := store.Open(t.Context(), store.Config{
		Origin: origin, Demonstration: true, Mirror: raidtest.Open(t, config), Token: token.Client, Clock: steady{},
		Authorities: nobody{}, Interval: time.Hour, AlarmAfter: time.Hour, Trust: trust,
		TrustFiles: map[string][]byte{"seal.pem": token.SetupResult.SealPEM, "tsa.pem": {}}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = safe.Close() })
	s := startWith(t, safe, nil, safe.Refused)
	if a := s.post(s.as(serialAdministrator), "/vaults", `{"name":"one"}`); a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return s
}

// journal gives the entries of one act, in the form act/result/reason.
func (s *server) journal(act string) (lines []string) {
	s.t.Helper()
	var page wire.Entries
	s.get(s.as(serialAuditor), "/journal?limit=500").into(s.t, &page)
	for _, e := range page.Entries {
		if e.Act == act {
			lines = append(lines, e.Result+"/"+e.Reason)
		}
	}
	return lines
}

// Everything once, over HTTPS, on real parts.
func TestRealSafe(t *testing.T) {
	s := startReal(t)
	t.Run("a document goes in and comes out", s.realDocument)
	t.Run("refusals keep nothing and are journaled once", s.realRefusals)
	t.Run("a body cut in the middle", s.realCut)
	t.Run("a client gone after the last byte", s.realGone)
	t.Run("names and metadata", s.realNames)
	t.Run("the safe's own view", s.realStatus)
}

func (s *server) realDocument(t *testing.T) {
	content := bytes.Repeat([]byte("thirty years "), 300_000) // several segments, several blocks
	a := s.deposit(s.as(serialDepositor), part{asMeta, "", fmt.Sprintf(`{"metadata":{"year":"2030"},"files":[{"name":"a.txt","sha256":"%x"}]}`, sha256.Sum256(content))},
		part{asFile, "text/plain", string(content)}, part{`form-data; name="file"; filename="empty"`, "", ""})
	var d wire.Document
	a.into(t, &d)
	if a.status != http.StatusCreated || len(d.Files) != 2 || d.Number != 1 || !d.Demonstration || !d.Clock.Trusted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	reader := s.as(serialReader)
	for i, want := range [][]byte{content, nil} {
		got := s.get(reader, fmt.Sprintf("/documents/%s/files/%d", d.ID, i+1))
		if got.err != nil || !bytes.Equal(got.body, want) {
			t.Errorf("file %d: %d bytes, %v", i+1, len(got.body), got.err)
		}
	}
	var stat wire.Document
	s.get(reader, "/documents/"+d.ID).into(t, &stat)
	if stat.ID != d.ID || stat.Fingerprint != d.Fingerprint || stat.State != wire.Provisional {
		t.Errorf("stat %+v", stat)
	}
	for query, documents := range map[string]int{"": 2, "?detached=1": 0} {
		receipt := s.get(reader, "/documents/"+d.ID+"/receipt"+query)
		r, err := proof.OpenReceipt(bytes.NewReader(receipt.body), int64(len(receipt.body)))
		if err != nil {
			t.Fatalf("receipt%s: %v", query, err)
		}
		attestation, err := proof.ParseAttestation(r.Receipt.Attestation)
		if err != nil || attestation.Document.String() != d.ID || len(r.Documents) != documents {
			t.Errorf("receipt%s: %v, %d documents", query, err, len(r.Documents))
		}
	}
	var check wire.Check
	s.post(s.as(serialAuditor), "/documents/"+d.ID+"/check", "").into(t, &check)
	if !check.OK || !check.Provisional || len(check.Steps) == 0 {
		t.Errorf("check %+v", check)
	}
	var same wire.CompareReply
	s.post(reader, "/documents/"+d.ID+"/compare", fmt.Sprintf(`{"files":[{"sha256":%q},{"sha256":%q}]}`, d.Files[0].SHA256, d.Files[1].SHA256)).into(t, &same)
	if !same.Identical {
		t.Error("not identical to itself")
	}
	if got := s.journal("deposit"); fmt.Sprint(got) != "[intent/ done/]" {
		t.Errorf("journal of the deposit: %v", got)
	}
}

func (s *server) documents() (n uint64) {
	s.t.Helper()
	var count wire.Count
	s.get(s.as(serialReader), "/vaults/one/count").into(s.t, &count)
	return count.Documents
}

// Whoever refuses, the door, the API or the safe, the journal has it, and has it once.
func (s *server) realRefusals(t *testing.T) {
	had := s.documents()
	depositor, file := s.as(serialDepositor), part{asFile, "", "x"}
	kind, whole := compose(part{asMeta, "", "{}"}, file)
	for _, c := range []struct {
		name, act string
		do        func() answer
		code      string
	}{
		{"other digest", "deposit", func() answer {
			return s.deposit(depositor, part{asMeta, "", `{"files":[{"sha256":"` + strings.Repeat("00", 32) + `"}]}`}, file)
		}, wire.CodeDigestDiffers},
		{"other name", "deposit", func() answer {
			return s.deposit(depositor, part{asMeta, "", `{"files":[{"name":"b.txt"}]}`}, file)
		}, wire.CodeDigestDiffers},
		{"fewer files than announced", "deposit", func() answer {
			return s.deposit(depositor, part{asMeta, "", `{"files":[{},{}]}`}, file)
		}, wire.CodeIncomplete},
		{"no file", "deposit", func() answer { return s.deposit(depositor, part{asMeta, "", "{}"}) }, wire.CodeEmpty},
		{"control in a name", "deposit", func() answer {
			return s.deposit(depositor, part{asMeta, "", "{}"}, part{`form-data; name="file"; filename*=UTF-8''a%07b`, "", "x"})
		}, wire.CodeBadName},
		{"metadata too large", "deposit", func() answer {
			return s.deposit(depositor, part{asMeta, "", `{"metadata":{"a":"` + strings.Repeat("x", wire.MaxMetadata) + `"}}`}, file)
		}, wire.CodeMetadata},
		{"metadata key", "deposit", func() answer {
			return s.deposit(depositor, part{asMeta, "", `{"metadata":{"A b":"x"}}`}, file)
		}, wire.CodeMetadata},
		{"duplicate key", "deposit", func() answer {
			return s.deposit(depositor, part{asMeta, "", `{"metadata":{"a":"1","a":"2"}}`}, file)
		}, wire.CodeBadRequest},
		{"too many files", "deposit", func() answer {
			all := []part{{asMeta, "", "{}"}}
			for range wire.MaxFiles + 1 {
				all = append(all, file)
			}
			return s.deposit(depositor, all...)
		}, wire.CodeTooManyFiles},
		{"unknown vault", "deposit", func() answer {
			return s.do(depositor, http.MethodPost, wire.Prefix+"/vaults/none/documents", kind, bytes.NewReader(whole.Bytes()))
		}, wire.CodeUnknownVault},
		{"foreign vault", "deposit", func() answer {
			return s.do(s.as(serialNarrow), http.MethodPost, wire.Prefix+"/vaults/one/documents", kind, bytes.NewReader(whole.Bytes()))
		}, wire.CodeForbidden},
		{"no right", "deposit", func() answer { return s.deposit(s.as(serialReader), part{asMeta, "", "{}"}, file) }, wire.CodeForbidden},
		{"no document", "read", func() answer { return s.get(s.as(serialReader), "/documents/aaaaaaaaaaaaaaaaaaaaaaaaaa/files/1") }, wire.CodeUnknownDoc},
		{"vault of that name", "vault-create", func() answer { return s.post(s.as(serialAdministrator), "/vaults", `{"name":"one"}`) }, wire.CodeVaultExists},
		{"vault's name", "vault-create", func() answer { return s.post(s.as(serialAdministrator), "/vaults", `{"name":"Ö!"}`) }, wire.CodeBadName},
		{"compare without digest", "compare", func() answer {
			return s.post(s.as(serialReader), "/documents/"+s.anyDocument()+"/compare", `{"files":[{},{}]}`)
		}, wire.CodeQuery},
	} {
		before := len(s.journal(c.act))
		a := c.do()
		if a.code() != c.code {
			t.Errorf("%s: %d %s, want %s", c.name, a.status, a.body, c.code)
		}
		if told := s.journal(c.act)[before:]; len(told) != 1 || !strings.HasPrefix(told[0], "refused/") {
			t.Errorf("%s: the journal has %q", c.name, told)
		}
	}
	if got := s.documents(); got != had {
		t.Errorf("%d documents, there were %d", got, had)
	}
}

func (s *server) anyDocument() string {
	s.t.Helper()
	var page wire.Documents
	s.get(s.as(serialReader), "/vaults/one/documents?limit=1").into(s.t, &page)
	if len(page.Documents) != 1 {
		s.t.Fatal("no document")
	}
	return page.Documents[0].ID
}

func (s *server) realCut(t *testing.T) {
	had, before := s.documents(), len(s.journal("deposit"))
	kind, whole := compose(part{asMeta, "", "{}"}, part{asFile, "", strings.Repeat("x", 3<<20)}, part{asFile, "", "y"})
	text := whole.Bytes()
	for _, n := range []int{len(text) - 4, len(text) - 100, 2 << 20, 400} {
		a := s.do(s.as(serialDepositor), http.MethodPost, wire.Prefix+"/vaults/one/documents", kind, io.MultiReader(bytes.NewReader(text[:n])))
		if a.code() != wire.CodeIncomplete {
			t.Errorf("cut at %d: %d %s", n, a.status, a.body)
		}
	}
	if got := s.documents(); got != had {
		t.Errorf("%d documents, there were %d", got, had)
	}
	if told := s.journal("deposit")[before:]; len(told) != 4 || !strings.HasPrefix(told[3], "refused/") {
		t.Errorf("the journal has %q", told)
	}
}

func (s *server) realGone(t *testing.T) {
	had, before := s.documents(), len(s.journal("deposit"))
	// More than a client gathers before it sends: the safe has the beginning whatever becomes of the end.
	kind, body := compose(part{asMeta, "", "{}"}, part{asFile, "", strings.Repeat("x", 256<<10)})
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+s.address+wire.Prefix+"/vaults/one/documents", &leaving{body, leave})
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	res, err := s.as(serialDepositor).Do(req)
	if err == nil {
		_ = res.Body.Close()
	}
	// Whether the last bytes arrived is the network's secret. What must hold is that the
	// journal tells an end and that the vault agrees with it.
	ended := func() (done, other int) {
		for _, line := range s.journal("deposit")[before:] {
			switch {
			case line == "done/":
				done++
			case !strings.HasPrefix(line, "intent/"):
				other++
			}
		}
		return done, other
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if done, other := ended(); done+other > 0 {
			break
		}
	}
	done, other := ended()
	if got := s.documents(); done+other != 1 || int(got-had) != done {
		t.Errorf("%d documents, there were %d; the journal has %q", got, had, s.journal("deposit")[before:])
	}
}

// leaving is a body whose sender goes away at its end.
type leaving struct {
	io.Reader
	leave func()
}

func (l *leaving) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if err != nil {
		l.leave()
	}
	return n, err
}

func (s *server) realNames(t *testing.T) {
	for _, name := range []string{"e\u0301", "\u00e9", "\u202egpj.exe", "../../x", `a\b"c`, "😀", strings.Repeat("é", 512)} {
		header := strings.Replace(encodeDisposition(name), "attachment", `form-data; name="file"`, 1)
		note := strings.Repeat("größer ", 1400)
		a := s.deposit(s.as(serialDepositor), part{asMeta, "", `{"metadata":{"note":"` + note + `"}}`}, part{header, "", name})
		var d wire.Document
		a.into(t, &d)
		if a.status != http.StatusCreated || d.Files[0].Name != name || d.Metadata["note"] != note {
			t.Errorf("%q: %d %+v", name, a.status, d.Files)
		}
	}
}

func (s *server) realStatus(t *testing.T) {
	var status wire.Status
	s.get(s.as(serialReader), "/status").into(t, &status)
	if len(status.Storage.Volumes) != 2 || !status.Storage.OK || status.Journal.Entries == 0 || status.Proofs.Pending == 0 || !status.Clock.Trusted {
		t.Errorf("%+v", status)
	}
	for _, v := range status.Storage.Volumes {
		if strings.Contains(v.Name, "/") || v.FreeBytes <= 0 {
			t.Errorf("volume %+v", v)
		}
	}
	note := s.get(s.as(serialReader), "/journal/checkpoint")
	var trust wire.Trust
	s.get(s.as(serialReader), "/trust").into(t, &trust)
	c, err := proof.ParseCheckpointNote(note.body, trust.Journal)
	if err != nil || c.Size == 0 || c.Origin != trust.Safe {
		t.Errorf("checkpoint %+v: %v", c, err)
	}
}
