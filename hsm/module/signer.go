package module

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"fmt"
	"io"
)

// signer is one signing key of the token behind the guard. Whoever uses it
// verifies what comes out (seal, note and x509 do; TLS here): a bit flipped in
// an HSM must not reach an archive of thirty years.
type signer struct {
	kind   string
	key    crypto.Signer // crypto11's
	public *ecdsa.PublicKey
	guard  *guard
}

func (s *signer) sign(ctx context.Context, digest []byte) ([]byte, error) {
	what := "signing with the " + s.kind + " key"
	return do(ctx, s.guard, what, func() ([]byte, error) {
		signature, err := s.key.Sign(nil, digest, crypto.SHA256)
		if err != nil {
			// crypto11 has put the session back into its pool, perhaps with the
			// operation still active: the pool can not be used any more.
			s.guard.giveUp(fmt.Errorf("%s: %w", what, err))
		}
		return signature, err
	})
}

// with makes it a crypto.Signer, for code that knows no context.
func (s *signer) with(ctx context.Context) crypto.Signer { return &boundSigner{s, ctx} }

type boundSigner struct {
	*signer
	ctx context.Context //nolint:containedctx // lives as long as one request
}

func (s *boundSigner) Public() crypto.PublicKey { return s.public }

// Sign signs a digest, which the caller made; ECDSA takes its leftmost bits.
func (s *boundSigner) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	return s.sign(s.ctx, digest)
}
