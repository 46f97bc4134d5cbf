package api

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"casemate/appliance/wire"
	"casemate/store"
)

func TestRead(t *testing.T) {
	s := start(t)
	c := s.as(serialReader)
	for _, size := range []int{0, 1, block - 1, block, block + 1, 2 * block, 3*block + 5} {
		content := strings.Repeat("0123456789abcdef", size/16+1)[:size]
		d := s.deposited(t, content)
		a := s.get(c, "/documents/"+d.ID+"/files/1")
		if a.status != http.StatusOK || a.err != nil || string(a.body) != content {
			t.Fatalf("%d bytes: %d, %v, %d arrived", size, a.status, a.err, len(a.body))
		}
		sum := sha256.Sum256([]byte(content))
		for name, want := range map[string]string{
			"Content-Length": fmt.Sprint(size), "Content-Type": "text/plain", "X-Content-Type-Options": "nosniff",
			"Repr-Digest":         "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":",
			"Content-Disposition": `attachment; filename="a.txt"; filename*=UTF-8''a.txt`,
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
}

// spoiled gives n bytes and then says that the rest is not what was sealed.
func spoiled(n int64) func(io.Reader) io.Reader {
	return func(r io.Reader) io.Reader {
		return io.MultiReader(io.LimitReader(r, n), failing{})
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, fmt.Errorf("segment 7: %w", store.ErrIntegrity) }

// Wherever the check fails, at the very end too, the reply does not end well.
func TestReadSpoiled(t *testing.T) {
	const size = 3*block + 5
	s := start(t)
	d := s.deposited(t, strings.Repeat("x", size))
	c := s.as(serialReader)
	for _, n := range []int64{0, 1, block - 1, block, block + 1, 3 * block, size - 1, size} {
		s.safe.spoil = spoiled(n)
		for _, path := range []string{"/files/1", "/receipt"} {
			a := s.get(c, "/documents/"+d.ID+path)
			if a.status == http.StatusOK && a.err == nil {
				t.Errorf("%s spoiled at %d: %d bytes, ended well", path, n, len(a.body))
			}
			if a.status == http.StatusOK && path == "/files/1" && len(a.body) >= size {
				t.Errorf("spoiled at %d: all %d bytes left", n, len(a.body))
			}
			if (n < block || n == block && path == "/files/1") && a.status != http.StatusInternalServerError {
				t.Errorf("%s spoiled at %d: %d, want a problem", path, n, a.status)
			}
			refused := s.safe.refusals()
			if len(refused) == 0 || !strings.HasSuffix(refused[len(refused)-1], d.ID+"|"+wire.CodeIntegrity) {
				t.Errorf("%s spoiled at %d: the journal has %v", path, n, refused)
			}
			s.safe.refused = nil
		}
	}
}

func TestReceipt(t *testing.T) {
	s := start(t)
	d := s.deposited(t, "content")
	c := s.as(serialReader)
	for path, want := range map[string]string{"/receipt": "content", "/receipt?detached=0": "content", "/receipt?detached=1": "detached"} {
		a := s.get(c, "/documents/"+d.ID+path)
		if a.status != http.StatusOK || string(a.body) != want || a.header.Get("Content-Type") != wire.Receipt {
			t.Errorf("%s: %d %s %s", path, a.status, a.header.Get("Content-Type"), a.body)
		}
		if !strings.Contains(a.header.Get("Content-Disposition"), d.ID+".asice") {
			t.Errorf("%s", a.header.Get("Content-Disposition"))
		}
	}
}

func TestOtherReads(t *testing.T) {
	s := start(t)
	d := s.deposited(t, "content")
	reader, auditor := s.as(serialReader), s.as(serialAuditor)
	sum := sha256.Sum256([]byte("content"))
	hexed := fmt.Sprintf("%x", sum)

	var stat wire.Document
	s.get(reader, "/documents/"+d.ID).into(t, &stat)
	if stat.ID != d.ID || stat.Files[0].SHA256 != hexed {
		t.Errorf("stat %+v", stat)
	}
	var check wire.Check
	s.post(auditor, "/documents/"+d.ID+"/check", "").into(t, &check)
	if !check.OK || len(check.Steps) != 1 {
		t.Errorf("check %+v", check)
	}
	for digest, want := range map[string]bool{hexed: true, strings.Repeat("00", 32): false} {
		var got wire.CompareReply
		s.post(reader, "/documents/"+d.ID+"/compare", `{"files":[{"sha256":"`+digest+`"}]}`).into(t, &got)
		if got.Identical != want {
			t.Errorf("compare %s: %v", digest, got.Identical)
		}
	}
	var count wire.Count
	s.get(reader, "/vaults/one/count").into(t, &count)
	if count.Documents != 1 || count.Bytes != 7 {
		t.Errorf("count %+v", count)
	}
	var trust wire.Trust
	s.get(reader, "/trust").into(t, &trust)
	if trust.Seal != "seal" || trust.TSA != "tsa" || trust.Journal != "vkey" || trust.Safe != "safe.example/1" || !trust.Demonstration {
		t.Errorf("trust %+v", trust)
	}
	var status wire.Status
	s.get(reader, "/status").into(t, &status)
	if status.OK || len(status.Alarms) == 0 || !strings.Contains(strings.Join(status.Alarms, " "), "nobody answers") || status.Version != "test" || !status.Demonstration {
		t.Errorf("status %+v", status)
	}
	if a := s.get(reader, "/journal/checkpoint"); string(a.body) != "safe.example/1\n" || a.header.Get("Content-Type") != wire.Text {
		t.Errorf("checkpoint %s", a.body)
	}
	var problems wire.Problems
	s.get(reader, "/problems").into(t, &problems)
	if len(problems.Problems) < 20 {
		t.Errorf("%d problems", len(problems.Problems))
	}
}

// Pages follow each other without a gap, and the last one names no next.
func TestPages(t *testing.T) {
	s := start(t)
	for range 5 {
		s.deposited(t, "x")
	}
	reader, auditor := s.as(serialReader), s.as(serialAuditor)
	var numbers, seqs []uint64
	for after, pages := uint64(0), 0; pages < 4; pages++ {
		var page wire.Documents
		s.get(reader, fmt.Sprintf("/vaults/one/documents?limit=2&after=%d", after)).into(t, &page)
		for _, d := range page.Documents {
			numbers = append(numbers, d.Number)
		}
		if after = page.Next; after == 0 {
			break
		}
	}
	for after, pages := uint64(0), 0; pages < 4; pages++ {
		var page wire.Entries
		s.get(auditor, fmt.Sprintf("/journal?user=ada&limit=2&after=%d", after)).into(t, &page)
		for _, e := range page.Entries {
			seqs = append(seqs, e.Seq)
			if e.Refs["user"] != "ada" {
				t.Errorf("%+v", e)
			}
		}
		if after = page.Next; after == 0 {
			break
		}
	}
	if fmt.Sprint(numbers) != "[1 2 3 4 5]" || fmt.Sprint(seqs) != "[0 1 2 3 4]" {
		t.Errorf("documents %v, entries %v", numbers, seqs)
	}
}

func TestFingerprintLookup(t *testing.T) {
	s := start(t)
	d := s.deposited(t, "the same")
	s.deposited(t, "another")
	reader := s.as(serialReader)
	var page wire.Documents
	s.get(reader, "/vaults/one/documents?sha256="+d.Files[0].SHA256+"&sha3-256="+d.Files[0].SHA3).into(t, &page)
	if len(page.Documents) != 1 || page.Documents[0].ID != d.ID {
		t.Errorf("found %+v", page.Documents)
	}
	for _, query := range []string{"sha256=" + d.Files[0].SHA256, "sha3-256=" + d.Files[0].SHA3, "sha256=xx&sha3-256=yy"} {
		if a := s.get(reader, "/vaults/one/documents?"+query); a.status != http.StatusBadRequest || a.code() != wire.CodeQuery {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
}

func TestQueriesRefused(t *testing.T) {
	s := start(t)
	reader, auditor := s.as(serialReader), s.as(serialAuditor)
	d := s.deposited(t, "x")
	for path, c := range map[string]*http.Client{
		"/vaults/one/documents?limit=0": reader, "/vaults/one/documents?limit=501": reader, "/vaults/one/documents?limit=x": reader,
		"/vaults/one/documents?limit=": reader, "/vaults/one/documents?after=-1": reader, "/vaults/one/documents?aftr=1": reader,
		"/vaults/one/documents?after=1&after=2": reader, "/vaults/one/documents?after=%zz": reader, "/vaults/one/documents?a;b": reader,
		"/vaults?x": reader, "/documents/" + d.ID + "/receipt?detached=yes": reader,
		"/journal?from=yesterday": auditor, "/journal?to=2030": auditor,
	} {
		if a := s.get(c, path); a.status != http.StatusBadRequest || a.code() != wire.CodeQuery {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := s.get(auditor, "/journal?from=2030-01-01T00:00:00Z&to=2030-01-01T00:00:00%2B01:00"); a.status != http.StatusOK {
		t.Errorf("good times: %d %s", a.status, a.body)
	}
}

func TestUnknownThings(t *testing.T) {
	s := start(t)
	d := s.deposited(t, "x")
	reader := s.as(serialReader)
	for path, code := range map[string]string{
		"/vaults/none/documents": wire.CodeUnknownVault, "/vaults/none/count": wire.CodeUnknownVault,
		"/documents/none": wire.CodeUnknownDoc, "/documents/aaaaaaaaaaaaaaaaaaaaaaaaaa": wire.CodeUnknownDoc,
		"/documents/" + strings.ToUpper(d.ID): wire.CodeUnknownDoc, "/documents/" + d.ID + "/files/2": wire.CodeUnknownDoc,
		"/documents/" + d.ID + "/files/0": wire.CodeUnknownDoc, "/documents/" + d.ID + "/files/x": wire.CodeUnknownDoc,
		"/documents/" + d.ID + "/files/99999999999999999999": wire.CodeUnknownDoc, "/documents/none/receipt": wire.CodeUnknownDoc,
	} {
		before := len(s.safe.refusals())
		if a := s.get(reader, path); a.status != http.StatusNotFound || a.code() != code {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		if refused := s.safe.refusals()[before:]; len(refused) != 1 || !strings.HasSuffix(refused[0], "|"+code) {
			t.Errorf("%s: the journal has %v", path, refused)
		}
	}
}

func TestVaults(t *testing.T) {
	s := start(t)
	admin := s.as(serialAdministrator)
	a := s.post(admin, "/vaults", `{"name":"two"}`)
	var v wire.Vault
	a.into(t, &v)
	if a.status != http.StatusCreated || v.Name != "two" || len(v.ID) != 26 {
		t.Errorf("%d %+v", a.status, v)
	}
	for body, code := range map[string]string{
		`{"name":"two"}`: wire.CodeVaultExists, `{"name":"a","name":"b"}`: wire.CodeBadRequest, `{"Name":"a"}`: wire.CodeBadRequest,
		`{"name":"a","x":1}`: wire.CodeBadRequest, ``: wire.CodeBadRequest, `[]`: wire.CodeBadRequest, `{"name":1}`: wire.CodeBadRequest,
		`{"name":"` + strings.Repeat("x", wire.MaxBody) + `"}`: wire.CodeTooLarge,
	} {
		if a := s.post(admin, "/vaults", body); a.code() != code {
			t.Errorf("%.40s: %d %.200s", body, a.status, a.body)
		}
	}
	if a := s.do(admin, http.MethodPost, wire.Prefix+"/vaults", "text/plain", strings.NewReader(`{"name":"x"}`)); a.code() != wire.CodeUnsupported {
		t.Errorf("text/plain: %d", a.status)
	}
	if got := len(s.safe.refusals()); got != 9 {
		t.Errorf("%d refusals in the journal, want 9", got)
	}
}

// What fails inside is a number for the caller and a story for the log.
func TestInside(t *testing.T) {
	s := start(t)
	for err, status := range map[error]int{
		errors.New("the password is hunter2"):               500,
		fmt.Errorf("hunter2: %w", store.ErrSealUnavailable): 503,
		fmt.Errorf("hunter2: %w", store.ErrTimeUntrusted):   503,
		fmt.Errorf("hunter2: %w", store.ErrStorage):         507,
		fmt.Errorf("hunter2: %w", store.ErrClosed):          503,
	} {
		s.safe.fail = err
		a := s.get(s.as(serialReader), "/journal/checkpoint")
		var p wire.Problem
		a.into(t, &p)
		if a.status != status || p.Incident == "" || strings.Contains(string(a.body), "hunter2") {
			t.Errorf("%v: %d %s", err, a.status, a.body)
		}
		if !strings.Contains(s.log.String(), p.Incident) {
			t.Errorf("%v: the log does not have %s", err, p.Incident)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"name":"a"}`), []byte(`{"files":[{"sha256":"00"}]}`))
	f.Add([]byte(`{"name":"\ud800"}`), []byte(`{"files":null}`))
	f.Add([]byte("{\"name\":\"a\"}\x00"), []byte(strings.Repeat("[", 100)))
	f.Fuzz(func(t *testing.T, vault, compare []byte) {
		for _, body := range [][]byte{vault, compare} {
			var v wire.NewVault
			var c wire.CompareRequest
			for _, into := range []any{&v, &c} {
				if decode(strings.NewReader(string(body)), 1024, into) == nil && len(body) > 1024 {
					t.Fatal("more than the limit was read")
				}
			}
		}
	})
}
