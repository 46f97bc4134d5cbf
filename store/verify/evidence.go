package verify

import (
	"bytes"
	"time"

	"casemate/store/evidence"
	"casemate/store/proof"
	"casemate/store/timestamp"
)

// checkEvidence wants the evidence record to cover exactly this receipt's parts
// and documents (RFC 4998, 4.2), its tokens to be those of trusted authorities,
// and notes the first token's time.
func (v *verification) checkEvidence() {
	entries := proof.EvidenceEntries(v.report.Attestation.Files, v.receipt.Receipt)
	if !bytes.Equal(v.receipt.EvidenceManifest, proof.EvidenceManifest(entries)) {
		v.fail(StepEvidence, ErrInconsistent, "the evidence manifest does not list this receipt's parts")
		return
	}
	record, err := evidence.Parse(v.receipt.Evidence)
	if err != nil {
		v.fail(StepEvidence, ErrEvidence, "%v", err)
		return
	}
	group := make([][32]byte, len(entries))
	for i, e := range entries {
		group[i] = e.SHA256
	}
	var first timestamp.Token
	at := v.at
	err = record.Verify(group, func(der []byte, digest [32]byte) error {
		t, err := v.trust.verifyToken(der, digest, at)
		if err == nil {
			first, at = t, t.Time // the one before it is judged at this one's time
		}
		return err
	})
	if err != nil {
		v.fail(StepEvidence, ErrEvidence, "%v", err)
		return
	}
	if first.Time.IsZero() {
		v.fail(StepEvidence, ErrEvidence, "the record holds no timestamp")
		return
	}
	v.report.ProvedAt = first.Time
	v.pass(StepEvidence, "existed on %s, says %s", words(first.Time), first.Authority)
}

// slack is how far clocks of different authorities may stand apart before
// their statements contradict one another.
const slack = time.Minute

// checkTimes wants what the safe said of time to fit between the two external
// times. A clock the safe itself did not trust proves and disproves nothing.
func (v *verification) checkTimes() {
	a, proved := v.report.Attestation, v.report.ProvedAt
	if proved.IsZero() {
		return
	}
	if v.receipt.NotBefore != nil && !v.checkNotBefore() {
		return
	}
	if a.NotBefore != nil && a.NotBefore.At.After(proved.Add(slack)) {
		v.fail(StepTimes, ErrTimes, "sealed after %s, yet timestamped on %s", words(a.NotBefore.At), words(proved))
		return
	}
	outside := a.DeclaredAt.After(proved.Add(slack)) ||
		(a.NotBefore != nil && a.DeclaredAt.Before(a.NotBefore.At.Add(-slack)))
	switch {
	case outside && a.Clock.Trusted:
		v.fail(StepTimes, ErrTimes, "declared on %s by a clock called right, outside the proved times", words(a.DeclaredAt))
	case outside:
		v.pass(StepTimes, "declared on %s by a clock that was wrong and not trusted; rely on the proved times alone", words(a.DeclaredAt))
	case a.NotBefore == nil:
		v.pass(StepTimes, "declared on %s; no earlier external time is stated", words(a.DeclaredAt))
	case v.report.NotBeforeProved:
		v.pass(StepTimes, "sealed after %s by the word of an independent authority, and before %s; declared on %s",
			words(a.NotBefore.At), words(proved), words(a.DeclaredAt))
	default:
		v.pass(StepTimes, "sealed before %s; the safe states that it was after %s, but does not show the token that says so; declared on %s",
			words(proved), words(a.NotBefore.At), words(a.DeclaredAt))
	}
}
