package main

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"

	"casemate/appliance/wire"
	"casemate/store/proof"
)

// The smaller answers of the fake safe.

func (s *fakeSafe) status(w http.ResponseWriter, _ *http.Request) error {
	status := wire.Status{Safe: "fake.example/safe", Version: "test", Demonstration: true, At: fakeNow, OK: true,
		Clock:   wire.Clock{Trusted: true, Sources: []string{"ntp.example"}},
		Storage: wire.StorageStatus{OK: true, Volumes: []wire.VolumeStatus{{Name: "a", State: "in-sync", FreeBytes: 1 << 30}, {Name: "b", State: "in-sync", FreeBytes: -1}}},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == "alarm" {
		status.OK, status.Alarms = false, []string{"Volume b is out of sync."}
	}
	return reply(w, http.StatusOK, status)
}

func (s *fakeSafe) createVault(w http.ResponseWriter, r *http.Request) error {
	var in wire.NewVault
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return problem(400, wire.CodeBadRequest, "The body is no JSON.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.vault(in.Name); err == nil {
		return problem(409, wire.CodeVaultExists, "There is a vault of this name.")
	}
	v := &fakeVault{Vault: wire.Vault{ID: proof.NewVaultID().String(), Name: in.Name, Created: fakeNow}}
	s.vaults = append(s.vaults, v)
	s.note(r, "create-vault", v.ID, "done")
	return reply(w, http.StatusCreated, v.Vault)
}

func (s *fakeSafe) listVaults(w http.ResponseWriter, _ *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := wire.Vaults{Vaults: []wire.Vault{}}
	for _, v := range s.vaults {
		out.Vaults = append(out.Vaults, v.Vault)
	}
	return reply(w, http.StatusOK, out)
}

// fakePage is short, so that walks need several pages.
const fakePage = 2

func (s *fakeSafe) list(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	vault, err := s.vault(r.PathValue("vault"))
	if err != nil {
		return err
	}
	after, err := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
	if err != nil {
		return problem(400, wire.CodeQuery, "after is no number.")
	}
	page := wire.Documents{Documents: []wire.Document{}}
	for _, d := range vault.docs {
		if wanted := r.URL.Query().Get("sha256"); d.Number <= after || wanted != "" && wanted != fingerprintOf(d) {
			continue
		}
		if len(page.Documents) == fakePage {
			page.Next = page.Documents[fakePage-1].Number
			break
		}
		page.Documents = append(page.Documents, d.Document)
	}
	if s.fault == "endless" {
		page.Next = after
		if after == 0 {
			page.Next = 1
		}
	}
	return reply(w, http.StatusOK, page)
}

func fingerprintOf(d *fakeDocument) string {
	var files []proof.File
	for i, body := range d.bodies {
		files = append(files, proof.File{Index: i + 1, Size: int64(len(body)), Digests: proof.DigestsOf(body)})
	}
	sum := proof.ObjectDigests(files)
	return hex.EncodeToString(sum.SHA256[:])
}

func (s *fakeSafe) count(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	vault, err := s.vault(r.PathValue("vault"))
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, wire.Count{Documents: vault.Documents, Bytes: vault.Bytes})
}

func (s *fakeSafe) stat(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	doc, err := s.document(r.PathValue("id"))
	if err != nil {
		return err
	}
	told := doc.Document
	switch s.fault {
	case "another-document":
		told.ID = proof.NewDocumentID().String()
	case "stall-stat":
		s.waiting <- struct{}{}
		<-r.Context().Done()
	}
	return reply(w, http.StatusOK, told)
}

func (s *fakeSafe) check(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	doc, err := s.document(r.PathValue("id"))
	if err != nil {
		return err
	}
	out := wire.Check{OK: true, At: fakeNow, Provisional: doc.State == wire.Provisional, Steps: []wire.Step{{Name: "volume a", OK: true}, {Name: "volume b", OK: true}}}
	if s.fault == "rot" {
		out.OK, out.Steps[1] = false, wire.Step{Name: "volume b", Detail: "segment 3 does not authenticate"}
	}
	s.note(r, "check", doc.ID, "done")
	return reply(w, http.StatusOK, out)
}

func (s *fakeSafe) compare(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	doc, err := s.document(r.PathValue("id"))
	if err != nil {
		return err
	}
	var in wire.CompareRequest
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return problem(400, wire.CodeBadRequest, "The body is no JSON.")
	}
	same := len(in.Files) == len(doc.Files)
	for i := 0; same && i < len(in.Files); i++ {
		same = in.Files[i].SHA256 == doc.Files[i].SHA256 && in.Files[i].SHA3 == doc.Files[i].SHA3
	}
	s.note(r, "compare", doc.ID, "done")
	return reply(w, http.StatusOK, wire.CompareReply{Identical: same})
}

func (s *fakeSafe) readJournal(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	query := r.URL.Query()
	after := int64(-1)
	if text := query.Get("after"); text != "" {
		var err error
		if after, err = strconv.ParseInt(text, 10, 64); err != nil {
			return problem(400, wire.CodeQuery, "after is no number.")
		}
	}
	page := wire.Entries{Entries: []wire.Entry{}}
	for _, e := range s.journal {
		if int64(e.Seq) <= after || query.Get("object") != "" && e.Object != query.Get("object") || query.Get("user") != "" && e.Actor.Name != query.Get("user") {
			continue
		}
		if len(page.Entries) == fakePage {
			page.Next = page.Entries[fakePage-1].Seq
			break
		}
		page.Entries = append(page.Entries, e)
	}
	return reply(w, http.StatusOK, page)
}

func (s *fakeSafe) checkpoint(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", wire.Text)
	_, err := w.Write([]byte("fake.example/safe\n3\nAAAA\n\n— fake.example/safe AAAA\n"))
	return err
}

func (s *fakeSafe) trust(w http.ResponseWriter, r *http.Request) error {
	seal := string(pemOf(r.TLS.PeerCertificates[0].Raw))
	return reply(w, http.StatusOK, wire.Trust{Safe: "fake.example/safe", Demonstration: true, Seal: seal, TSA: seal, Journal: "fake.example/safe+00000000+AAAA"})
}
