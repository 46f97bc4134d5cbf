package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"casemate/appliance/wire"
)

// deposited is one document in the vault.
func (s *server) deposited(t testing.TB, content string) (d wire.Document) {
	t.Helper()
	a := s.deposit(s.as(serialDepositor), part{asMeta, "", "{}"}, part{asFile, "text/plain", content})
	if a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	a.into(t, &d)
	return d
}

func TestDeposit(t *testing.T) {
	s := start(t)
	sum := sha256.Sum256([]byte("second"))
	a := s.deposit(s.as(serialDepositor),
		part{asMeta, wire.JSON, `{"metadata":{"subject":"Ünïcode"},"files":[{},{"sha256":"` + hex.EncodeToString(sum[:]) + `"}]}`},
		part{asFile, "text/plain", "first"},
		part{`form-data; name="file"; filename="b.bin"`, "", "second"})
	var d wire.Document
	a.into(t, &d)
	if a.status != http.StatusCreated || len(d.Files) != 2 || d.Files[1].Name != "b.bin" || d.Files[0].MediaType != "text/plain" {
		t.Fatalf("%d %+v", a.status, d)
	}
	if d.Metadata["subject"] != "Ünïcode" || d.State != wire.Provisional || d.Files[1].SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("%+v", d)
	}
	if d.Depositor.Name != "dora" || d.Depositor.Serial != "a" {
		t.Errorf("depositor %+v", d.Depositor)
	}
	if got := a.header.Get("Location"); got != wire.Prefix+"/documents/"+d.ID {
		t.Errorf("Location %q", got)
	}
	if len(s.safe.refusals()) != 0 {
		t.Errorf("refused: %v", s.safe.refusals())
	}
}

// A name arrives as it was sent, byte for byte, whatever stands in it.
func TestNames(t *testing.T) {
	s := start(t)
	c := s.as(serialDepositor)
	for _, name := range []string{
		"plain.txt", "with space.txt", `back\slash.txt`, `quo"te.txt`, `both\"and\\.txt`, "../../etc/passwd", "/abs", "..", "a/b",
		"e\u0301.txt" /* decomposed */, "\u00e9.txt" /* composed */, "\u202egpj.exe", "zero\u200bwidth", "\ufeffbom", "😀👩‍👩‍👧.png",
		"%22.txt", "100%.txt", "; filename*=UTF-8''other", "name*=x", " leading", "trailing ", "CON", "\u2028line", "Ⅸ", "ﬃ", "日本語.pdf",
		"\U000e0041tag", strings.Repeat("é", 512),
	} {
		for form, header := range map[string]string{
			"extended": "form-data; name=\"file\"; filename=\"other\"; filename*=UTF-8''" + strings.ReplaceAll(url.PathEscape(name), "=", "%3D"),
			"quoted":   `form-data; name="file"; filename="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`,
		} {
			a := s.deposit(c, part{asMeta, "", "{}"}, part{header, "", "x"})
			var d wire.Document
			a.into(t, &d)
			if a.status != http.StatusCreated || d.Files[0].Name != name {
				t.Errorf("%s %q: %d, kept as %+v", form, name, a.status, d.Files)
				continue
			}
			// And it is offered under the same name.
			read := s.get(s.as(serialReader), "/documents/"+d.ID+"/files/1")
			got, err := disposition(strings.Replace(read.header.Get("Content-Disposition"), "attachment", "form-data", 1))
			if err != nil || got["filename"] != name {
				t.Errorf("%q is offered as %q (%v)", name, read.header.Get("Content-Disposition"), err)
			}
		}
	}
}

