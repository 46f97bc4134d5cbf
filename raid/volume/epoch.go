package volume

import (
	"fmt"
	"slices"
)

// Epoch is one membership of the mirror, from when it was declared until the next. It is written
// to every volume in it before a batch under it is acknowledged.
type Epoch struct {
	Number  uint64 `json:"number"` // from 1
	ID      ID     `json:"id"`     // random: two epochs of one number and different ID are a fork
	Members []ID   `json:"members"`
	// Base and Digest are the last batch every member of the epoch before had confirmed: what a
	// volume left behind holds beyond it was never acknowledged.
	Base   uint64 `json:"base"`
	Digest Digest `json:"digest"`
	// Decided is an epoch that persons decided on: volumes with another history are filled anew.
	Decided bool `json:"decided,omitempty"`
}

// Has says whether the volume with this identity is a member.
func (e Epoch) Has(id ID) bool { return slices.Contains(e.Members, id) }

// MaxVolumes is how many volumes a mirror has at most, spares included.
const MaxVolumes = 8

// History is the epochs a volume knows of, oldest first, numbers dense. Only the last MaxHistory
// are kept.
type History []Epoch

// MaxHistory bounds a history.
const MaxHistory = 128

// Last is the current epoch.
func (h History) Last() Epoch {
	if len(h) == 0 {
		return Epoch{}
	}
	return h[len(h)-1]
}

// Find gives the epoch of a number.
func (h History) Find(number uint64) (Epoch, bool) {
	for _, e := range h {
		if e.Number == number {
			return e, true
		}
	}
	return Epoch{}, false
}

// With is the history with one more epoch.
func (h History) With(e Epoch) History {
	out := append(append(History(nil), h...), e)
	if len(out) > MaxHistory {
		out = out[len(out)-MaxHistory:]
	}
	return out
}

// Knows says whether the epoch of a number and identity is in the history.
func (h History) Knows(number uint64, id ID) bool {
	e, ok := h.Find(number)
	return ok && e.ID == id
}

// Contains says whether other is the beginning of h, or all of it, as far as both remember.
func (h History) Contains(other History) bool {
	last := other.Last()
	return h.Knows(last.Number, last.ID)
}

// Common gives the newest epoch that both histories have; the zero epoch if they share none.
func (h History) Common(other History) Epoch {
	for _, e := range slices.Backward(h) {
		if other.Knows(e.Number, e.ID) {
			return e
		}
	}
	return Epoch{}
}

func (h History) check() error {
	if len(h) == 0 || len(h) > MaxHistory {
		return fmt.Errorf("a history of %d epochs", len(h))
	}
	for i, e := range h {
		if e.Number == 0 || e.ID == (ID{}) || i > 0 && e.Number != h[i-1].Number+1 {
			return fmt.Errorf("epoch %d out of order", e.Number)
		}
		if len(e.Members) == 0 || len(e.Members) > MaxVolumes || repeated(e.Members) {
			return fmt.Errorf("epoch %d of %d members", e.Number, len(e.Members))
		}
	}
	return nil
}

// repeated says whether an identity is there twice, or is none.
func repeated(ids []ID) bool {
	for i, id := range ids {
		if id == (ID{}) || slices.Contains(ids[:i], id) {
			return true
		}
	}
	return false
}
