package timestamp

import (
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"sync"
	"time"
)

// Verifier judges tokens as Verify does, with one set of roots and policies, and remembers those it has
// found good: the documents of a round share one token, and checking its authority's chain costs many
// times what checking a document costs. A token is known by the SHA-256 of all its bytes, the
// certificates within included; what it remembers is the imprint, so that the same token over anything
// else fails as it does with Verify, and for what span of time the chain it found is valid: for any
// other time the chain is built anew. It is safe for concurrent use.
type Verifier struct {
	roots    *x509.CertPool
	policies []string

	mu    sync.Mutex
	known map[[sha256.Size]byte]known
}

// knownTokens of at most knownBytes each bound a verifier's memory; real tokens have 2 to 12 KiB.
const (
	knownTokens = 64
	knownBytes  = 64 << 10
)

// known is a token found good: over digest, at its own time and from until to.
type known struct {
	token       Token
	digest      [32]byte
	from, until time.Time // both zero: judged for its own time alone
}

// NewVerifier returns a verifier with a memory of its own. No roots trust nobody; no policies accept
// any.
func NewVerifier(roots *x509.CertPool, policies []string) *Verifier {
	if roots == nil {
		roots = x509.NewCertPool()
	}
	return &Verifier{roots: roots.Clone(), policies: slices.Clone(policies), known: map[[sha256.Size]byte]known{}}
}

// Verify is the function Verify with the verifier's roots, policies and memory.
func (v *Verifier) Verify(token []byte, digest [32]byte, at time.Time) (Token, error) {
	name := sha256.Sum256(token)
	v.mu.Lock()
	k, ok := v.known[name]
	v.mu.Unlock()
	if ok && k.digest == digest && k.holds(at) {
		return k.again(), nil
	}
	t, from, until, err := verify(token, digest, v.roots, v.policies, at)
	if err != nil {
		return Token{}, err
	}
	k = known{token: t, digest: digest, from: from, until: until}
	if len(token) > knownBytes {
		return t, nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= knownTokens {
		clear(v.known)
	}
	v.known[name] = k
	return k.again(), nil
}

// Imprint is the function Imprint, answered from memory for a token found good before.
func (v *Verifier) Imprint(token []byte) ([32]byte, error) {
	v.mu.Lock()
	k, ok := v.known[sha256.Sum256(token)]
	v.mu.Unlock()
	if ok {
		return k.digest, nil
	}
	return Imprint(token)
}

// holds says whether what is remembered answers for a time: zero is the token's own alone.
func (k known) holds(at time.Time) bool {
	if at.IsZero() {
		return true
	}
	return !k.until.IsZero() && !at.Before(k.from) && !at.After(k.until) && !k.token.Time.After(at.Add(future))
}

// again gives the token to a caller who may change it.
func (k known) again() Token {
	t := k.token
	t.DER = slices.Clone(t.DER)
	return t
}
