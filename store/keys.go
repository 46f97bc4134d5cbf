package store

import (
	"encoding/binary"

	"casemate/raid"
	"casemate/store/proof"
)

// The key space of the mirror. A key is a type byte, then random identifiers and dense big-endian
// numbers: no name, no digest, nothing a person typed. 0x00 belongs to the mirror itself.
//
//	V vault                    vault record (wrapped key, name)
//	U vault                    tally: next number, documents, bytes
//	G vault group              group key, wrapped under the vault key
//	D vault number             document record
//	I document                 where the record of a document stands
//	F vault mac number         documents of a fingerprint
//	C document file segment    one segment of ciphertext
//	S document slot            stage: what a deposit not yet committed has written
//	J index                    journal entry
//	Q round                    span of a timestamp round (small)
//	R round                    the round: checkpoint, leaves, token
//	O index                    an act whose end is not journaled yet, by its intent
//	X name                     single values
const (
	typeVault       = 'V'
	typeTally       = 'U'
	typeGroup       = 'G'
	typeRecord      = 'D'
	typePlace       = 'I'
	typeFingerprint = 'F'
	typeSegment     = 'C'
	typeStage       = 'S'
	typeJournal     = 'J'
	typeSpan        = 'Q'
	typeRound       = 'R'
	typeOpen        = 'O'
	typeSingle      = 'X'
)

// groupShift makes a group of 65,536 numbers share one group key.
const groupShift = 16

func vaultKey(v proof.VaultID) []byte { return append([]byte{typeVault}, v[:]...) }

func tallyKey(v proof.VaultID) []byte { return append([]byte{typeTally}, v[:]...) }

func groupKey(v proof.VaultID, group uint32) []byte {
	return binary.BigEndian.AppendUint32(append([]byte{typeGroup}, v[:]...), group)
}

func recordKey(v proof.VaultID, number uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte{typeRecord}, v[:]...), number)
}

func placeKey(d proof.DocumentID) []byte { return append([]byte{typePlace}, d[:]...) }

func fingerprintPrefix(v proof.VaultID, mac []byte) []byte {
	return append(append([]byte{typeFingerprint}, v[:]...), mac...)
}

func fingerprintKey(v proof.VaultID, mac []byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64(fingerprintPrefix(v, mac), number)
}

func segmentKey(d proof.DocumentID, file uint16, segment uint32) []byte {
	k := binary.BigEndian.AppendUint16(append([]byte{typeSegment}, d[:]...), file)
	return binary.BigEndian.AppendUint32(k, segment)
}

// stageKey: two slots a document, one for each staged batch that may be under way.
func stageKey(d proof.DocumentID, slot int) []byte {
	return append(append([]byte{typeStage}, d[:]...), byte(slot)) //nolint:gosec // 0 or 1
}

// stageGone takes both slots away.
func stageGone(d proof.DocumentID) []raid.Op {
	return []raid.Op{{Key: stageKey(d, 0), Delete: true}, {Key: stageKey(d, 1), Delete: true}}
}

func journalKey(index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{typeJournal}, index)
}

func spanKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{typeSpan}, n) }

func roundKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{typeRound}, n) }

func openKey(intent uint64) []byte { return binary.BigEndian.AppendUint64([]byte{typeOpen}, intent) }

// openIndex reads what openKey writes.
func openIndex(key []byte) (uint64, bool) {
	if len(key) != 9 || key[0] != typeOpen {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[1:]), true
}

func singleKey(name string) []byte { return append([]byte{typeSingle}, name...) }
