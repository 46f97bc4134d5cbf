package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"casemate/raid"
	"casemate/store/identity"
	"casemate/store/journal"
	"casemate/store/proof"
	"casemate/store/seal"
)

// Document is a kept object as its readers see it: what was attested, and how far it is proved.
type Document struct {
	ID          proof.DocumentID
	Vault       proof.VaultID
	VaultName   string
	Number      uint64
	Attestation proof.Attestation
	Round       uint64    // the timestamp round that proves it; 0 while provisional
	ProvedAt    time.Time // the external authority's time; zero while provisional

	bytes int // of the attestation
}

// envelope is the stored record. What describes the document is sealed under the document's own
// key, so that it goes when the key goes; the rest is what the safe needs to find it.
type envelope struct {
	ID    proof.DocumentID `json:"id"`
	Leaf  uint64           `json:"leaf"` // journal index of the deposit's "done" entry
	Key   []byte           `json:"key"`  // document key under the group key
	Inner []byte           `json:"inner"`
}

// inner is the sealed part.
type inner struct {
	Attestation []byte   `json:"attestation"` // the bytes that were hashed and sealed
	Signature   []byte   `json:"signature"`   // CAdES, frozen
	Segments    []uint32 `json:"segments"`    // stored segments of each file, in order
}

// record is an opened record.
type record struct {
	vault       *vault
	number      uint64
	id          proof.DocumentID
	leaf        uint64
	key         [32]byte
	inner       inner
	attestation proof.Attestation
}

const recordPurpose = "casemate document record v1"

func documentAD(v proof.VaultID, d proof.DocumentID) [][]byte {
	return [][]byte{[]byte("casemate document key v1"), v[:], d[:]}
}

// segmentAD binds a run of segments to vault, document and file.
func segmentAD(v proof.VaultID, d proof.DocumentID, file uint16) []byte {
	ad := append([]byte("casemate segments v1"), v[:]...)
	return binary.BigEndian.AppendUint16(append(ad, d[:]...), file)
}

func (r *record) seal(kek [32]byte) ([]byte, error) {
	wrapped, err := seal.Wrap(kek, r.key, documentAD(r.vault.ID, r.id)...)
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(r.inner)
	if err != nil {
		return nil, err
	}
	sealed, err := seal.Encrypt(seal.DeriveKey(r.key, recordPurpose), plain, documentAD(r.vault.ID, r.id)...)
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope{ID: r.id, Leaf: r.leaf, Key: wrapped, Inner: sealed})
}

// place is the value under placeKey: vault ‖ number.
func place(v proof.VaultID, number uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(nil), v[:]...), number)
}

// locate finds where a document stands.
func (v view) locate(ctx context.Context, id proof.DocumentID) (*vault, uint64, error) {
	s := v.s
	value, err := v.get(ctx, placeKey(id))
	if errors.Is(err, raid.ErrNotFound) {
		return nil, 0, fmt.Errorf("document %s: %w", id, ErrUnknownDocument)
	}
	if err != nil {
		return nil, 0, s.readError("place of document "+id.String(), err)
	}
	var in proof.VaultID
	if len(value) != len(in)+8 {
		return nil, 0, fmt.Errorf("place of document %s: %w", id, ErrIntegrity)
	}
	copy(in[:], value)
	s.mu.RLock()
	vault, ok := s.byID[in]
	s.mu.RUnlock()
	if !ok {
		return nil, 0, fmt.Errorf("vault of document %s: %w", id, ErrIntegrity)
	}
	return vault, binary.BigEndian.Uint64(value[len(in):]), nil
}

// recordFor opens the record of a document for a caller. A document in a vault that he may not
// use is unknown to him, no more.
func (s *Safe) recordFor(ctx context.Context, who identity.Caller, id proof.DocumentID) (*record, error) {
	v, number, err := s.all().locate(ctx, id)
	if err != nil {
		return nil, err
	}
	if !v.opensTo(who) {
		return nil, fmt.Errorf("document %s: %w", id, ErrUnknownDocument)
	}
	return s.all().record(ctx, v, number)
}

