package timestamp

import (
	"context"
	"errors"
)

// Authorities are asked in order, most wanted first.
type Authorities []Authority

// Stamp returns the first good token. An authority that is away, declines or
// lies is passed over; if none is left the errors of all are joined, so that
// errors.Is finds the kind of each. It stops early when ctx ends.
func (as Authorities) Stamp(ctx context.Context, digest [32]byte) (Token, error) {
	if len(as) == 0 {
		return Token{}, ErrNoAuthority
	}
	var failures error
	for _, a := range as {
		token, err := a.Stamp(ctx, digest)
		if err == nil {
			return token, nil
		}
		failures = errors.Join(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return Token{}, failures
}
