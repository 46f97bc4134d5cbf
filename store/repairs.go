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
	// maxTouched is how many keys of one repair are followed to their documents.
	maxTouched = 256
	// repairsKept is how many repairs wait at most to be attested.
	repairsKept = 256
)

// repaired is a repair to be attested.
type repaired struct {
	volume, dir string
	values      int
	at          time.Time
	keys        [][]byte
}

// attest has a repair attested. mu is held.
func (t *teller) attest(r repaired) {
	if len(t.repairs) < repairsKept {
		t.repairs = append(t.repairs, r)
	}
}

// repairAttestation says that values of a volume were written again from another: RFC 8785 JSON,
// integers as decimal strings.
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
	Sequence uint64   `json:"sequence,string"` // last batch of the mirror then
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

func (s *Safe) attestRepair(ctx context.Context, r repaired) error {
	documents, followed := s.touchedBy(ctx, r.keys)
	a := repairAttestation{Typ: RepairTyp, V: ownV, Safe: s.origin, At: proof.FormatTime(r.at), Volume: r.volume, Dir: clip(r.dir),
		From: []string{}, Values: uint64(r.values), Followed: uint64(followed), Documents: []string{}} //nolint:gosec // counts
	status := s.mirror.Status()
	a.Sequence = status.Sequence
	for _, v := range status.Volumes {
		if v.ID != r.volume && v.State == raid.InSync {
			a.From = append(a.From, v.ID)
		}
	}
	for _, d := range documents {
		a.Documents = append(a.Documents, d.id.String())
	}
	body, err := proof.Canonical(a)
	if err != nil {
		return err
	}
	id, err := s.depositOwn(ctx, "repair-attestation.json", map[string]string{"type": RepairTyp}, body)
	if err != nil {
		return err
	}
	refs := map[string]string{"attestation": id.String(), "sha256": sha256Hex(body), "volume": r.volume}
	for _, d := range documents {
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
	for _, key := range keys[:min(len(keys), maxTouched)] {
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
