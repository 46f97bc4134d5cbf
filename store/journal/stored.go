package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"casemate/store/proof"
)

// Stored is one entry as its record holds it: its leaf hash is right, its words are not read yet. It
// is for whoever walks many records page by page, and looks for a few.
type Stored struct {
	seq uint64
	record
}

// ParseStored reads the record of entry seq from its stored value; it checks shape and leaf hash, as
// Log.Entry does. The error is ErrBroken, wrapped.
func ParseStored(seq uint64, value []byte) (Stored, error) {
	r, err := parseRecord(seq, value)
	return Stored{seq: seq, record: r}, err
}

// Tells says whether the entry may be one of an act that came to a result. What is none of that act
// and result by this is none: in the one form of an entry (RFC 8785) the act comes first, and a quote
// within a text is escaped, so that the result's own name and value stand there. What may be one,
// Brief has the last word on.
func (s Stored) Tells(act, result string) bool {
	words := s.salted[proof.SaltSize:]
	a, _ := json.Marshal(act) // a text: cannot fail
	r, _ := json.Marshal(result)
	return bytes.HasPrefix(words, append([]byte(`{"act":`), a...)) && bytes.Contains(words, append([]byte(`"result":`), r...))
}

// Brief is what an entry tells, in short.
type Brief struct {
	Seq                        uint64
	At                         time.Time
	Act, Vault, Object, Result string
}

// Brief reads the entry without holding it against its one form, which takes twice as long as reading;
// its number is checked. The error is ErrBroken, wrapped.
func (s Stored) Brief() (Brief, error) {
	var w struct {
		Act    string `json:"act"`
		At     string `json:"at"`
		Object string `json:"object"`
		Result string `json:"result"`
		Seq    uint64 `json:"seq,string"`
		Vault  string `json:"vault"`
	}
	if err := json.Unmarshal(s.salted[proof.SaltSize:], &w); err != nil {
		return Brief{}, fmt.Errorf("record %d: %w: %w", s.seq, ErrBroken, err)
	}
	at, err := proof.ParseTime(w.At)
	if err != nil {
		return Brief{}, fmt.Errorf("record %d: %w: %w", s.seq, ErrBroken, err)
	}
	if w.Seq != s.seq {
		return Brief{}, fmt.Errorf("record %d: %w: it says %d", s.seq, ErrBroken, w.Seq)
	}
	return Brief{Seq: w.Seq, At: at, Act: w.Act, Vault: w.Vault, Object: w.Object, Result: w.Result}, nil
}