// described is recordFor for what describes a document. Who may deposit and not read is shown what
// he deposited himself; the rest is unknown to him. Who oversees the safe is told that it is not for him.
func (s *Safe) described(ctx context.Context, who identity.Caller, id proof.DocumentID) (*record, error) {
	rec, err := s.recordFor(ctx, who, id)
	if err != nil {
		return nil, err
	}
	d := rec.attestation.Depositor
	if rec.vault.readableBy(who) || (d.Issuer == who.Issuer && d.Serial == who.Serial) {
		return rec, nil
	}
	if !who.Can(identity.RightDeposit) {
		return nil, fmt.Errorf("document %s: %w", id, rec.vault.mustRead(who))
	}
	return nil, fmt.Errorf("document %s: %w", id, ErrUnknownDocument)
}

func (v view) record(ctx context.Context, in *vault, number uint64) (*record, error) {
	raw, err := v.get(ctx, recordKey(in.ID, number))
	if err != nil {
		return nil, v.s.readError(fmt.Sprintf("record %d of vault %s", number, in.ID), err)
	}
	return v.s.openRecord(ctx, in, number, raw)
}

func (s *Safe) openRecord(ctx context.Context, v *vault, number uint64, raw []byte) (*record, error) {
	broken := func(err error) error {
		return fmt.Errorf("record %d of vault %s: %w: %w", number, v.ID, ErrIntegrity, err)
	}
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, broken(err)
	}
	kek, err := s.groupKeyOf(ctx, v, groupOf(number), false)
	if err != nil {
		return nil, err
	}
	r := &record{vault: v, number: number, id: e.ID, leaf: e.Leaf}
	if r.key, err = seal.Unwrap(kek, e.Key, documentAD(v.ID, e.ID)...); err != nil {
		return nil, broken(err)
	}
	plain, err := seal.Decrypt(seal.DeriveKey(r.key, recordPurpose), e.Inner, documentAD(v.ID, e.ID)...)
	if err != nil {
		return nil, broken(err)
	}
	if err := json.Unmarshal(plain, &r.inner); err != nil {
		return nil, broken(err)
	}
	if r.attestation, err = proof.ParseAttestation(r.inner.Attestation); err != nil {
		return nil, broken(err)
	}
	a := r.attestation
	if a.Document != e.ID || a.Vault != v.ID || a.Number != number || len(a.Files) != len(r.inner.Segments) {
		return nil, broken(errors.New("the attestation is of another document"))
	}
	if seal.Commitment(r.key) != a.KeyCommitment {
		return nil, broken(errors.New("the key is not the one attested"))
	}
	return r, nil
}

func groupOf(number uint64) uint32 { return uint32((number - 1) >> groupShift) } //nolint:gosec // 2^48 documents a vault

// fingerprintMAC is what equality of two documents of one vault looks like on disk.
func (s *Safe) fingerprintMAC(ctx context.Context, v *vault, d proof.Digests) ([]byte, error) {
	key, err := s.openVault(ctx, v)
	if err != nil {
		return nil, err
	}
	index := seal.DeriveKey(key, "casemate fingerprint index v1")
	mac := hmac.New(sha256.New, index[:])
	mac.Write(d.SHA256[:])
	mac.Write(d.SHA3[:])
	return mac.Sum(nil)[:16], nil
}

// readError sorts what a read of the mirror answered. Something that must be there and is not is
// an integrity failure, not an absence.
func (s *Safe) readError(what string, err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, raid.ErrNotFound), errors.Is(err, raid.ErrCorrupt), errors.Is(err, journal.ErrBroken):
		return fmt.Errorf("%s: %w: %w", what, ErrIntegrity, err)
	default:
		return fmt.Errorf("%s: %w: %w", what, ErrStorage, err)
	}
}
