package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"casemate/raid"
	"casemate/store/journal"
	"casemate/store/proof"
)

const (
	// maxTouched is how many keys one attestation follows to their documents; further keys are followed
	// in further attestations.
	maxTouched = 256
	// maxKeys is how many keys of one repair are followed at all, sixteen attestations. A disk that lost
	// more in a minute had a repair of the whole: values beyond are counted, and their documents not named.
	maxKeys = 16 * maxTouched
	// repairsKept is how many attestations wait at most to be deposited.
	repairsKept = 256
	// repairV is the version of the attestation. Version 1 named the mirror's sequence and had no parts.
	repairV = "2"
)

// repaired is a repair to be attested, or the part of one that one attestation is about.
type repaired struct {
	volume, dir string
	values      int
	at          time.Time
	keys        [][]byte
	part, parts int

	// Composed once, by the goroutine that deposits: trying again deposits the same bytes, which are one
	// document, and goes on with the entries behind those that were written.
	body      []byte
	documents []touched
	told      int
}

// split makes the parts of a repair that are attested one by one. The values of the parts add up to
// those of the repair; what is not followed counts with the last.
func (r repaired) split() (list []*repaired) {
	keys, left := r.keys, r.values
	r.parts = max(1, (len(keys)+maxTouched-1)/maxTouched)
	for r.part = 1; r.part <= r.parts; r.part++ {
		one := r
		one.keys = keys[:min(len(keys), maxTouched)]
		keys = keys[len(one.keys):]
		one.values = min(left, len(one.keys))
		if r.part == r.parts {
			one.values = left
		}
		left -= one.values
		list = append(list, &one)
	}
	return list
}

// attest has a repair attested, as far as there is room for it to wait; it gives the values of what
// there was no room for. mu is held.
func (t *teller) attest(r repaired) (dropped int) {
	for _, one := range r.split() {
		if len(t.repairs) < repairsKept {
			t.repairs = append(t.repairs, one)
		} else {
			dropped += one.values
		}
	}
	return dropped
}

// repairAttestation says that values of a volume were written again from another: RFC 8785 JSON,
// integers as decimal strings. It is a function of the repair alone, whenever it is deposited.
type repairAttestation struct {
	Typ      string   `json:"typ"`
	V        string   `json:"v"`
	Safe     string   `json:"safe"`
	At       string   `json:"at"`
	Volume   string   `json:"volume"` // identity of the one repaired
	Dir      string   `json:"dir"`
	From     []string `json:"from"` // identities of those that had the values whole
	Values   uint64   `json:"values,string"`
	Followed uint64   `json:"followed,string"` // of these, whose documents were looked up
	Part     uint64   `json:"part,string"`     // of the attestations of this repair
	Parts    uint64   `json:"parts,string"`
	// Documents are those that the values belong to, by identifier.
	Documents []string `json:"documents"`
}

// attestRepairs deposits an attestation for each repair told of, and tells the life of each document
// that one touched. What cannot be done now is tried again with the next tick; a crash in between
// leaves the journal's entry of the repair, without its attestation.
func (s *Safe) attestRepairs(ctx context.Context) {
	t := s.teller
	for {
		t.mu.Lock()
		if len(t.repairs) == 0 {
			t.mu.Unlock()
			return
		}
		r := t.repairs[0]
		t.mu.Unlock()
		err := s.attestRepair(ctx, r)
		if err != nil && (errors.Is(err, ErrStorage) || errors.Is(err, ErrSealUnavailable) || errors.Is(err, ErrTimeUntrusted) || ctx.Err() != nil) {
			return
		}
		if err != nil {
			s.slog.Error("a repair could not be attested", "volume", r.dir, "error", err)
		}
		t.mu.Lock()
		t.repairs = t.repairs[1:]
		t.mu.Unlock()
	}
}

// touched is a document that a repair touched.
type touched struct {
	id     proof.DocumentID
	vault  *vault
	values int
}

func (s *Safe) attestRepair(ctx context.Context, r *repaired) error {
	if r.body == nil {
		if err := s.composeRepair(ctx, r); err != nil {
			return err
		}
	}
	id, err := s.depositOwn(ctx, "repair-attestation.json", map[string]string{"type": RepairTyp}, r.body)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // an entry given up while it is being written would be written twice
	refs := map[string]string{"attestation": id.String(), "sha256": sha256Hex(r.body), "volume": r.volume}
	for ; r.told < len(r.documents); r.told++ {
		d := r.documents[r.told]
		draft := s.draft(self, "repair", d.vault.ID.String(), d.id.String(), journal.Done, "")
		draft.Refs = withRef(refs, "values", d.values)
		if _, err := s.post(ctx, posting{draft: draft}); err != nil {
			return err
		}
	}
	draft := s.draft(self, "repair-attested", "", r.volume, journal.Done, "")
	draft.Refs = withRef(refs, "values", r.values)
	_, err = s.post(ctx, posting{draft: draft})
	return err
}

// composeRepair writes the attestation.
func (s *Safe) composeRepair(ctx context.Context, r *repaired) (err error) {
	documents, followed := s.touchedBy(ctx, r.keys)
	if err := ctx.Err(); err != nil {
		return err // what was cut short is no answer
	}
	a := repairAttestation{Typ: RepairTyp, V: repairV, Safe: s.origin, At: proof.FormatTime(r.at), Volume: r.volume, Dir: clip(r.dir),
		From: []string{}, Values: uint64(r.values), Followed: uint64(followed), //nolint:gosec // counts
		Part: uint64(r.part), Parts: uint64(r.parts), Documents: []string{}} //nolint:gosec // counts
	for _, v := range s.mirror.Status().Volumes {
		if v.ID != r.volume && v.State == raid.InSync {
			a.From = append(a.From, v.ID)
		}
	}
	for _, d := range documents {
		a.Documents = append(a.Documents, d.id.String())
	}
	r.documents = documents
	r.body, err = proof.Canonical(a)
	return err
}

func withRef(refs map[string]string, name string, n int) map[string]string {
	out := map[string]string{name: fmt.Sprint(n)}
	for k, v := range refs {
		out[k] = v
	}
	return out
}

// touchedBy finds the documents that keys belong to, in the order they were met, and says how many
// keys were followed. The safe's own reports count as any other.
func (s *Safe) touchedBy(ctx context.Context, keys [][]byte) (list []touched, followed int) {
	all := s.all()
	for _, key := range keys {
		followed++
		id, in, ok := all.documentOf(ctx, key)
		if !ok {
			continue
		}
		if at := slices.IndexFunc(list, func(t touched) bool { return t.id == id }); at >= 0 {
			list[at].values++
		} else {
			list = append(list, touched{id, in, 1})
		}
	}
	return list, followed
}
