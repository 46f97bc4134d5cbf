package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"casemate/store/journal"
	"casemate/store/proof"
)

// Finding is something fsck found wrong.
type Finding struct {
	What   string `json:"what"` // the thing, by identifier
	Detail string `json:"detail"`
}

// FsckReport is the outcome of a complete check.
type FsckReport struct {
	Journal   uint64 // entries re-read and re-hashed
	Documents uint64 // documents controlled on every volume
	Bytes     uint64
	Rounds    uint64
	Findings  []Finding
}

// OK says that nothing is wrong.
func (r FsckReport) OK() bool { return len(r.Findings) == 0 }

func (r *FsckReport) find(what, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{What: what, Detail: fmt.Sprintf(format, args...)})
}

// Fsck reads everything again: the journal and its tree, every document on every volume with its
// proofs, every index, every tally. It changes nothing; progress is told after each document.
func (s *Safe) Fsck(ctx context.Context, progress func(FsckReport)) (FsckReport, error) {
	var r FsckReport
	told, err := s.fsckJournal(ctx, &r)
	if err != nil {
		return r, err
	}
	if err := s.fsckRounds(ctx, &r); err != nil {
		return r, err
	}
	s.mu.RLock()
	vaults := make([]*vault, 0, len(s.byID))
	for _, v := range s.byID {
		vaults = append(vaults, v)
	}
	s.mu.RUnlock()
	for _, v := range vaults {
		if err := s.fsckVault(ctx, v, told, &r, progress); err != nil {
			return r, err
		}
	}
	for id := range told.deposits {
		r.find("document "+id, "the journal says it was deposited; it is not there")
	}
	return r, nil
}

// told is what the journal says there must be.
type told struct {
	deposits map[string]uint64 // document to the index of its "done" entry
	unused   map[string]bool   // vault/number of deposits that did not come to their end
}

// fsckJournal audits every entry and gathers what it tells of deposits.
func (s *Safe) fsckJournal(ctx context.Context, r *FsckReport) (told, error) {
	t := told{deposits: map[string]uint64{}, unused: map[string]bool{}}
	err := s.log.Audit(ctx, 0, s.log.Size(), func(e journal.Entry) error {
		r.Journal++
		switch number := e.Refs["number"]; {
		case e.Act != ActDeposit:
		case e.Result == journal.Done:
			t.deposits[e.Object] = e.Seq
		case e.Result != journal.Intent && number != "":
			t.unused[e.Vault+"/"+number] = true
		}
		return nil
	})
	if ctx.Err() != nil {
		return t, ctx.Err()
	}
	if err != nil {
		r.find("journal", "%v", err)
	}
	return t, nil
}

func (s *Safe) fsckRounds(ctx context.Context, r *FsckReport) error {
	var to uint64
	for n := uint64(1); n <= s.lastSpan().Number; n++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		sp, err := s.span(ctx, n)
		if err == nil {
			_, err = s.round(ctx, n)
		}
		switch {
		case err != nil:
			r.find(fmt.Sprintf("round %d", n), "%v", err)
		case sp.Number != n || sp.From != to:
			r.find(fmt.Sprintf("round %d", n), "it does not follow the one before")
		}
		to = sp.To
		r.Rounds++
	}
	return nil
}

func (s *Safe) fsckVault(ctx context.Context, v *vault, t told, r *FsckReport, progress func(FsckReport)) error {
	prefix := append([]byte{typeRecord}, v.ID[:]...)
	var documents, bytes, last uint64
	gap := func(to uint64) {
		for n := last + 1; n < to; n++ {
			if !t.unused[fmt.Sprintf("%s/%d", v.ID, n)] {
				r.find(fmt.Sprintf("number %d of vault %s", n, v.ID), "it is missing and the journal does not say why")
			}
		}
		last = to
	}
	err := s.scan(ctx, prefix, func(key, value []byte) error {
		number := binary.BigEndian.Uint64(key[len(prefix):])
		gap(number)
		rec, err := s.openRecord(ctx, v, number, value)
		if errors.Is(err, ErrIntegrity) {
			r.find(fmt.Sprintf("record %d of vault %s", number, v.ID), "%v", err)
			return nil
		}
		if err != nil {
			return err
		}
		documents++
		bytes += uint64(rec.attestation.Size) //nolint:gosec // validated: never negative
		if leaf, ok := t.deposits[rec.id.String()]; !ok || leaf != rec.leaf {
			r.find("document "+rec.id.String(), "the journal does not tell of its deposit")
		}
		delete(t.deposits, rec.id.String())
		if err := s.fsckDocument(ctx, rec, r); err != nil {
			return err
		}
		r.Documents, r.Bytes = r.Documents+1, r.Bytes+uint64(rec.attestation.Size) //nolint:gosec // as above
		if progress != nil {
			progress(*r)
		}
		return nil
	})
	if errors.Is(err, ErrIntegrity) {
		r.find("vault "+v.ID.String(), "%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	v.mu.Lock()
	gap(v.last + 1)
	v.mu.Unlock()
	if p := v.public(); p.Documents != documents || p.Bytes != bytes {
		r.find("vault "+v.ID.String(), "its tally says %d documents and %d bytes, there are %d and %d", p.Documents, p.Bytes, documents, bytes)
	}
	return nil
}

func (s *Safe) fsckDocument(ctx context.Context, rec *record, r *FsckReport) error {
	report, err := s.check(ctx, rec)
	if err != nil {
		return err
	}
	for _, step := range report.Steps {
		if !step.OK {
			r.find("document "+rec.id.String(), "%s: %s", step.Name, step.Detail)
		}
	}
	v, number, err := s.locate(ctx, rec.id)
	if err != nil || v != rec.vault || number != rec.number {
		r.find("document "+rec.id.String(), "its place is not where it stands")
	}
	mac, err := s.fingerprintMAC(ctx, rec.vault, proof.ObjectDigests(rec.attestation.Files))
	if err != nil {
		return err
	}
	if _, err := s.mirror.Get(ctx, fingerprintKey(rec.vault.ID, mac, rec.number)); err != nil {
		r.find("document "+rec.id.String(), "it is missing from the index of fingerprints")
	}
	return nil
}