func TestDepositRefused(t *testing.T) {
	s := start(t)
	meta, file := part{asMeta, "", "{}"}, part{asFile, "", "x"}
	zero := strings.Repeat("00", 32)
	named := func(disposition string) part { return part{disposition, "", "x"} }
	for _, c := range []struct {
		name   string
		parts  []part
		status int
		code   string
	}{
		{"other digest", []part{{asMeta, "", `{"files":[{"sha256":"` + zero + `"}]}`}, file}, 422, wire.CodeDigestDiffers},
		{"no parts", nil, 400, wire.CodeBadRequest},
		{"no file", []part{meta}, 400, wire.CodeEmpty},
		{"no meta", []part{file}, 400, wire.CodeBadRequest},
		{"meta twice", []part{meta, meta, file}, 400, wire.CodeBadRequest},
		{"meta behind", []part{meta, file, meta}, 400, wire.CodeBadRequest},
		{"unknown part", []part{meta, named(`form-data; name="extra"`)}, 400, wire.CodeBadRequest},
		{"no name", []part{meta, named(`form-data; name="file"`)}, 400, wire.CodeBadName},
		{"empty name", []part{meta, named(`form-data; name="file"; filename=""`)}, 400, wire.CodeBadName},
		{"control in name", []part{meta, named(`form-data; name="file"; filename*=UTF-8''a%0Ab`)}, 400, wire.CodeBadName},
		{"long name", []part{meta, named(`form-data; name="file"; filename="` + strings.Repeat("x", 1025) + `"`)}, 400, wire.CodeBadName},
		{"name not UTF-8", []part{meta, named(`form-data; name="file"; filename*=UTF-8''a%FF`)}, 400, wire.CodeBadRequest},
		{"name in Latin-1", []part{meta, named(`form-data; name="file"; filename*=ISO-8859-1''a%E9`)}, 400, wire.CodeBadRequest},
		{"bad percent", []part{meta, named(`form-data; name="file"; filename*=UTF-8''a%zz`)}, 400, wire.CodeBadRequest},
		{"two names", []part{meta, named(`form-data; name="file"; filename="a"; filename="b"`)}, 400, wire.CodeBadRequest},
		{"open quote", []part{meta, named(`form-data; name="file"; filename="a`)}, 400, wire.CodeBadRequest},
		{"attachment", []part{meta, named(`attachment; name="file"; filename="a"`)}, 400, wire.CodeBadRequest},
		{"duplicate key", []part{{asMeta, "", `{"metadata":{"a":"1","a":"2"}}`}, file}, 400, wire.CodeBadRequest},
		{"duplicate field", []part{{asMeta, "", `{"metadata":{},"metadata":{}}`}, file}, 400, wire.CodeBadRequest},
		{"field in other case", []part{{asMeta, "", `{"Metadata":{}}`}, file}, 400, wire.CodeBadRequest},
		{"unknown field", []part{{asMeta, "", `{"meta":{}}`}, file}, 400, wire.CodeBadRequest},
		{"bytes behind", []part{{asMeta, "", `{} {}`}, file}, 400, wire.CodeBadRequest},
		{"invalid UTF-8", []part{{asMeta, "", "{\"metadata\":{\"a\":\"\xff\"}}"}, file}, 400, wire.CodeBadRequest},
		{"lone surrogate", []part{{asMeta, "", `{"metadata":{"a":"\ud800"}}`}, file}, 400, wire.CodeBadRequest},
		{"deep", []part{{asMeta, "", strings.Repeat("[", 10000)}, file}, 400, wire.CodeBadRequest},
		{"short digest", []part{{asMeta, "", `{"files":[{"sha256":"ab"}]}`}, file}, 400, wire.CodeBadRequest},
		{"large meta", []part{{asMeta, "", `{"metadata":{"a":"` + strings.Repeat("x", wire.MaxMeta) + `"}}`}, file}, 413, wire.CodeTooLarge},
		{"large header", []part{meta, named(asFile + "; x=" + strings.Repeat("x", 11<<20))}, 413, wire.CodeTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.deposit(s.as(serialDepositor), c.parts...)
			if a.status != c.status || a.code() != c.code {
				t.Errorf("%d %s, want %d %s", a.status, a.body, c.status, c.code)
			}
			if len(s.safe.docs) != 0 {
				t.Error("something was kept")
			}
		})
	}
}

func TestDepositOtherBodies(t *testing.T) {
	s := start(t)
	c := s.as(serialDepositor)
	const path = wire.Prefix + "/vaults/one/documents"
	for kind, body := range map[string]string{
		wire.JSON: "{}", "multipart/form-data": "x", "multipart/mixed; boundary=x": "--x--", "": "x",
		"multipart/form-data; boundary=" + strings.Repeat("b", 71): "x",
	} {
		if a := s.do(c, http.MethodPost, path, kind, strings.NewReader(body)); a.code() != wire.CodeUnsupported {
			t.Errorf("%q: %d %s", kind, a.status, a.body)
		}
	}
	encoded := "--x\r\nContent-Disposition: " + asMeta + "\r\nContent-Transfer-Encoding: base64\r\n\r\ne30=\r\n--x--\r\n"
	if a := s.do(c, http.MethodPost, path, "multipart/form-data; boundary=x", strings.NewReader(encoded)); a.code() != wire.CodeBadRequest {
		t.Errorf("encoded for the transport: %d %s", a.status, a.body)
	}
}

// Wherever a form is cut, the deposit is incomplete and nothing is kept: never is the
// end of the connection taken for the end of the form.
func TestDepositCut(t *testing.T) {
	s := start(t)
	c := s.as(serialDepositor)
	kind, whole := compose(part{asMeta, "", "{}"}, part{asFile, "", "the bytes of the file"}, part{asFile, "", "another"})
	text := whole.String()
	closing := strings.LastIndex(text, "--") // the last two bytes that make it whole
	for n := range closing + 2 {
		// The body itself is well ended, as by a client that crashed in the middle of writing it.
		a := s.do(c, http.MethodPost, wire.Prefix+"/vaults/one/documents", kind, io.MultiReader(strings.NewReader(text[:n])))
		if a.status == http.StatusCreated || len(s.safe.docs) != 0 {
			t.Fatalf("cut at %d of %d: %d %s", n, len(text), a.status, a.body)
		}
		if a.code() != wire.CodeIncomplete {
			t.Errorf("cut at %d: %s", n, a.code())
		}
	}
}

