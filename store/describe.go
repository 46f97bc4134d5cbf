package store

import (
	"context"
	"encoding/binary"
	"fmt"

	"casemate/store/journal"
	"casemate/store/proof"
)

// describeKey says in words what a key of the mirror stands for, by identifiers alone: the thing, and
// which part of it.
func describeKey(key []byte) (what, part string) {
	var id [16]byte
	tail := []byte(nil)
	if len(key) > len(id) {
		copy(id[:], key[1:])
		tail = key[1+len(id):]
	}
	document, in := "document "+proof.DocumentID(id).String(), "vault "+proof.VaultID(id).String()
	switch {
	case len(key) == 0:
		return "a value", "it"
	case key[0] == typeVault:
		return in, "its record"
	case key[0] == typeTally:
		return in, "its tally"
	case key[0] == typeGroup:
		return in, "a group key"
	case key[0] == typeRecord && len(tail) == 8:
		return fmt.Sprintf("record %d of %s", binary.BigEndian.Uint64(tail), in), "it"
	case key[0] == typeFingerprint:
		return in, "an entry of its index of fingerprints"
	case key[0] == typePlace:
		return document, "its place"
	case key[0] == typeStage:
		return document, "a record of its reception"
	case key[0] == typeSegment && len(tail) == 6:
		return document, fmt.Sprintf("segment %d of file %d", binary.BigEndian.Uint32(tail[2:]), binary.BigEndian.Uint16(tail))
	case key[0] == typeJournal && len(key) == 9:
		return fmt.Sprintf("journal entry %d", binary.BigEndian.Uint64(key[1:])), "it"
	case (key[0] == typeSpan || key[0] == typeRound) && len(key) == 9:
		return fmt.Sprintf("round %d", binary.BigEndian.Uint64(key[1:])), "it"
	case key[0] == typeOpen && len(key) == 9:
		return fmt.Sprintf("the act of journal entry %d", binary.BigEndian.Uint64(key[1:])), "its mark"
	case key[0] == 0:
		return "the mirror's own record", "it"
	default:
		return "a value", "it"
	}
}

// documentOf finds the document that a key belongs to, if it belongs to one.
func (v view) documentOf(ctx context.Context, key []byte) (id proof.DocumentID, in *vault, ok bool) {
	const word = 16
	switch {
	case len(key) < 1+8:
		return id, nil, false
	case key[0] == typeSegment || key[0] == typePlace:
		if len(key) < 1+word {
			return id, nil, false
		}
		copy(id[:], key[1:])
		in, _, err := v.locate(ctx, id)
		return id, in, err == nil
	case key[0] == typeRecord || key[0] == typeFingerprint:
		if len(key) < 1+word+8 {
			return id, nil, false
		}
		in := v.s.vaultOf(proof.VaultID(key[1 : 1+word]))
		if in == nil {
			return id, nil, false
		}
		rec, err := v.record(ctx, in, binary.BigEndian.Uint64(key[len(key)-8:]))
		if err != nil {
			return id, nil, false
		}
		return rec.id, in, true
	case key[0] == typeJournal:
		e, _, err := v.log.Entry(ctx, binary.BigEndian.Uint64(key[1:]))
		if err != nil || e.Act != ActDeposit || e.Result != journal.Done {
			return id, nil, false
		}
		id, err := proof.ParseDocumentID(e.Object)
		if err != nil {
			return id, nil, false
		}
		in, _, err := v.locate(ctx, id)
		return id, in, err == nil
	default:
		return id, nil, false
	}
}

func (s *Safe) vaultOf(id proof.VaultID) *vault {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[id]
}
