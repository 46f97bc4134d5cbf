package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
	for volume := range s.mirror.Volumes() {
		step, err := s.checkCopy(ctx, rec, volume)
		if err != nil {
			return report, err
		}
		report.add(step)
	}
	if err := s.checkReceipt(ctx, rec, &report); err != nil {
		return report, err
	}
	return report, nil
}

func (r *CheckReport) add(step Step) {
	r.OK = r.OK && step.OK
	r.Steps = append(r.Steps, step)
}

// checkCopy re-reads every file of a document on one volume alone.
func (s *Safe) checkCopy(ctx context.Context, rec *record, volume int) (Step, error) {
	step := Step{Name: fmt.Sprintf("copy on volume %d", volume+1), OK: true}
	get := func(ctx context.Context, key []byte) ([]byte, error) { return s.mirror.GetFrom(ctx, volume, key) }
	var total int64
	for _, f := range rec.attestation.Files {
		digests, size, err := s.digestFile(ctx, rec, f, get)
		if ctx.Err() != nil {
			return step, ctx.Err()
		}
		switch {
		case errors.Is(err, ErrIntegrity):
			return Step{Name: step.Name, Detail: fmt.Sprintf("file %d: %v", f.Index, err)}, nil
		case err != nil:
			return Step{Name: step.Name, Detail: fmt.Sprintf("file %d could not be read: %v", f.Index, err)}, nil
		case size != f.Size || !digests.Equal(f.Digests):
			return Step{Name: step.Name, Detail: fmt.Sprintf("file %d is not the one attested", f.Index)}, nil
		}
		total += size
	}
	step.Detail = fmt.Sprintf("%d bytes read again, SHA-256 and SHA3-256 as attested", total)
	return step, nil
}

func (s *Safe) digestFile(ctx context.Context, rec *record, f proof.File, get getter) (proof.Digests, int64, error) {
	r, err := s.openFile(ctx, rec, f, get)
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

// checkReceipt verifies the derived receipt as an outsider would, against the safe's own trust.
func (s *Safe) checkReceipt(ctx context.Context, rec *record, report *CheckReport) error {
	receipt, err := s.receiptOf(ctx, rec)
	if errors.Is(err, ErrIntegrity) {
		report.add(Step{Name: "receipt", Detail: err.Error()})
		return nil
	}
	if err != nil {
		return err
	}
	receipt.VerifyScript, receipt.Trust = nil, nil
	var buf bytes.Buffer
	if err := proof.WriteReceipt(&buf, receipt, rec.attestation.Files, nil); err != nil {
		return err
	}
	var documents []verify.Document
	for _, f := range rec.attestation.Files {
		documents = append(documents, verify.Document{Name: f.Name, Open: func() (io.ReadCloser, error) {
			return s.openFile(ctx, rec, f, s.mirror.Get)
		}})
	}
	got, err := verify.Receipt(ctx, bytes.NewReader(buf.Bytes()), int64(buf.Len()), documents, s.trust, s.now())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	report.Provisional = got.Provisional
	for _, step := range got.Steps {
		report.add(Step{Name: step.Name, OK: step.OK, Detail: step.Detail})
	}
	if (err != nil || !got.OK) && report.OK {
		report.add(Step{Name: "receipt", Detail: fmt.Sprintf("not verified: %v", err)})
	}
	return nil
}
