package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"casemate/hsm"
	"casemate/raid"
	"casemate/store/identity"
	"casemate/store/journal"
	"casemate/store/proof"
	"casemate/store/seal"
)

// Announced is what a depositor says of a file before sending it. A nil digest is not announced.
type Announced struct {
	Name   string
	SHA256 []byte
	SHA3   []byte
}

// DepositRequest comes before the bytes.
type DepositRequest struct {
	Vault     string
	Metadata  map[string]string
	Announced []Announced // by order of the files; may be shorter than they are
}

// Part is one file of the object as it arrives.
type Part struct {
	Name      string
	MediaType string // "" or application/octet-stream: identified from the content
	Body      io.Reader
}

// Deposit takes one object of one or more files and returns when it is sealed and on every
// in-sync volume. next gives the files in turn and io.EOF after the last.
//
// The walk, with what a crash leaves at each step:
//
//  1. the request is checked: nothing.
//  2. the bytes come in, are digested twice, enciphered and staged: ciphertext under a stage
//     record, invisible; swept at Open.
//  3. announced digests are compared; a mismatch takes the stage away: the same.
//  4. the clock is asked, the attestation assembled: the same.
//  5. the intent is journaled with the document's number, durable with the last staged bytes: the
//     sweep journals it abandoned.
//  6. the token seals: the same; the seal was never given to anyone.
//  7. record, indexes and journal entry are committed in one batch: the document exists.
//  8. a checkpoint over the committed tree is asked for: it will be after a restart too.
//
// Up to step 5 the caller may go away and nothing is kept. From there the work no longer depends
// on him: the document will exist whether or not he hears of it.
func (s *Safe) Deposit(ctx context.Context, who identity.Caller, req DepositRequest, next func() (Part, error)) (Document, error) {
	v, err := s.checkRequest(who, req)
	if err != nil {
		return Document{}, err
	}
	defer s.use()()
	in := s.newIntake(v)
	defer in.end()
	d, err := s.deposit(ctx, who, req, in, next)
	if err != nil {
		return Document{}, s.abort(ctx, who, in, d, err)
	}
	return d.document, nil
}

// deposition is what the later steps of a deposit know.
type deposition struct {
	intent   bool
	draft    journal.Draft
	request  hsm.SealRequest
	document Document
}

