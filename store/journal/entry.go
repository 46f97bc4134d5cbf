package journal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"casemate/store/proof"
)

// Type and version of the entries this package reads and writes.
const (
	EntryTyp = "casemate/journal-entry"
	EntryV   = "1"
)

// Results an entry may tell.
const (
	Intent    = "intent"    // about to be done; a later entry tells the end
	Done      = "done"      //
	Refused   = "refused"   // not allowed, or not acceptable
	Failed    = "failed"    // tried, and did not succeed
	Abandoned = "abandoned" // an intent that a crash cut off
)

// Actor is who acted: a certificate by issuer key and serial, and the address
// it came from. All empty but the name when the safe itself acts.
type Actor struct {
	Name   string `json:"name"`
	Issuer string `json:"issuer"`
	Serial string `json:"serial"`
	From   string `json:"from"`
}

// Draft is an entry before it has a number and a place in the chain.
type Draft struct {
	At     time.Time // UTC, cut to milliseconds
	Actor  Actor
	Act    string
	Vault  string // text form of its identifier, or empty
	Object string // text form of a document's identifier, or what the act says
	Result string // Intent, Done, Refused, Failed or Abandoned
	Reason string
	Refs   map[string]string // digests and numbers the act refers to
}

// Entry is one line of the journal.
type Entry struct {
	Seq uint64 // from 0, dense; also the index of its leaf
	At  time.Time

	Actor                              Actor
	Act, Vault, Object, Result, Reason string
	Refs                               map[string]string

	Prev [32]byte // leaf hash of the entry before; zero for the first
}

// entryWire is the RFC 8785 form, its names in that order; integers are decimal strings.
type entryWire struct {
	Act    string            `json:"act"`
	Actor  actorWire         `json:"actor"`
	At     string            `json:"at"`
	Object string            `json:"object"`
	Prev   string            `json:"prev"`
	Reason string            `json:"reason"`
	Refs   map[string]string `json:"refs"`
	Result string            `json:"result"`
	Seq    uint64            `json:"seq,string"`
	Typ    string            `json:"typ"`
	V      string            `json:"v"`
	Vault  string            `json:"vault"`
}

type actorWire struct {
	From   string `json:"from"`
	Issuer string `json:"issuer"`
	Name   string `json:"name"`
	Serial string `json:"serial"`
}

// marshal writes the entry's only byte form.
func (e Entry) marshal() ([]byte, error) {
	if err := e.validate(); err != nil {
		return nil, err
	}
	w := entryWire{Typ: EntryTyp, V: EntryV, Seq: e.Seq, At: proof.FormatTime(e.At), Act: e.Act, Vault: e.Vault, Object: e.Object,
		Actor:  actorWire{From: e.Actor.From, Issuer: e.Actor.Issuer, Name: e.Actor.Name, Serial: e.Actor.Serial},
		Result: e.Result, Reason: e.Reason, Refs: e.Refs, Prev: hex.EncodeToString(e.Prev[:])}
	if w.Refs == nil {
		w.Refs = map[string]string{}
	}
	b, err := proof.Canonical(w)
	if err != nil {
		return nil, err
	}
	if len(b) > MaxEntry {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrInvalid, len(b), MaxEntry)
	}
	return b, nil
}

// ParseEntry reads one entry; it accepts exactly what the journal writes.
func ParseEntry(b []byte) (Entry, error) {
	var w entryWire
	if len(b) > MaxEntry {
		return Entry{}, fmt.Errorf("reading journal entry: %w: %d bytes", ErrInvalid, len(b))
	}
	// Read leniently, then written again and compared: every other spelling shows.
	if err := json.Unmarshal(b, &w); err != nil {
		return Entry{}, fmt.Errorf("reading journal entry: %w: %w", ErrInvalid, err)
	}
	if w.Typ != EntryTyp || w.V != EntryV {
		return Entry{}, fmt.Errorf("reading journal entry: %w: type %q version %q", ErrInvalid, w.Typ, w.V)
	}
	at, err := proof.ParseTime(w.At)
	if err != nil {
		return Entry{}, fmt.Errorf("reading journal entry: %w", err)
	}
	prev, err := proof.ParseHex32(w.Prev)
	if err != nil {
		return Entry{}, fmt.Errorf("reading journal entry: %w", err)
	}
	e := Entry{Seq: w.Seq, At: at, Actor: Actor{Name: w.Actor.Name, Issuer: w.Actor.Issuer, Serial: w.Actor.Serial, From: w.Actor.From}, Act: w.Act, Vault: w.Vault, Object: w.Object,
		Result: w.Result, Reason: w.Reason, Refs: w.Refs, Prev: prev}
	again, err := e.marshal()
	if err != nil {
		return Entry{}, fmt.Errorf("reading journal entry: %w", err)
	}
	if !bytes.Equal(again, b) {
		return Entry{}, fmt.Errorf("reading journal entry: %w: not in canonical form", ErrInvalid)
	}
	return e, nil
}

func (e Entry) validate() error {
	switch e.Result {
	case Intent, Done, Refused, Failed, Abandoned:
	default:
		return fmt.Errorf("%w: result %q", ErrInvalid, e.Result)
	}
	if e.Act == "" {
		return fmt.Errorf("%w: no act", ErrInvalid)
	}
	if y := e.At.UTC().Year(); y < 1970 || y > 9999 {
		return fmt.Errorf("%w: year %d", ErrInvalid, y)
	}
	return nil
}

// entry gives the draft its place. Text that is not UTF-8 (a refused name, say)
// is made so here: what is kept must have one reading.
func (d Draft) entry(seq uint64, prev [32]byte) Entry {
	clean := func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
	e := Entry{Seq: seq, At: d.At.UTC().Truncate(time.Millisecond),
		Actor: Actor{clean(d.Actor.Name), clean(d.Actor.Issuer), clean(d.Actor.Serial), clean(d.Actor.From)},
		Act:   clean(d.Act), Vault: clean(d.Vault), Object: clean(d.Object), Result: d.Result, Reason: clean(d.Reason), Prev: prev}
	if len(d.Refs) > 0 {
		e.Refs = make(map[string]string, len(d.Refs))
		for k, v := range d.Refs {
			e.Refs[clean(k)] = clean(v)
		}
	}
	return e
}
