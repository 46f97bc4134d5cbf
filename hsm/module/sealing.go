package module

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"casemate/hsm"
	"casemate/store/proof"
)

// sealer seals attestations of one safe and nothing else.
type sealer struct {
	origin        string
	demonstration bool
	tolerance     time.Duration
	now           func() time.Time
	atOnce        int
	key           *signer
	guard         *guard
	certificates  *certificates

	mu    sync.Mutex
	until time.Time // latest attested time under a trusted clock
}

// seal seals a batch. A document that is refused has an error in its place; an
// error of the token ends them all, since nobody can say which were signed.
func (s *sealer) seal(ctx context.Context, batch hsm.SealBatch) (hsm.SealReply, error) {
	reply := hsm.SealReply{Results: make([]hsm.SealResult, len(batch.Requests))}
	current := s.certificates.current()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.atOnce)
	for i, request := range batch.Requests {
		group.Go(func() error {
			result, err := s.sealOne(ctx, current, request, i == 0)
			if errors.Is(err, hsm.ErrRefused) {
				result, err = hsm.SealResult{Error: err.Error()}, nil
			}
			reply.Results[i] = result
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return hsm.SealReply{}, err
	}
	return reply, nil
}

// sealOne seals one document. Signing checks every signature with the public
// key; whole says to read the seal back as an outsider would, too, path, policy
// and revocation list included. Those are one for a batch, so its first
// document stands for all: it would cost a third of the seals a second.
func (s *sealer) sealOne(ctx context.Context, current *certificateSet, request hsm.SealRequest, whole bool) (hsm.SealResult, error) {
	a, err := s.check(request)
	if err != nil {
		return hsm.SealResult{}, err
	}
	if err := current.mayseal(a.DeclaredAt); err != nil {
		return hsm.SealResult{}, err
	}
	manifest := proof.SignatureManifest(sha256.Sum256(request.Attestation), sha256.Sum256(request.Fingerprint))
	signature, err := current.signer(s.key.with(ctx)).Sign(manifest, a.DeclaredAt)
	if err == nil && whole {
		_, err = current.verifier.Verify(signature, manifest, a.DeclaredAt)
	}
	if err != nil {
		if !hsm.Classified(err) { // the token answered, but not with a seal
			s.guard.giveUp(err)
			err = fmt.Errorf("%w: %w", hsm.ErrUnavailable, err)
		}
		return hsm.SealResult{}, err
	}
	s.advance(a)
	return hsm.SealResult{Manifest: manifest, Signature: signature}, nil
}

// check holds an attestation against what this safe may say.
func (s *sealer) check(request hsm.SealRequest) (proof.Attestation, error) {
	a, err := proof.ParseAttestation(request.Attestation)
	switch {
	case err != nil:
		return a, refused(err.Error())
	case a.Safe != s.origin:
		return a, refused(fmt.Sprintf("the attestation is of safe %q, this is %q", a.Safe, s.origin))
	case a.Demonstration != s.demonstration:
		return a, refused(fmt.Sprintf("the attestation says demonstration %v, the token was set up with %v", a.Demonstration, s.demonstration))
	case !bytes.Equal(request.Fingerprint, proof.Fingerprint(a.Files)):
		return a, refused("the fingerprint is not of the attestation's files")
	case !a.Fingerprint.Equal(proof.ObjectDigests(a.Files)):
		return a, refused("the attested fingerprint is not of the attestation's files")
	}
	return a, s.checkTime(a.DeclaredAt)
}

// checkTime refuses a time that runs backwards or ahead: whoever has only the
// socket can not date a document back.
func (s *sealer) checkTime(at time.Time) error {
	s.mu.Lock()
	until := s.until
	s.mu.Unlock()
	if at.Before(until.Add(-s.tolerance)) {
		return refused(fmt.Sprintf("declared at %s, but a document of %s is sealed already", proof.FormatTime(at), proof.FormatTime(until)))
	}
	if now := s.now(); at.After(now.Add(s.tolerance)) {
		return refused(fmt.Sprintf("declared at %s, which is after %s, the token process's own time", proof.FormatTime(at), proof.FormatTime(now)))
	}
	return nil
}

// advance moves the mark. Only a trusted clock does: one false jump ahead would
// have the safe refuse every later document.
func (s *sealer) advance(a proof.Attestation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Clock.Trusted && a.DeclaredAt.After(s.until) {
		s.until = a.DeclaredAt
	}
}

func (s *sealer) sealedUntil() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.until
}
