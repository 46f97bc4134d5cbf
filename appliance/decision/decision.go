package decision

import (
	"bytes"
	"fmt"
	"time"

	"casemate/store/identity"
)

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
	if age := now.Sub(s.Issued); age > Lifetime || age < -5*time.Minute {
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
