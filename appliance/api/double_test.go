package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"casemate/store"
	"casemate/store/identity"
	"casemate/store/journal"
	"casemate/store/proof"
)

// double is a safe in memory: it keeps what it is given and answers in the safe's words,
// for what is HTTP's business alone.
type double struct {
	mu      sync.Mutex
	vaults  []store.Vault
	docs    []kept
	refused []string
	spoil   func(r io.Reader) io.Reader // what stands between the bytes and whoever reads them
	fail    error                       // what Status and others do not know of
	began   func()                      // when the first file begins
	after   func(context.Context)       // between the last byte and the commit
}

type kept struct {
	doc   store.Document
	bytes [][]byte
}

func (s *double) journalRefusal(_ context.Context, who identity.Caller, act, object, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = append(s.refused, fmt.Sprintf("%s|%s|%s|%s", who.Name+who.Serial, act, object, reason))
}

func (s *double) refusals() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refused)
}

func (s *double) vault(who identity.Caller, name string) (*store.Vault, error) {
	if !who.MayUse(name) {
		return nil, fmt.Errorf("vault %q: %w", name, store.ErrForbidden)
	}
	for i := range s.vaults {
		if s.vaults[i].Name == name {
			return &s.vaults[i], nil
		}
	}
	return nil, fmt.Errorf("vault %q: %w", name, store.ErrUnknownVault)
}

func (s *double) CreateVault(_ context.Context, _ identity.Caller, name string) (store.Vault, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.vault(identity.Caller{Vaults: []string{"*"}}, name); err == nil {
		return store.Vault{}, store.ErrVaultExists
	}
	v := store.Vault{ID: proof.NewVaultID(), Name: name, Created: time.Unix(1, 0)}
	s.vaults = append(s.vaults, v)
	return v, nil
}

func (s *double) Vaults(_ context.Context, who identity.Caller) ([]store.Vault, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.vaults), func(v store.Vault) bool { return !who.MayUse(v.Name) }), nil
}

