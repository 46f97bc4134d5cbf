package decision

import (
	"bytes"
	"fmt"
	"time"

	"casemate/store/identity"
)

// Kept is how long after it was issued a statement that was handed in may still be carried out.
const Kept = 30 * 24 * time.Hour

// skew is what two clocks of one machine may differ by.
const skew = 5 * time.Minute

// InForce says whether a statement that was handed in may be carried out now: not when it was issued
// before after, which is when the newest document was sealed that it may give up, nor Kept ago, nor by a
// clock that is ahead. Whoever has keys of officers whose certificates ended long ago cannot date a
// statement back to when they were good.
func (s Statement) InForce(now, after time.Time) error {
	if now.Before(after) {
		now = after // the clock was set back
	}
	switch age := now.Sub(s.Issued); {
	case s.Issued.Before(after.Add(-skew)):
		return fmt.Errorf("%w: it was issued at %s, and a document was sealed at %s", ErrTooOld,
			s.Issued.Format(time.RFC3339), after.UTC().Format(time.RFC3339))
	case age > Kept || age < -skew:
		return fmt.Errorf("%w: it was issued at %s, and it is %s", ErrTooOld, s.Issued.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

// Verify holds two signatures against a statement of this safe: each by an officer whom the table of
// callers knows now, with a certificate that is good now, and the two not one person. It gives the two.
//
// One person is one name, one certificate or one key: who has two certificates is not two.
func Verify(text []byte, signatures [][]byte, safe string, callers *identity.Directory, now time.Time) (Statement, []identity.Caller, error) {
	s, err := Parse(text)
	if err != nil {
		return s, nil, err
	}
	if s.Safe != safe {
		return s, nil, fmt.Errorf("%w: it is about the safe %q", ErrStatement, s.Safe)
	}
	if age := now.Sub(s.Issued); age > Lifetime || age < -skew {
		return s, nil, fmt.Errorf("%w: it was issued at %s", ErrTooOld, s.Issued.Format(time.RFC3339))
	}
	if len(signatures) != 2 {
		return s, nil, fmt.Errorf("%w: there are %d", ErrTwoPersons, len(signatures))
	}
	var officers []identity.Caller
	var keys [][]byte
	for i, der := range signatures {
		chain, err := verify(text, der)
		if err != nil {
			return s, nil, fmt.Errorf("signature %d: %w", i+1, err)
		}
		who, err := callers.Caller(chain, now)
		if err != nil {
			return s, nil, fmt.Errorf("signature %d: %w: %w", i+1, ErrOfficer, err)
		}
		if !who.Can(identity.RightDecide) {
			return s, nil, fmt.Errorf("signature %d: %w: %q has another role", i+1, ErrOfficer, who.Name)
		}
		officers, keys = append(officers, who), append(keys, chain[0].RawSubjectPublicKeyInfo)
	}
	a, b := officers[0], officers[1]
	if a.Name == b.Name || (a.Issuer == b.Issuer && a.Serial == b.Serial) || bytes.Equal(keys[0], keys[1]) {
		return s, nil, fmt.Errorf("%w: both are of %q", ErrTwoPersons, a.Name)
	}
	return s, officers, nil
}
