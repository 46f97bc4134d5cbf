package seal

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"sync"
	"time"
)

// Verifier verifies seals against one set of seal roots. It remembers the
// certificate paths it has found good, each with the span of time for which
// it is, since a safe's seals share one path and checking it costs many times
// what checking a seal does. It is safe for concurrent use.
type Verifier struct {
	roots *x509.CertPool

	mu    sync.Mutex
	known map[[sha256.Size]byte]path
}

// knownPaths bounds a verifier's memory.
const knownPaths = 64

// path is a chain found good, and from when to when it is.
type path struct {
	chain       []*x509.Certificate
	from, until time.Time
	updated     time.Time
}

// NewVerifier returns a verifier that trusts roots alone. No roots, or nil,
// trust nobody.
func NewVerifier(roots *x509.CertPool) *Verifier {
	if roots == nil {
		roots = x509.NewCertPool()
	}
	return &Verifier{roots: roots.Clone(), known: make(map[[sha256.Size]byte]path)}
}

// path returns the certificate path of a seal as of at.
func (v *Verifier) path(data signedData, at time.Time) (path, error) {
	if at.IsZero() {
		return path{}, fmt.Errorf("no time to verify at: %w", ErrUntrusted)
	}
	name := data.pathName()
	v.mu.Lock()
	found, ok := v.known[name]
	v.mu.Unlock()
	if ok && !at.Before(found.from) && !at.After(found.until) {
		return found, nil
	}
	found, err := findPath(data, v.roots, at)
	if err != nil {
		return path{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= knownPaths {
		clear(v.known)
	}
	v.known[name] = found
	return found, nil
}

// pathName identifies all that a path depends on.
func (s signedData) pathName() (name [sha256.Size]byte) {
	h := sha256.New()
	for _, part := range append([][]byte{s.signer.Raw, s.crl}, s.certificates...) {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write(part)
	}
	h.Sum(name[:0])
	return name
}