func (s *double) Deposit(ctx context.Context, who identity.Caller, req store.DepositRequest, next func() (store.Part, error)) (store.Document, error) {
	s.mu.Lock()
	v, err := s.vault(who, req.Vault)
	s.mu.Unlock()
	if err != nil {
		return store.Document{}, err
	}
	if s.fail != nil {
		return store.Document{}, s.fail
	}
	k := kept{doc: store.Document{ID: proof.NewDocumentID(), Vault: v.ID, VaultName: v.Name,
		Attestation: proof.Attestation{Metadata: req.Metadata, Depositor: proof.Party{Name: who.Name, Issuer: who.Issuer, Serial: who.Serial}}}}
	for {
		part, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return store.Document{}, err
		}
		if s.began != nil && len(k.bytes) == 0 {
			s.began()
		}
		b, err := io.ReadAll(part.Body)
		if err != nil {
			return store.Document{}, err
		}
		if part.Name == "" || len(part.Name) > 1024 || strings.ContainsFunc(part.Name, func(r rune) bool { return r < ' ' }) {
			return store.Document{}, fmt.Errorf("%q: %w", part.Name, store.ErrBadName)
		}
		f := proof.File{Index: len(k.bytes) + 1, Name: part.Name, MediaType: part.MediaType, Size: int64(len(b)), Digests: proof.DigestsOf(b)}
		if len(req.Announced) >= f.Index {
			if want := req.Announced[f.Index-1].SHA256; want != nil && !bytes.Equal(want, f.Digests.SHA256[:]) {
				return store.Document{}, store.ErrDigestMismatch
			}
		}
		k.doc.Attestation.Files = append(k.doc.Attestation.Files, f)
		k.bytes = append(k.bytes, b)
	}
	if len(k.bytes) == 0 {
		return store.Document{}, store.ErrEmptyObject
	}
	if s.after != nil {
		s.after(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k.doc.Number = uint64(len(s.docs) + 1)
	s.docs = append(s.docs, k)
	return k.doc, nil
}

func (s *double) find(id proof.DocumentID) (kept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.docs {
		if k.doc.ID == id {
			return k, nil
		}
	}
	return kept{}, fmt.Errorf("document %s: %w", id, store.ErrUnknownDocument)
}

func (s *double) Stat(_ context.Context, _ identity.Caller, id proof.DocumentID) (store.Document, error) {
	k, err := s.find(id)
	return k.doc, err
}

func (s *double) List(_ context.Context, who identity.Caller, vault string, after uint64, limit int) (list []store.Document, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.vault(who, vault); err != nil {
		return nil, false, err
	}
	for _, k := range s.docs {
		if k.doc.Number > after {
			if len(list) == limit {
				return list, true, nil
			}
			list = append(list, k.doc)
		}
	}
	return list, false, nil
}

func (s *double) Lookup(ctx context.Context, who identity.Caller, vault string, d proof.Digests, after uint64, limit int) (list []store.Document, more bool, err error) {
	all, more, err := s.List(ctx, who, vault, after, limit)
	for _, doc := range all {
		if proof.ObjectDigests(doc.Attestation.Files).Equal(d) {
			list = append(list, doc)
		}
	}
	return list, more, err
}

func (s *double) Count(_ context.Context, who identity.Caller, vault string) (uint64, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.vault(who, vault)
	return uint64(len(s.docs)), 7, err
}

func (s *double) Read(_ context.Context, _ identity.Caller, id proof.DocumentID, file int) (proof.File, io.ReadCloser, error) {
	k, err := s.find(id)
	if err != nil || file > len(k.bytes) {
		return proof.File{}, nil, store.ErrUnknownDocument
	}
	var r io.Reader = bytes.NewReader(k.bytes[file-1])
	if s.spoil != nil {
		r = s.spoil(r)
	}
	return k.doc.Attestation.Files[file-1], io.NopCloser(r), nil
}

func (s *double) Receipt(_ context.Context, _ identity.Caller, id proof.DocumentID, attached bool) (string, func(io.Writer) error, error) {
	k, err := s.find(id)
	return id.String() + ".asice", func(w io.Writer) error {
		if !attached {
			_, err := io.WriteString(w, "detached")
			return err
		}
		var r io.Reader = bytes.NewReader(k.bytes[0])
		if s.spoil != nil {
			r = s.spoil(r)
		}
		_, err := io.Copy(w, r)
		return err
	}, err
}

func (s *double) Check(_ context.Context, _ identity.Caller, id proof.DocumentID) (store.CheckReport, error) {
	_, err := s.find(id)
	return store.CheckReport{OK: true, At: time.Unix(2, 0), Steps: []store.Step{{Name: "bytes", OK: true}}}, err
}

func (s *double) Compare(_ context.Context, _ identity.Caller, id proof.DocumentID, files []store.Announced) (bool, error) {
	k, err := s.find(id)
	return err == nil && len(files) == 1 && bytes.Equal(files[0].SHA256, k.doc.Attestation.Files[0].Digests.SHA256[:]), err
}

func (s *double) Journal(_ context.Context, _ identity.Caller, q store.JournalQuery) (list []journal.Entry, err error) {
	for i := q.After; i < 5 && len(list) < q.Limit; i++ {
		list = append(list, journal.Entry{Seq: i, Act: "act", Result: journal.Done, Refs: map[string]string{"user": q.User}})
	}
	return list, nil
}

func (s *double) Checkpoint(context.Context) ([]byte, error) {
	return []byte("safe.example/1\n"), s.fail
}

func (s *double) Trust(context.Context) (seal, tsa []byte, vkey string) {
	return []byte("seal"), []byte("tsa"), "vkey"
}

func (s *double) Status(context.Context) store.Status {
	return store.Status{Origin: "safe.example/1", Demonstration: true, Late: true, RoundProblem: "nobody answers"}
}
