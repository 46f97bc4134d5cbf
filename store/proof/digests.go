package proof

import (
	"crypto/sha256"
	"crypto/sha3"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
)

// Digests are the two digests of the same bytes, from two unrelated families
// (FIPS 180-4 and FIPS 202), so that a break of one leaves the other.
type Digests struct {
	SHA256 [32]byte
	SHA3   [32]byte // SHA3-256
}

// DigestsOf computes both digests of b.
func DigestsOf(b []byte) Digests {
	return Digests{SHA256: sha256.Sum256(b), SHA3: sha3.Sum256(b)}
}

// Equal compares both digests in constant time.
func (d Digests) Equal(e Digests) bool {
	return subtle.ConstantTimeCompare(d.SHA256[:], e.SHA256[:])&subtle.ConstantTimeCompare(d.SHA3[:], e.SHA3[:]) == 1
}

// digestsWire is the JSON form: lower-case hex.
type digestsWire struct {
	SHA256 string `json:"sha256"`
	SHA3   string `json:"sha3-256"`
}

// MarshalJSON writes {"sha256":hex,"sha3-256":hex}.
func (d Digests) MarshalJSON() ([]byte, error) {
	return json.Marshal(digestsWire{hex.EncodeToString(d.SHA256[:]), hex.EncodeToString(d.SHA3[:])})
}

// UnmarshalJSON reads that form; both digests must be there.
func (d *Digests) UnmarshalJSON(b []byte) error {
	var w digestsWire
	if err := ParseStrict(b, &w); err != nil {
		return err
	}
	one, err := ParseHex32(w.SHA256)
	if err != nil {
		return fmt.Errorf("reading sha256: %w", err)
	}
	two, err := ParseHex32(w.SHA3)
	if err != nil {
		return fmt.Errorf("reading sha3-256: %w", err)
	}
	*d = Digests{SHA256: one, SHA3: two}
	return nil
}

// ParseHex32 reads 32 bytes written as 64 lower-case hexadecimal digits.
func ParseHex32(s string) (out [32]byte, err error) {
	if len(s) != 64 || !isLowerHex(s) {
		return out, fmt.Errorf("%w: want 64 lower-case hexadecimal digits", ErrMalformed)
	}
	_, err = hex.Decode(out[:], []byte(s))
	return out, err
}

func isLowerHex(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return s != ""
}

// parallelFrom is the write length from which the second family is worth a
// goroutine of its own: SHA3-256 of it takes a hundred times the hand-over.
const parallelFrom = 32 << 10

// Hasher computes Digests and size in one pass. SHA3-256 is several times slower
// than SHA-256, so large writes hash both at once on two cores. Not safe for
// concurrent use.
type Hasher struct {
	one, two hash.Hash
	size     int64
	done     chan struct{}
}

// NewHasher begins an empty pass.
func NewHasher() *Hasher {
	return &Hasher{one: sha256.New(), two: sha3.New256(), done: make(chan struct{}, 1)}
}

// Write never fails and does not retain p.
func (h *Hasher) Write(p []byte) (int, error) {
	h.size += int64(len(p))
	if len(p) < parallelFrom {
		_, _ = h.one.Write(p) // hash.Hash never returns an error
		_, _ = h.two.Write(p)
		return len(p), nil
	}
	go func() {
		_, _ = h.one.Write(p)
		h.done <- struct{}{}
	}()
	_, _ = h.two.Write(p)
	<-h.done
	return len(p), nil
}

// Sum gives the digests of what was written so far.
func (h *Hasher) Sum() (d Digests) {
	h.one.Sum(d.SHA256[:0])
	h.two.Sum(d.SHA3[:0])
	return d
}

// Size counts the bytes written so far.
func (h *Hasher) Size() int64 { return h.size }
