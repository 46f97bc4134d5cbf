package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"casemate/hsm"
)

// sealing is one attestation on its way to the token.
type sealing struct {
	request hsm.SealRequest
	reply   chan sealed
}

type sealed struct {
	signature []byte
	err       error
}

// sealDeadline bounds one exchange with the token from this side; the client's own timeout and the
// token process's end it earlier.
const sealDeadline = 6 * time.Minute

// sealOne asks the token for the seal of one attestation; the requests of concurrent deposits
// travel together.
func (s *Safe) sealOne(ctx context.Context, request hsm.SealRequest) ([]byte, error) {
	job := sealing{request: request, reply: make(chan sealed, 1)}
	if !s.sealer.put(ctx, job) {
		return nil, ctx.Err()
	}
	select {
	case r := <-job.reply:
		return r.signature, r.err
	case <-s.stopped:
		select {
		case r := <-job.reply:
			return r.signature, r.err
		default:
			return nil, ErrClosed
		}
	}
}

func (s *Safe) sealGroup(group []sealing) {
	ctx, cancel := context.WithTimeout(context.Background(), sealDeadline)
	defer cancel()
	requests := make([]hsm.SealRequest, len(group))
	for i, job := range group {
		requests[i] = job.request
	}
	results, err := s.token.Seal(ctx, requests)
	s.heardToken(err)
	if err == nil && len(results) != len(group) {
		err = fmt.Errorf("%d seals for %d attestations", len(results), len(group))
	}
	for i, job := range group {
		switch {
		case err != nil:
			job.reply <- sealed{err: tokenError(err)}
		case results[i].Error != "":
			job.reply <- sealed{err: fmt.Errorf("%w: the token refused: %s", ErrSealUnavailable, results[i].Error)}
		default:
			job.reply <- sealed{signature: results[i].Signature}
		}
	}
}

// heardToken remembers whether the token answers, for the status.
func (s *Safe) heardToken(err error) {
	if err != nil {
		s.tokenTrouble.Store(&err)
		return
	}
	s.tokenTrouble.Store(nil)
}

// tokenError sorts what the token process answered.
func tokenError(err error) error {
	if errors.Is(err, hsm.ErrIntegrity) {
		return fmt.Errorf("%w: %w", ErrIntegrity, err)
	}
	return fmt.Errorf("%w: %w", ErrSealUnavailable, err)
}
