package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"casemate/store/identity"
	"casemate/store/journal"
	"casemate/store/proof"
	"casemate/store/verify"
)

// CheckReport is the answer to "is it still what was deposited?".
type CheckReport struct {
	OK          bool
	Provisional bool // no external timestamp yet: everything else was checked
	At          time.Time
	Steps       []Step
}

// Step is one thing checked, in plain words.
type Step struct {
	Name   string
	OK     bool
	Detail string
}

// Check controls a document: its bytes are read again on every volume and digested with both
// families, then its receipt is derived and put through the very code that an outsider runs.
// "True" is never said from metadata alone.
func (s *Safe) Check(ctx context.Context, who identity.Caller, id proof.DocumentID) (CheckReport, error) {
	rec, err := s.recordFor(ctx, who, id)
	if err != nil {
		return CheckReport{}, err
	}
	if !who.Can(identity.RightAudit) {
		if err := rec.vault.mustRead(who); err != nil {
			return CheckReport{}, err
		}
	}
	report, err := s.check(ctx, rec)
	if err != nil {
		return CheckReport{}, err
	}
	draft := s.draft(who, "check", rec.vault.ID.String(), id.String(), journal.Done, "")
	draft.Refs = map[string]string{"ok": fmt.Sprint(report.OK)}
	if _, err := s.post(ctx, posting{draft: draft}); err != nil {
		return CheckReport{}, err
	}
	return report, nil
}

func (s *Safe) check(ctx context.Context, rec *record) (CheckReport, error) {
	report := CheckReport{OK: true, At: s.now()}
	for _, slot := range s.mirror.Slots() {
		step, err := s.alone(slot).checkCopy(ctx, rec)
		if err != nil {
			return report, err
		}
		step.Name = "copy on " + s.place(slot)
		report.add(step)
	}
	steps, provisional, err := s.all().prove(ctx, rec)
	if err != nil {
		return report, err
	}
	report.Provisional = provisional
	for _, step := range steps {
		report.add(step)
	}
	return report, nil
}

// place is what a volume is called before callers: the last element of its directory.
func (s *Safe) place(slot int) string {
	for _, v := range s.mirror.Status().Volumes {
		if v.Slot == slot {
			return filepath.Base(v.Dir)
		}
	}
	return fmt.Sprintf("volume %d", slot+1)
}

func (r *CheckReport) add(step Step) {
	r.OK = r.OK && step.OK
	r.Steps = append(r.Steps, step)
}

// checkCopy re-reads every file of a document.
func (v view) checkCopy(ctx context.Context, rec *record) (Step, error) {
	var total int64
	for _, f := range rec.attestation.Files {
		digests, size, err := v.digestFile(ctx, rec, f)
		if ctx.Err() != nil {
			return Step{}, ctx.Err()
		}
		switch {
		case errors.Is(err, ErrIntegrity):
			return Step{Detail: fmt.Sprintf("file %d: %v", f.Index, err)}, nil
		case err != nil:
			return Step{Detail: fmt.Sprintf("file %d could not be read: %v", f.Index, err)}, nil
		case size != f.Size || !digests.Equal(f.Digests):
			return Step{Detail: fmt.Sprintf("file %d is not the one attested", f.Index)}, nil
		}
		total += size
	}
	return Step{OK: true, Detail: fmt.Sprintf("%d bytes read again, SHA-256 and SHA3-256 as attested", total)}, nil
}

func (v view) digestFile(ctx context.Context, rec *record, f proof.File) (proof.Digests, int64, error) {
	r, err := v.openFile(ctx, rec, f)
	if err != nil {
		return proof.Digests{}, 0, err
	}
	defer r.Close() //nolint:errcheck // only releases the readers ahead
	h := proof.NewHasher()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{r}, make([]byte, blockBytes)); err != nil {
		return proof.Digests{}, 0, err
	}
	return h.Sum(), h.Size(), nil
}

// prove derives a document's receipt from what the view reads and puts it, with the document's bytes
// read there again, through the very code that an outsider runs, against the safe's own trust. Every
// segment is deciphered, both digests recomputed, seal, inclusion and evidence verified. What is
// wrong is a step that failed; the error is of reading, or of a caller who left.
func (v view) prove(ctx context.Context, rec *record) (steps []Step, provisional bool, err error) {
	receipt, err := v.receiptOf(ctx, rec)
	switch {
	case err == nil:
	case ctx.Err() != nil, errors.Is(err, ErrStorage), errors.Is(err, ErrSealUnavailable):
		return nil, false, err
	default: // it cannot be made of what is stored
		return []Step{{Name: "receipt", Detail: err.Error()}}, false, nil
	}
	receipt.VerifyScript, receipt.Trust = nil, nil
	var buf bytes.Buffer
	if err := proof.WriteReceipt(&buf, receipt, rec.attestation.Files, nil); err != nil {
		return nil, false, err
	}
	var documents []verify.Document
	for _, f := range rec.attestation.Files {
		documents = append(documents, verify.Document{Name: f.Name, Open: func() (io.ReadCloser, error) { return v.openFile(ctx, rec, f) }})
	}
	trust := v.s.trust
	if v.seen != nil {
		trust = v.seen.trust
	}
	got, err := verify.Receipt(ctx, bytes.NewReader(buf.Bytes()), int64(buf.Len()), documents, trust, v.s.now())
	if ctx.Err() != nil {
		return nil, false, ctx.Err()
	}
	failed := false
	for _, step := range got.Steps {
		failed = failed || !step.OK
		steps = append(steps, Step{Name: step.Name, OK: step.OK, Detail: step.Detail})
	}
	if (err != nil || !got.OK) && !failed {
		steps = append(steps, Step{Name: "receipt", Detail: fmt.Sprintf("not verified: %v", err)})
	}
	return steps, got.Provisional, nil
}
