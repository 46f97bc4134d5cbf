package volume

import "fmt"

// Epoch is one membership of the mirror, from when it was declared until the next. It is written
// to every volume in it before a batch under it is acknowledged.
type Epoch struct {
	Number  uint64 `json:"number"` // from 1
	ID      ID     `json:"id"`     // random: two epochs of one number and different ID are a fork
	Members uint32 `json:"members"`
	// Base and Digest are the last batch every member of the epoch before had confirmed: what a
	// volume left behind holds beyond it was never acknowledged.
	Base   uint64 `json:"base"`
	Digest Digest `json:"digest"`
}

// Has says whether the volume with this index is a member.
func (e Epoch) Has(index int) bool { return e.Members&(1<<uint(index)) != 0 } // #nosec G115 -- below 32

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

// Contains says whether other is the beginning of h, or all of it, as far as both remember.
func (h History) Contains(other History) bool {
	last, ok := h.Find(other.Last().Number)
	return ok && last.ID == other.Last().ID
}

func (h History) check() error {
	if len(h) == 0 || len(h) > MaxHistory {
		return fmt.Errorf("a history of %d epochs", len(h))
	}
	for i, e := range h {
		if e.Number == 0 || e.Members == 0 || e.ID == (ID{}) || i > 0 && e.Number != h[i-1].Number+1 {
			return fmt.Errorf("epoch %d out of order", e.Number)
		}
	}
	return nil
}