// The connection breaks in the middle of a file.
func TestConnectionCut(t *testing.T) {
	s := start(t)
	r, w := io.Pipe()
	req, err := http.NewRequest(http.MethodPost, "https://"+s.address+wire.Prefix+"/vaults/one/documents", r)
	if err != nil {
		t.Fatal(err)
	}
	kind, whole := compose(part{asMeta, "", "{}"}, part{asFile, "", strings.Repeat("x", 1<<20)})
	req.Header.Set("Content-Type", kind)
	begun := make(chan struct{})
	s.safe.began = func() { close(begun) }
	go func() {
		_, _ = w.Write(whole.Bytes()[:512<<10])
		<-begun
		_ = w.CloseWithError(fmt.Errorf("the client crashed"))
	}()
	if res, err := s.as(serialDepositor).Do(req); err == nil {
		_ = res.Body.Close()
		t.Fatalf("answered %s", res.Status)
	}
	s.stop()
	if len(s.safe.docs) != 0 || !strings.Contains(s.log.String(), wire.CodeIncomplete) {
		t.Errorf("%d kept; log:\n%s", len(s.safe.docs), s.log)
	}
}

// The client goes away after the last byte: the document is made all the same.
func TestClientGoneAfterTheLastByte(t *testing.T) {
	s := start(t)
	ctx, leave := context.WithCancel(context.Background())
	gone := make(chan struct{})
	s.safe.after = func(inside context.Context) {
		leave()
		select {
		case <-inside.Done(): // the server noticed
		case <-time.After(2 * time.Second): // or it will not, which is as good
		}
		close(gone)
	}
	kind, body := compose(part{asMeta, "", "{}"}, part{asFile, "", "x"})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+s.address+wire.Prefix+"/vaults/one/documents", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	if res, err := s.as(serialDepositor).Do(req); err == nil {
		_ = res.Body.Close() // the answer was quicker than the leaving
	}
	<-gone
	s.stop()
	if len(s.safe.docs) != 1 {
		t.Errorf("%d documents", len(s.safe.docs))
	}
}

// Ten kilobytes of metadata arrive as they were sent.
func TestTenKilobytesOfMetadata(t *testing.T) {
	s := start(t)
	long := strings.Repeat("größer ", 1400)
	a := s.deposit(s.as(serialDepositor), part{asMeta, "", `{"metadata":{"note":"` + long + `"}}`}, part{asFile, "", ""})
	var d wire.Document
	a.into(t, &d)
	if a.status != http.StatusCreated || d.Metadata["note"] != long {
		t.Errorf("%d, %d bytes", a.status, len(d.Metadata["note"]))
	}
}

// A deposit goes through without being gathered: the safe has the first bytes before the
// last are sent.
func TestDepositStreams(t *testing.T) {
	kind, whole := compose(part{asMeta, "", "{}"}, part{asFile, "", strings.Repeat("x", 1<<20)})
	r, w := io.Pipe()
	c := &call{Request: &http.Request{Header: http.Header{"Content-Type": {kind}}, Body: r}}
	go func() { _, _ = w.Write(whole.Bytes()[:512<<10]) }()
	f, err := openUpload(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.meta(); err != nil {
		t.Fatal(err)
	}
	p, err := f.next()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.ReadFull(p.Body, make([]byte, 400<<10)); err != nil || n == 0 {
		t.Errorf("%d bytes: %v", n, err)
	}
}

func FuzzForm(f *testing.F) {
	_, whole := compose(part{asMeta, "", `{"metadata":{"a":"b"},"files":[{"sha256":"` + strings.Repeat("ab", 32) + `"}]}`}, part{asFile, "", "bytes"})
	boundary := strings.SplitN(strings.TrimPrefix(whole.String(), "--"), "\r\n", 2)[0]
	f.Add(bytes.ReplaceAll(whole.Bytes(), []byte(boundary), []byte("x")))
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=meta\r\n\r\n{}\r\n--x--"))
	f.Add([]byte("--x--"))
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=\"file\"; filename*=UTF-8''%C3%A9\r\n\r\n\r\n--x--\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		c := &call{Request: &http.Request{Header: http.Header{"Content-Type": {formData + "; boundary=x"}}, Body: io.NopCloser(bytes.NewReader(body))}}
		u, err := openUpload(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.meta(); err != nil {
			return
		}
		for {
			p, err := u.next()
			if errors.Is(err, io.EOF) {
				if !bytes.Contains(body, []byte("--x--")) {
					t.Fatalf("an end without a closing boundary: %q", body)
				}
				return
			}
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, p.Body); err != nil {
				return
			}
		}
	})
}

func FuzzDisposition(f *testing.F) {
	for _, s := range []string{asMeta, asFile, `form-data; name="file"; filename*=UTF-8''a%20b`, `form-data; name=x; filename="\"\\"`, `form-data;;`, `form-data; =`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		params, err := disposition(s)
		if err != nil {
			return
		}
		name := params["filename"]
		again, err := disposition(strings.Replace(encodeDisposition(name), "attachment", "form-data", 1))
		if strings.ToValidUTF8(name, "") == name && (err != nil || again["filename"] != name) {
			t.Fatalf("%q comes back as %q (%v)", name, again["filename"], err)
		}
	})
}
