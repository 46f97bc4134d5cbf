package verify

import (
	"time"

	"casemate/store/proof"
)

// Names of the steps, in the order they are done.
const (
	StepContainer   = "container"
	StepAttestation = "attestation"
	StepFingerprint = "fingerprint"
	StepDocuments   = "documents"
	StepManifest    = "manifest"
	StepEvidence    = "evidence"
	StepSeal        = "seal"
	StepJournal     = "journal"
	StepTimes       = "times"
)

// Step is one check in plain words.
type Step struct {
	Name   string
	OK     bool
	Detail string
}

// Report is what a verification found. Attestation is filled in as soon as it
// could be read, which alone proves nothing: only OK does.
type Report struct {
	OK          bool
	Provisional bool // no timestamp yet: the seal was judged at the time of verification
	Steps       []Step
	Attestation proof.Attestation
	ProvedAt    time.Time // first token's time: the seal existed then; zero if not proved
	NotBefore   time.Time // the seal was made after it, says the safe; zero if not stated
	// NotBeforeProved says that NotBefore is not only the safe's word: the
	// receipt shows the token of a trusted authority which the attestation names.
	NotBeforeProved bool
}
