package store

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"

	"casemate/store/identity"
	"casemate/store/journal"
	"casemate/store/proof"
)

// MaxPage is the most that one page of a list has.
const MaxPage = 500

// Stat tells what is attested of a document and how far it is proved.
func (s *Safe) Stat(ctx context.Context, who identity.Caller, id proof.DocumentID) (Document, error) {
	rec, err := s.described(ctx, who, id)
	if err != nil {
		return Document{}, err
	}
	if _, err := s.post(ctx, posting{draft: s.draft(who, "stat", rec.vault.ID.String(), id.String(), journal.Done, "")}); err != nil {
		return Document{}, err
	}
	return s.describe(ctx, rec)
}

func (s *Safe) describe(ctx context.Context, rec *record) (Document, error) {
	d := Document{bytes: len(rec.inner.Attestation), ID: rec.id, Vault: rec.vault.ID, VaultName: rec.vault.Name, Number: rec.number, Attestation: rec.attestation}
	sp, ok, err := s.all().roundOf(ctx, rec.leaf)
	if err != nil {
		return Document{}, err
	}
	if ok {
		d.Round, d.ProvedAt = sp.Number, sp.At
	}
	return d, nil
}

// maxPageBytes bounds a page by what its attestations come to, for an object may have many files.
const maxPageBytes = 4 << 20

// List gives the documents of a vault by number, after one, at most limit (MaxPage when 0). A page
// may be shorter; more says that it is not the last.
func (s *Safe) List(ctx context.Context, who identity.Caller, name string, after uint64, limit int) (list []Document, more bool, err error) {
	v, err := s.vaultFor(who, name)
	if err != nil {
		return nil, false, err
	}
	if err := v.mustRead(who); err != nil {
		return nil, false, err
	}
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	if _, err := s.post(ctx, posting{draft: s.draft(who, "list", v.ID.String(), "", journal.Done, "")}); err != nil {
		return nil, false, err
	}
	prefix := append([]byte{typeRecord}, v.ID[:]...)
	err = s.scanAfter(ctx, prefix, recordKey(v.ID, after), func(key, value []byte) error {
		rec, err := s.openRecord(ctx, v, binary.BigEndian.Uint64(key[len(prefix):]), value)
		if err != nil {
			return err
		}
		return s.page(ctx, &list, rec, limit)
	})
	if errors.Is(err, errPageFull) {
		return list, true, nil
	}
	return list, false, err
}

// errPageFull ends a scan when a document has no place on the page any more.
var errPageFull = errors.New("the page is full")

// page puts a document on a page if it has a place there.
func (s *Safe) page(ctx context.Context, list *[]Document, rec *record, limit int) error {
	size := len(rec.inner.Attestation)
	for _, d := range *list {
		size += d.bytes
	}
	if len(*list) == limit || len(*list) > 0 && size > maxPageBytes {
		return errPageFull
	}
	d, err := s.describe(ctx, rec)
	*list = append(*list, d)
	return err
}

// Count gives the documents and bytes of a vault.
func (s *Safe) Count(ctx context.Context, who identity.Caller, name string) (documents, bytes uint64, err error) {
	v, err := s.vaultFor(who, name)
	if err != nil {
		return 0, 0, err
	}
	if _, err := s.post(ctx, posting{draft: s.draft(who, "count", v.ID.String(), "", journal.Done, "")}); err != nil {
		return 0, 0, err
	}
	p := v.public()
	return p.Documents, p.Bytes, nil
}

// Lookup finds the documents of a vault that have a fingerprint (both digests), paged as List is.
func (s *Safe) Lookup(ctx context.Context, who identity.Caller, name string, fingerprint proof.Digests, after uint64, limit int) (list []Document, more bool, err error) {
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	v, err := s.vaultFor(who, name)
	if err != nil {
		return nil, false, err
	}
	if err := v.mustRead(who); err != nil {
		return nil, false, err
	}
	draft := s.draft(who, "lookup", v.ID.String(), "", journal.Done, "")
	if _, err := s.post(ctx, posting{draft: draft}); err != nil {
		return nil, false, err
	}
	mac, err := s.fingerprintMAC(ctx, v, fingerprint)
	if err != nil {
		return nil, false, err
	}
	prefix := fingerprintPrefix(v.ID, mac)
	err = s.scanAfter(ctx, prefix, fingerprintKey(v.ID, mac, after), func(key, _ []byte) error {
		rec, err := s.all().record(ctx, v, binary.BigEndian.Uint64(key[len(prefix):]))
		if err != nil {
			return err
		}
		if !rec.attestation.Fingerprint.Equal(fingerprint) {
			return fmt.Errorf("fingerprint index of vault %s: %w", v.ID, ErrIntegrity)
		}
		return s.page(ctx, &list, rec, limit)
	})
	if errors.Is(err, errPageFull) {
		return list, true, nil
	}
	return list, false, err
}

// Compare answers whether files of these digests are the document. It is journaled with its
// answer. A nil SHA3 is not compared; the number of files must be the same.
func (s *Safe) Compare(ctx context.Context, who identity.Caller, id proof.DocumentID, files []Announced) (bool, error) {
	rec, err := s.recordFor(ctx, who, id)
	if err != nil {
		return false, err
	}
	if err := rec.vault.mustRead(who); err != nil {
		return false, err
	}
	same := len(files) == len(rec.attestation.Files)
	for i, f := range rec.attestation.Files {
		if !same {
			break
		}
		if files[i].SHA256 == nil {
			return false, fmt.Errorf("file %d has no SHA-256: %w", i+1, ErrQuery)
		}
		same = subtle.ConstantTimeCompare(files[i].SHA256, f.Digests.SHA256[:]) == 1 &&
			(files[i].SHA3 == nil || subtle.ConstantTimeCompare(files[i].SHA3, f.Digests.SHA3[:]) == 1)
	}
	draft := s.draft(who, "compare", rec.vault.ID.String(), id.String(), journal.Done, "")
	draft.Refs = map[string]string{"identical": fmt.Sprint(same)}
	if _, err := s.post(ctx, posting{draft: draft}); err != nil {
		return false, err
	}
	return same, nil
}
