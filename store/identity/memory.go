package identity

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"sync"
	"time"
)

// maxKnown bounds the memory; beyond it everything is verified anew once.
const maxKnown = 4096

// memory keeps what was found about chains whose signatures were verified, so that a
// caller who sends a thousand small requests has his signatures checked once and not a
// thousand times. A judgement holds only while every certificate of its path is valid:
// before and after, it is made anew. Chains that lead nowhere are not kept.
type memory struct {
	mu  sync.Mutex
	all map[[32]byte]judgement
}

type judgement struct {
	who         Caller
	err         error
	from, until time.Time
}

// within bounds a judgement by the validity of a path (RFC 5280, 4.1.2.5: both ends
// included).
func (j judgement) within(path []*x509.Certificate) judgement {
	j.from, j.until = path[0].NotBefore, path[0].NotAfter
	for _, c := range path[1:] {
		if c.NotBefore.After(j.from) {
			j.from = c.NotBefore
		}
		if c.NotAfter.Before(j.until) {
			j.until = c.NotAfter
		}
	}
	return j
}

func (m *memory) at(key [32]byte, now time.Time) (judgement, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j, ok := m.all[key]
	return j, ok && !now.Before(j.from) && !now.After(j.until)
}

func (m *memory) keep(key [32]byte, j judgement) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil || len(m.all) >= maxKnown {
		m.all = map[[32]byte]judgement{}
	}
	m.all[key] = j
}

// digest names a chain: every byte of every certificate, in order.
func digest(chain []*x509.Certificate) (sum [32]byte) {
	h := sha256.New()
	for _, c := range chain {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(c.Raw))))
		h.Write(c.Raw)
	}
	h.Sum(sum[:0])
	return sum
}
