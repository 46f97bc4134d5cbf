package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"casemate/appliance/wire"
	"casemate/store/proof"
)

// fakeSafe speaks the wire types over real TLS 1.3 and keeps everything in memory.
// It stands where a real safe cannot: it lies, cuts and stalls when told to. What a
// real safe answers is tested with the same scripts against one (see TestScripts).
type fakeSafe struct {
	url   string
	roots *x509.CertPool

	mu      sync.Mutex
	vaults  []*fakeVault
	journal []wire.Entry
	fault   string // what goes wrong; "" nothing
	waiting chan struct{}
}

type fakeVault struct {
	wire.Vault
	docs []*fakeDocument
}

type fakeDocument struct {
	wire.Document
	bodies [][]byte
}

func newFakeSafe(t *testing.T, ca *authority) *fakeSafe {
	t.Helper()
	s := &fakeSafe{roots: x509.NewCertPool(), waiting: make(chan struct{}, 16)}
	s.roots.AddCert(ca.cert)
	server := httptest.NewUnstartedServer(s.handler())
	server.TLS = ca.tls(t)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *fakeSafe) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, handle := range map[string]func(w http.ResponseWriter, r *http.Request) error{
		"GET /status":                    s.status,
		"POST /vaults":                   s.createVault,
		"GET /vaults":                    s.listVaults,
		"POST /vaults/{vault}/documents": s.deposit,
		"GET /vaults/{vault}/documents":  s.list,
		"GET /vaults/{vault}/count":      s.count,
		"GET /documents/{id}":            s.stat,
		"GET /documents/{id}/files/{n}":  s.file,
		"GET /documents/{id}/receipt":    s.receipt,
		"POST /documents/{id}/check":     s.check,
		"POST /documents/{id}/compare":   s.compare,
		"GET /journal":                   s.readJournal,
		"GET /journal/checkpoint":        s.checkpoint,
		"GET /trust":                     s.trust,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+wire.Prefix+path, func(w http.ResponseWriter, r *http.Request) {
			if err := s.enter(r); err != nil {
				refuse(w, err)
				return
			}
			if err := handle(w, r); err != nil {
				refuse(w, err)
			}
		})
	}
	return mux
}

