package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"casemate/store/evidence"
	"casemate/store/identity"
	"casemate/store/journal"
	"casemate/store/proof"
)

// Receipt derives the receipt of a document from what was committed: the same bytes each time,
// until its round comes (provisional before) and then for ever. attached carries the original
// bytes too and is for readers. write may be called once; it streams in constant memory.
func (s *Safe) Receipt(ctx context.Context, who identity.Caller, id proof.DocumentID, attached bool) (name string, write func(io.Writer) error, err error) {
	rec, err := s.described(ctx, who, id)
	if err != nil {
		return "", nil, err
	}
	if attached && !rec.vault.readableBy(who) {
		return "", nil, fmt.Errorf("%w: it takes a caller who may read to get the document's bytes", identity.ErrForbidden)
	}
	receipt, err := s.all().receiptOf(ctx, rec)
	if err != nil {
		return "", nil, err
	}
	act := "receipt"
	if attached {
		act = "receipt-attached"
	}
	if _, err := s.post(ctx, posting{draft: s.draft(who, act, rec.vault.ID.String(), id.String(), journal.Done, "")}); err != nil {
		return "", nil, err
	}
	var open func(proof.File) (io.ReadCloser, error)
	if attached {
		open = func(f proof.File) (io.ReadCloser, error) {
			r, err := s.all().openFile(ctx, rec, f)
			if err != nil {
				return nil, err
			}
			return r, nil
		}
	}
	return id.String() + ".asice", func(w io.Writer) error {
		return proof.WriteReceipt(w, receipt, rec.attestation.Files, open)
	}, nil
}

// receiptOf assembles the receipt's own files. Before the round: attestation, fingerprint,
// manifest and seal. After: the inclusion proof and the evidence record too.
func (v view) receiptOf(ctx context.Context, rec *record) (proof.Receipt, error) {
	s := v.s
	base := s.sealedParts(rec)
	base.VerifyScript, base.Trust = s.verifyScript, s.trustFiles
	sp, ok, err := v.roundOf(ctx, rec.leaf)
	if err != nil {
		return base, err
	}
	newest := v.newest().Number
	if ok {
		newest = sp.Number
	}
	if base.NotBefore, err = v.tokenBefore(ctx, rec.attestation.NotBefore, newest); err != nil || !ok {
		return base, err
	}
	r, err := v.round(ctx, sp.Number)
	if err != nil {
		return base, err
	}
	c, err := r.checkpoint(s.vkey)
	if err != nil {
		return base, fmt.Errorf("checkpoint of round %d: %w: %w", r.Number, ErrIntegrity, err)
	}
	whole, group, err := v.evidenceGroup(ctx, rec, r.Note, c.Size)
	if err != nil {
		return base, err
	}
	path, err := r.path(rec.leaf, evidence.GroupHash(group))
	if err != nil {
		return base, err
	}
	if whole.Evidence, err = evidence.NewRecord(group, path, r.Token); err != nil {
		return base, err
	}
	whole.EvidenceManifest = proof.EvidenceManifest(evidenceEntries(rec, whole))
	whole.VerifyScript, whole.Trust, whole.NotBefore = base.VerifyScript, base.Trust, base.NotBefore
	return whole, nil
}

// tokenBefore finds the token that an attestation names as the last one known when it was sealed: it
// is of the round before the document's own or little earlier. An outsider can then see for himself
// that the document was sealed after it.
func (v view) tokenBefore(ctx context.Context, named *proof.External, newest uint64) ([]byte, error) {
	if named == nil {
		return nil, nil
	}
	const near = 8 // rounds made while one deposit was under way
	for n := newest; n > 0 && n+near > newest; n-- {
		sp, err := v.span(ctx, n)
		if err != nil {
			return nil, err
		}
		if sp.Digest == named.Token {
			r, err := v.round(ctx, n)
			if err != nil {
				return nil, err
			}
			return r.Token, nil
		}
	}
	return nil, nil // the receipt then says only what the safe states
}

func (s *Safe) sealedParts(rec *record) proof.Receipt {
	fingerprint := proof.Fingerprint(rec.attestation.Files)
	return proof.Receipt{
		Attestation: rec.inner.Attestation,
		Fingerprint: fingerprint,
		Manifest:    proof.SignatureManifest(sha256.Sum256(rec.inner.Attestation), sha256.Sum256(fingerprint)),
		Signature:   rec.inner.Signature,
	}
}

// evidenceGroup gives the data group of a document (RFC 4998 clause 4.2): every file, and
// everything of the receipt that an evidence record must be able to rescue by itself.
func (v view) evidenceGroup(ctx context.Context, rec *record, note []byte, size uint64) (proof.Receipt, [][32]byte, error) {
	s := v.s
	receipt := s.sealedParts(rec)
	_, leaf, err := v.log.Entry(ctx, rec.leaf)
	if err != nil {
		return receipt, nil, s.readError(fmt.Sprintf("journal entry %d", rec.leaf), err)
	}
	hashes, err := v.log.Inclusion(ctx, rec.leaf, size)
	if err != nil {
		return receipt, nil, s.readError(fmt.Sprintf("inclusion of entry %d", rec.leaf), err)
	}
	receipt.Inclusion = proof.InclusionProof{Extra: leaf, Index: rec.leaf, Hashes: hashes, Note: note}.Marshal()
	group := make([][32]byte, 0, len(rec.attestation.Files)+5)
	for _, f := range rec.attestation.Files {
		group = append(group, f.Digests.SHA256)
	}
	for _, part := range [][]byte{receipt.Attestation, receipt.Fingerprint, receipt.Manifest, receipt.Signature, receipt.Inclusion} {
		group = append(group, sha256.Sum256(part))
	}
	return receipt, group, nil
}

func evidenceEntries(rec *record, r proof.Receipt) []proof.ManifestEntry {
	var list []proof.ManifestEntry
	for _, f := range rec.attestation.Files {
		list = append(list, proof.ManifestEntry{Name: proof.DocumentName(f.Index, f.Name), SHA256: f.Digests.SHA256, MediaType: f.MediaType})
	}
	add := func(name, media string, b []byte) {
		list = append(list, proof.ManifestEntry{Name: name, SHA256: sha256.Sum256(b), MediaType: media})
	}
	add(proof.NameAttestation, "application/json", r.Attestation)
	add(proof.NameFingerprint, "text/plain", r.Fingerprint)
	add(proof.NameManifest, "text/xml", r.Manifest)
	add(proof.NameSignature, "application/pkcs7-signature", r.Signature)
	add(proof.NameInclusion, "text/plain", r.Inclusion)
	return list
}
