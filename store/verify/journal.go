package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"casemate/store/journal"
	"casemate/store/proof"
)

// ActDeposit is the act of the journal entry a receipt proves.
const ActDeposit = "deposit"

// checkJournal wants the entry in the inclusion proof to be in the journal of
// the safe that attests, and to tell of this very deposit.
func (v *verification) checkJournal() {
	p, err := proof.ParseInclusionProof(v.receipt.Inclusion)
	if err != nil {
		v.fail(StepJournal, ErrJournal, "%v", err)
		return
	}
	checkpoint, raw, err := p.Verify(v.trust.JournalVKey)
	if err != nil {
		v.fail(StepJournal, ErrJournal, "%v", err)
		return
	}
	if checkpoint.Origin != v.report.Attestation.Safe {
		v.fail(StepJournal, ErrJournal, "journal of %q, attestation of %q", checkpoint.Origin, v.report.Attestation.Safe)
		return
	}
	e, err := journal.ParseEntry(raw)
	if err == nil && e.Seq != p.Index {
		err = fmt.Errorf("entry %d at place %d", e.Seq, p.Index)
	}
	if err == nil {
		err = v.sameDeposit(e)
	}
	if err != nil {
		v.fail(StepJournal, ErrJournal, "%v", err)
		return
	}
	v.pass(StepJournal, "entry %d of %d in the journal of %s tells of this deposit", e.Seq+1, checkpoint.Size, checkpoint.Origin)
}

// sameDeposit compares the entry with the receipt.
func (v *verification) sameDeposit(e journal.Entry) error {
	a := v.report.Attestation
	for _, c := range []struct{ what, got, want string }{
		{"act", e.Act, ActDeposit},
		{"result", e.Result, journal.Done},
		{"document", e.Object, a.Document.String()},
		{"vault", e.Vault, a.Vault.String()},
		{"depositor's issuer", e.Actor.Issuer, a.Depositor.Issuer},
		{"depositor's serial", e.Actor.Serial, a.Depositor.Serial},
		{"attestation", e.Refs["attestation"], hexDigest(v.receipt.Attestation)},
		{"signature", e.Refs["signature"], hexDigest(v.receipt.Signature)},
	} {
		if c.got != c.want {
			return fmt.Errorf("its entry is of another deposit: %s is %q, not %q", c.what, c.got, c.want)
		}
	}
	return nil
}

func hexDigest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
