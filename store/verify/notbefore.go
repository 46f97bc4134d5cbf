package verify

import (
	"crypto/sha256"
	"time"
)

// checkNotBefore wants the earlier token that the receipt shows to be the one
// the attestation names, made by a trusted authority, at the time stated: then
// the attestation, which holds the token's digest, cannot be older than it. What
// that token was made for does not matter; whether its authority lives today
// neither, for nothing renews it. (The container's reader has seen that the
// attestation names one.)
func (v *verification) checkNotBefore() bool {
	stated, token := v.report.Attestation.NotBefore, v.receipt.NotBefore
	if sha256.Sum256(token) != stated.Token {
		v.fail(StepTimes, ErrTimes, "the earlier timestamp shown is not the one that the attestation names")
		return false
	}
	imprint, err := v.trust.imprint(token)
	if err != nil {
		v.fail(StepTimes, ErrTimes, "the earlier timestamp: %v", err)
		return false
	}
	t, err := v.trust.verifyToken(token, imprint, time.Time{})
	if err != nil {
		v.fail(StepTimes, ErrTimes, "the earlier timestamp: %v", err)
		return false
	}
	if !t.Time.Truncate(time.Millisecond).Equal(stated.At) {
		v.fail(StepTimes, ErrTimes, "the attestation says sealed after %s, the earlier timestamp shown is of %s", words(stated.At), words(t.Time))
		return false
	}
	v.report.NotBeforeProved = true
	return true
}
