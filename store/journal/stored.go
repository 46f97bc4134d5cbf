package journal

import (
	"bytes"
	"encoding/json"

	"casemate/store/proof"
)

// Stored is one entry as its record holds it: its leaf hash is right, its words are not read yet. It
// is for whoever walks many records page by page, and looks for a few.
type Stored struct {
	seq uint64
	record
}

// ParseStored reads the record of entry seq from its stored value; it checks shape and leaf hash, as
// Entry does. The error is ErrBroken, wrapped.
func ParseStored(seq uint64, value []byte) (Stored, error) {
	r, err := parseRecord(seq, value)
	return Stored{seq: seq, record: r}, err
}

// Tells says whether the entry may be one of an act that came to a result. What is none of that act
// and result by this is none: in the one form of an entry (RFC 8785) the act comes first, and a quote
// within a text is escaped, so that the result's own name and value stand there. What may be one,
// Entry has the last word on.
func (s Stored) Tells(act, result string) bool {
	words := s.salted[proof.SaltSize:]
	a, _ := json.Marshal(act) // a text: cannot fail
	r, _ := json.Marshal(result)
	return bytes.HasPrefix(words, append([]byte(`{"act":`), a...)) && bytes.Contains(words, append([]byte(`"result":`), r...))
}

// Entry reads the entry in full and checks its number. The error is ErrBroken, wrapped.
func (s Stored) Entry() (Entry, error) { return s.entry(s.seq) }