func (s *Safe) deposit(ctx context.Context, who identity.Caller, req DepositRequest, in *intake, next func() (Part, error)) (*deposition, error) {
	d := &deposition{}
	if err := s.receive(ctx, req, in, next); err != nil { // 2, 3
		return d, err
	}
	if err := s.attest(ctx, who, req, in, d); err != nil { // 4
		return d, err
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.intend(ctx, in, d); err != nil { // 5
		return d, err
	}
	signature, err := s.sealOne(ctx, d.request) // 6
	if err != nil {
		return d, err
	}
	if err := s.commit(ctx, in, d, signature); err != nil { // 7
		return d, err
	}
	return d, nil // 8: the ledger asks for a checkpoint
}

func (s *Safe) receive(ctx context.Context, req DepositRequest, in *intake, next func() (Part, error)) error {
	for {
		part, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && reasonOf(err) == internalReason { // the caller's form, in words of another floor
			err = fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if err != nil {
			return err
		}
		if len(in.files) == MaxFiles {
			return fmt.Errorf("more than %d: %w", MaxFiles, ErrTooManyFiles)
		}
		if err := checkFileName(part.Name); err != nil {
			return err
		}
		if err := in.file(ctx, part); err != nil {
			return err
		}
		if err := checkAnnounced(req, in.files[len(in.files)-1]); err != nil {
			return err
		}
	}
	if len(in.files) == 0 {
		return ErrEmptyObject
	}
	if len(req.Announced) > len(in.files) {
		return fmt.Errorf("%d files announced, %d received: %w", len(req.Announced), len(in.files), ErrIncomplete)
	}
	return in.settle(ctx)
}

// attest assembles what the token will seal, but for the number: the ledger gives it.
func (s *Safe) attest(ctx context.Context, who identity.Caller, req DepositRequest, in *intake, d *deposition) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	reading, err := s.sealingTime()
	if err != nil {
		return err
	}
	a := proof.Attestation{
		Typ: proof.AttestationTyp, V: proof.AttestationV,
		Safe: s.origin, Demonstration: s.demonstration,
		Document: in.id, Vault: in.vault.ID,
		Depositor:  proof.Party{Name: who.Name, Issuer: who.Issuer, Serial: who.Serial},
		Files:      in.files,
		Metadata:   req.Metadata,
		DeclaredAt: reading.Time.UTC().Truncate(time.Millisecond), Clock: reading.Clock,
		NotBefore:     s.lastExternal(),
		KeyCommitment: seal.Commitment(in.key),
		Fingerprint:   proof.ObjectDigests(in.files),
	}
	for _, f := range in.files {
		a.Size += f.Size
	}
	d.draft = s.draft(who, ActDeposit, in.vault.ID.String(), in.id.String(), journal.Intent, "")
	d.document = Document{ID: in.id, Vault: in.vault.ID, VaultName: in.vault.Name, Attestation: a}
	return nil
}

// numbered completes the attestation with the number that the ledger gives, and the intent with
// both. The ledger may come back with another number: the batch of the first was refused whole.
func (d *deposition) numbered(number uint64) (journal.Draft, error) {
	d.document.Number, d.document.Attestation.Number = number, number
	files := d.document.Attestation.Files
	bytes, err := d.document.Attestation.Marshal()
	if err != nil {
		return journal.Draft{}, fmt.Errorf("attestation: %w", err)
	}
	if len(bytes) > maxAttestation {
		return journal.Draft{}, fmt.Errorf("names and metadata of %d files come to %d bytes of attestation, at most %d: %w",
			len(files), len(bytes), maxAttestation, ErrTooManyFiles)
	}
	d.request = hsm.SealRequest{Attestation: bytes, Fingerprint: proof.Fingerprint(files)}
	d.draft.Refs = map[string]string{"attestation": hexDigest(bytes), "number": fmt.Sprint(number)}
	return d.draft, nil
}

// intend makes the intent durable, with the bytes that were not staged yet.
func (s *Safe) intend(ctx context.Context, in *intake, d *deposition) error {
	pending, weight := in.pending, in.weight
	in.pending, in.weight, in.staged = nil, 0, true
	_, err := s.post(ctx, posting{numbered: d.numbered, vault: in.vault, size: weight + 512*(len(pending)+1),
		ops: func(uint64) ([]raid.Op, error) {
			return append(pending, raid.Op{Key: stageKey(in.id, 0), Value: in.stage(d.document.Number).value()}), nil
		}})
	d.intent = err == nil
	return err
}

// commit makes the document exist: record, place, fingerprint and entry in one batch, which also
// takes the stage record away.
func (s *Safe) commit(ctx context.Context, in *intake, d *deposition, signature []byte) error {
	kek, err := s.groupKeyOf(ctx, in.vault, groupOf(d.document.Number), true)
	if err != nil {
		return err
	}
	mac, err := s.fingerprintMAC(ctx, in.vault, d.document.Attestation.Fingerprint)
	if err != nil {
		return err
	}
	r := &record{vault: in.vault, number: d.document.Number, id: in.id, key: in.key,
		inner: inner{Attestation: d.request.Attestation, Signature: signature, Segments: in.counts}}
	draft := d.draft
	draft.Result, draft.At = journal.Done, s.now()
	draft.Refs = map[string]string{"attestation": hexDigest(d.request.Attestation), "signature": hexDigest(signature)}
	_, err = s.post(ctx, posting{
		draft: draft, vault: in.vault, number: d.document.Number, documents: 1, bytes: uint64(d.document.Attestation.Size), //nolint:gosec // never negative
		size: 2*len(d.request.Attestation) + 2*len(signature),
		ops: func(index uint64) ([]raid.Op, error) {
			r.leaf = index
			value, err := r.seal(kek)
			return append(stageGone(in.id),
				raid.Op{Key: recordKey(in.vault.ID, d.document.Number), Value: value},
				raid.Op{Key: placeKey(in.id), Value: place(in.vault.ID, d.document.Number)},
				raid.Op{Key: fingerprintKey(in.vault.ID, mac, d.document.Number), Value: []byte{1}},
			), err
		}})
	return err
}

// abort undoes a deposit that did not come to its end and tells the journal why.
func (s *Safe) abort(ctx context.Context, who identity.Caller, in *intake, d *deposition, cause error) error {
	ctx = context.WithoutCancel(ctx)
	in.flights.wait()
	var gone func(uint64) ([]raid.Op, error)
	if in.staged && s.broken() == nil {
		if err := s.discard(in.id, in.counts); err != nil {
			s.slog.Warn("a stage could not be taken away; Open sweeps it", "document", in.id.String(), "error", err)
		} else {
			gone = func(uint64) ([]raid.Op, error) { return stageGone(in.id), nil }
		}
	}
	draft := d.draft
	if !d.intent {
		draft = s.draft(who, ActDeposit, in.vault.ID.String(), in.id.String(), "", "")
	}
	draft.Result, draft.Reason, draft.At = resultOf(cause), reasonOf(cause), s.now()
	if _, err := s.post(ctx, posting{draft: draft, ops: gone}); err != nil {
		s.slog.Error("a failed deposit could not be journaled", "document", in.id.String(), "error", err)
	}
	return cause
}

func hexDigest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