// enter is the door: a certificate of the authority, or 401.
func (s *fakeSafe) enter(r *http.Request) error {
	if len(r.TLS.PeerCertificates) == 0 {
		return problem(401, wire.CodeNoCertificate, "No certificate came with the request.")
	}
	options := x509.VerifyOptions{Roots: s.roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := r.TLS.PeerCertificates[0].Verify(options); err != nil {
		return problem(401, wire.CodeUnknownAuthority, "The certificate comes from an authority this safe does not know.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.fault {
	case "unavailable":
		return problem(503, wire.CodeSealUnavailable, "The token does not answer.")
	case "internal":
		p := problem(500, wire.CodeInternal, "The safe failed.")
		p.Incident = "inc-1234"
		return p
	case "forbidden":
		return problem(403, wire.CodeForbidden, "Your certificate has no role with this right.")
	case "not-a-safe":
		return &notASafe{}
	}
	return nil
}

type notASafe struct{}

func (*notASafe) Error() string { return "<html>" }

func problem(status int, code, title string) *wire.Problem {
	return &wire.Problem{Type: wire.Prefix + "/problems/" + code, Title: title, Status: status, Code: code, Remedy: "Remedy of " + code + "."}
}

func refuse(w http.ResponseWriter, err error) {
	var p *wire.Problem
	if !errors.As(err, &p) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(418)
		_, _ = io.WriteString(w, err.Error())
		return
	}
	w.Header().Set("Content-Type", wire.Prob)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

func reply(w http.ResponseWriter, status int, body any) error {
	w.Header().Set("Content-Type", wire.JSON)
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(body)
}

func (s *fakeSafe) note(r *http.Request, act, object, result string) {
	s.journal = append(s.journal, wire.Entry{
		Seq: uint64(len(s.journal)), At: fakeNow, Act: act, Object: object, Result: result,
		Actor: wire.Actor{Name: r.TLS.PeerCertificates[0].Subject.CommonName, From: "127.0.0.1"},
	})
}

var fakeNow = time.Date(2026, 11, 22, 17, 0, 0, 123e6, time.UTC)

func (s *fakeSafe) vault(name string) (*fakeVault, error) {
	for _, v := range s.vaults {
		if v.Name == name {
			return v, nil
		}
	}
	return nil, problem(404, wire.CodeUnknownVault, "There is no such vault.")
}

func (s *fakeSafe) document(id string) (*fakeDocument, error) {
	for _, v := range s.vaults {
		for _, d := range v.docs {
			if d.ID == id {
				return d, nil
			}
		}
	}
	return nil, problem(404, wire.CodeUnknownDoc, "There is no such document.")
}

func (s *fakeSafe) deposit(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	vault, err := s.vault(r.PathValue("vault"))
	fault := s.fault
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if fault == "stall" {
		return s.stall(r)
	}
	doc, err := readDeposit(r)
	if err != nil {
		return err
	}
	switch fault {
	case "no-answer": // everything came, and the line goes dead
		panic(http.ErrAbortHandler)
	case "full":
		return problem(507, wire.CodeStorage, "The volumes are full.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(vault, doc, r)
	told := doc.Document
	told.Files = append([]wire.File(nil), doc.Files...)
	switch fault {
	case "other-bytes":
		told.Files[0].SHA3 = strings.Repeat("0", 64)
	case "fewer-files":
		told.Files = nil
	}
	return reply(w, http.StatusCreated, told)
}

// stall takes in what comes very slowly, until the client goes away.
func (s *fakeSafe) stall(r *http.Request) error {
	buffer := make([]byte, 64<<10)
	for first := true; ; first = false {
		if _, err := r.Body.Read(buffer); err != nil {
			return problem(400, wire.CodeIncomplete, "The body ended before its end.")
		}
		if first {
			s.waiting <- struct{}{}
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func readDeposit(r *http.Request) (*fakeDocument, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, problem(400, wire.CodeBadRequest, "Not a form.")
	}
	var meta wire.Meta
	doc := &fakeDocument{}
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, problem(400, wire.CodeIncomplete, "The body ended before its end.")
		}
		_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		if err != nil {
			return nil, problem(400, wire.CodeBadRequest, "A part has no name.")
		}
		body, err := io.ReadAll(part)
		if err != nil {
			return nil, problem(400, wire.CodeIncomplete, "The body ended before its end.")
		}
		if params["name"] == wire.PartMeta {
			if err := json.Unmarshal(body, &meta); err != nil {
				return nil, problem(400, wire.CodeBadRequest, "The meta part is no JSON.")
			}
			continue
		}
		sum := proof.DigestsOf(body)
		n := len(doc.bodies)
		file := wire.File{Index: n + 1, Name: params["filename"], MediaType: "application/octet-stream", Size: int64(len(body)),
			SHA256: hex.EncodeToString(sum.SHA256[:]), SHA3: hex.EncodeToString(sum.SHA3[:])}
		if n < len(meta.Files) && meta.Files[n].SHA256 != "" && meta.Files[n].SHA256 != file.SHA256 {
			p := problem(422, wire.CodeDigestDiffers, "The bytes are not those announced.")
			p.Detail = "file " + strconv.Itoa(n+1)
			return nil, p
		}
		doc.Files, doc.bodies = append(doc.Files, file), append(doc.bodies, body)
		doc.Size += file.Size
	}
	doc.Metadata = meta.Metadata
	return doc, nil
}

func (s *fakeSafe) keep(v *fakeVault, doc *fakeDocument, r *http.Request) {
	v.docs = append(v.docs, doc)
	v.Documents, v.Bytes = v.Documents+1, v.Bytes+uint64(doc.Size)
	doc.ID, doc.Vault, doc.VaultName, doc.Number = proof.NewDocumentID().String(), v.ID, v.Name, v.Documents
	doc.State, doc.DeclaredAt = wire.Provisional, fakeNow
	doc.Clock = wire.Clock{Trusted: true, Stratum: 2, Sources: []string{"ntp.example"}}
	doc.Depositor = wire.Party{Name: r.TLS.PeerCertificates[0].Subject.CommonName}
	doc.Demonstration = true
	s.note(r, "deposit", doc.ID, "done")
}

// prove is a timestamp round over everything.
func (s *fakeSafe) prove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.vaults {
		for _, d := range v.docs {
			at := fakeNow.Add(time.Minute)
			d.State, d.Round, d.ProvedAt = wire.Proved, 1, &at
		}
	}
}

func (s *fakeSafe) file(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	doc, err := s.document(r.PathValue("id"))
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 1 || n > len(doc.bodies) {
		return problem(404, wire.CodeUnknownDoc, "There is no such file.")
	}
	body := bytes.Clone(doc.bodies[n-1])
	sum := sha256.Sum256(body)
	switch s.fault {
	case "other-bytes":
		body[len(body)/2] ^= 1
	case "longer":
		body = append(body, 'x')
	case "repr-digest":
		sum[0] ^= 1
	case "cut":
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler)
	case "stall":
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		s.waiting <- struct{}{}
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
	_, err = w.Write(body)
	return err
}

// receipt writes a container of the right shape; its seal is no seal.
func (s *fakeSafe) receipt(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	doc, err := s.document(r.PathValue("id"))
	if err != nil {
		return err
	}
	if r.URL.Query().Get("detached") != "1" && s.fault == "only-detached" {
		return problem(403, wire.CodeForbidden, "It takes a caller who may read.")
	}
	receipt, files, err := fakeReceipt(doc, s.fault)
	if err != nil {
		return err
	}
	open := func(f proof.File) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(doc.bodies[f.Index-1])), nil
	}
	if r.URL.Query().Get("detached") == "1" {
		open = nil
	}
	var b bytes.Buffer
	if err := proof.WriteReceipt(&b, receipt, files, open); err != nil {
		return err
	}
	w.Header().Set("Content-Type", wire.Receipt)
	body := b.Bytes()
	if s.fault == "short-receipt" {
		body = body[:len(body)-40]
	}
	_, err = w.Write(body)
	return err
}

func fakeReceipt(doc *fakeDocument, fault string) (proof.Receipt, []proof.File, error) {
	var files []proof.File
	for i, body := range doc.bodies {
		files = append(files, proof.File{Index: i + 1, Name: doc.Files[i].Name, MediaType: doc.Files[i].MediaType,
			Size: int64(len(body)), Digests: proof.DigestsOf(body)})
	}
	attested := append([]proof.File(nil), files...)
	id, err := proof.ParseDocumentID(doc.ID)
	if err != nil {
		return proof.Receipt{}, nil, err
	}
	switch fault {
	case "other-receipt":
		id = proof.NewDocumentID()
	case "other-digests":
		attested[0].Digests = proof.DigestsOf([]byte("another"))
	}
	vault, err := proof.ParseVaultID(doc.Vault)
	if err != nil {
		return proof.Receipt{}, nil, err
	}
	issuer := strings.Repeat("ab", 32)
	attestation, err := proof.Attestation{
		Safe: "fake.example/safe", Demonstration: true, Document: id, Vault: vault, Number: doc.Number,
		Depositor: proof.Party{Name: doc.Depositor.Name, Issuer: issuer, Serial: "0a"}, Files: attested, Size: doc.Size,
		Fingerprint: proof.ObjectDigests(attested), Metadata: doc.Metadata, DeclaredAt: doc.DeclaredAt,
		Clock: proof.Clock{Trusted: true, Stratum: 2, Sources: []string{"ntp.example"}},
	}.Marshal()
	if err != nil {
		return proof.Receipt{}, nil, fmt.Errorf("fake attestation: %w", err)
	}
	receipt := proof.Receipt{Attestation: attestation, Fingerprint: proof.Fingerprint(attested), Manifest: []byte("<fake/>"), Signature: []byte("fake")}
	if doc.State == wire.Proved {
		receipt.Inclusion, receipt.EvidenceManifest, receipt.Evidence = []byte("fake"), []byte("<fake/>"), []byte("fake")
	}
	return receipt, files, nil
}
