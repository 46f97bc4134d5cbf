package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"casemate/store/proof"
)

// Document is a document the verifier holds beside the receipt. Name is only
// for words; which file of the receipt it is, its digests tell.
type Document struct {
	Name string
	Open func() (io.ReadCloser, error)
}

// verification is one receipt on its way through the steps.
type verification struct {
	trust   Trust
	at      time.Time
	receipt *proof.ReceiptReader
	report  Report
	failed  []error
}

// Receipt verifies a receipt as of at against documents and trust. Each step
// goes into the report, in plain words; steps that cannot be judged because one
// before them failed are reported as failed or left out. The error is nil
// exactly if Report.OK, else it joins the sentinels of the steps that failed;
// a cancelled ctx or an unreadable document ends it early with that error.
//
// Verification runs backwards in time: the newest timestamp is judged at at,
// each older one at its successor's time, the seal at the first one's. A
// provisional receipt has no timestamp: its seal is judged at at, and nothing
// is said about when it was made.
//
// Trust material inside the receipt is never used.
func Receipt(ctx context.Context, r io.ReaderAt, size int64, documents []Document, trust Trust, at time.Time) (Report, error) {
	if err := trust.check(); err != nil {
		return Report{}, err
	}
	if at.IsZero() {
		return Report{}, fmt.Errorf("%w: no time to verify at", ErrTrust)
	}
	v := &verification{trust: trust, at: at}
	// 1. Nothing can be said about what is not a receipt.
	if !v.open(r, size) || !v.readAttestation() {
		return v.end()
	}
	// 2. What was deposited: the documents are those attested.
	v.checkFingerprint()
	if err := v.checkDocuments(ctx, documents); err != nil {
		return v.report, err
	}
	// 3. Who vouches for it, and since when.
	v.checkManifest()
	if v.receipt.Provisional() {
		v.report.Provisional = true
		v.checkSeal(at)
		if v.receipt.NotBefore != nil && v.checkNotBefore() {
			v.pass(StepTimes, "sealed after %s by the word of an independent authority", words(v.report.NotBefore))
		}
		return v.end()
	}
	v.checkEvidence()
	v.checkSeal(v.report.ProvedAt)
	// 4. That the safe cannot have hidden it, and what its own words are worth.
	v.checkJournal()
	v.checkTimes()
	return v.end()
}

// pass and fail note a step's outcome.
func (v *verification) pass(name, format string, args ...any) {
	v.report.Steps = append(v.report.Steps, Step{Name: name, OK: true, Detail: fmt.Sprintf(format, args...)})
}

func (v *verification) fail(name string, sentinel error, format string, args ...any) {
	detail := fmt.Sprintf(format, args...)
	v.report.Steps = append(v.report.Steps, Step{Name: name, Detail: detail})
	v.failed = append(v.failed, fmt.Errorf("%s: %w: %s", name, sentinel, detail))
}

func (v *verification) end() (Report, error) {
	v.report.OK = len(v.failed) == 0
	if !v.report.OK {
		v.report.ProvedAt, v.report.NotBeforeProved = time.Time{}, false
	}
	return v.report, errors.Join(v.failed...)
}

func (v *verification) open(r io.ReaderAt, size int64) bool {
	receipt, err := proof.OpenReceipt(r, size)
	if err != nil {
		v.fail(StepContainer, ErrContainer, "%v", err)
		return false
	}
	v.receipt = receipt
	kind := "detached: the documents are elsewhere"
	if n := len(receipt.Documents); n > 0 {
		kind = fmt.Sprintf("attached: %d documents inside", n)
	}
	v.pass(StepContainer, "%s", kind)
	return true
}

func (v *verification) readAttestation() bool {
	a, err := proof.ParseAttestation(v.receipt.Attestation)
	if err != nil {
		v.fail(StepAttestation, ErrInconsistent, "%v", err)
		return false
	}
	v.report.Attestation = a
	if a.NotBefore != nil {
		v.report.NotBefore = a.NotBefore.At
	}
	words := ""
	if a.Demonstration {
		words = "; a demonstration safe: no key ceremony was held"
	}
	v.pass(StepAttestation, "document %s, number %d of vault %s, by safe %s%s", a.Document, a.Number, a.Vault, a.Safe, words)
	return true
}

// checkFingerprint wants fingerprint.txt to be what the attested files make.
// That the object's fingerprint agrees, reading the attestation has checked.
func (v *verification) checkFingerprint() {
	if !bytes.Equal(v.receipt.Fingerprint, proof.Fingerprint(v.report.Attestation.Files)) {
		v.fail(StepFingerprint, ErrInconsistent, "fingerprint.txt does not list the attested files")
		return
	}
	v.pass(StepFingerprint, "fingerprint.txt lists the %d attested files", len(v.report.Attestation.Files))
}

// checkManifest wants the sealed manifest to name these two files.
func (v *verification) checkManifest() {
	want := proof.SignatureManifest(sha256.Sum256(v.receipt.Attestation), sha256.Sum256(v.receipt.Fingerprint))
	if !bytes.Equal(v.receipt.Manifest, want) {
		v.fail(StepManifest, ErrInconsistent, "the sealed manifest is not that of attestation.json and fingerprint.txt")
		return
	}
	v.pass(StepManifest, "the sealed manifest names attestation.json and fingerprint.txt by their digests")
}

// checkSeal judges the seal as of a trusted time.
func (v *verification) checkSeal(at time.Time) {
	if at.IsZero() {
		v.fail(StepSeal, ErrSeal, "cannot be judged without a proved time")
		return
	}
	s, err := v.trust.verifySeal(v.receipt.Signature, v.receipt.Manifest, at)
	if err != nil {
		v.fail(StepSeal, ErrSeal, "%v", err)
		return
	}
	v.pass(StepSeal, "sealed by %s, whose certificate was valid on %s", s.Signer.Subject, words(at))
}

// words is how an instant is told.
func words(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
