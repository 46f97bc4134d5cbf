package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"casemate/raid"
	"casemate/store/proof"
)

// surveyDocuments goes through the vaults, and in each through its numbers: they are dense, so that
// what is missing shows as a gap.
func (y *survey) surveyDocuments(ctx context.Context) error {
	if y.facts.upTo < y.snap.size { // taken up in this phase, or the end could not be read
		if err := y.recall(ctx, y.snap.size); err != nil {
			return err
		}
	}
	for _, snap := range y.snap.vaults {
		switch order := slices.Compare(snap.ID[:], y.at.Vault[:]); {
		case order < 0:
			continue // done before the survey was taken up
		case order == 0 && y.at.Within.ID == snap.ID:
			snap = y.at.Within // judged by what it held when its reading began
		default:
			y.at = position{Phase: phaseDocuments, Vault: snap.ID, Within: snap}
		}
		if err := y.surveyVault(ctx, y.s.vaultOf(snap.ID), snap); err != nil {
			return err
		}
	}
	return nil
}

func (y *survey) surveyVault(ctx context.Context, in *vault, snap vaultSnapshot) error {
	if in == nil {
		return nil
	}
	if err := y.surveyVaultRecord(ctx, in, snap); err != nil {
		return err
	}
	for n := y.at.Number + 1; n <= snap.Last; n++ {
		if err := y.surveyNumber(ctx, in, n, snap); err != nil {
			return err
		}
		y.at.Number = n
		if err := y.stepped(ctx); err != nil {
			return err
		}
	}
	return y.surveyTally(ctx, in, snap)
}

// surveyNumber controls the document of a number, or demands that the journal says why there is none.
func (y *survey) surveyNumber(ctx context.Context, in *vault, number uint64, snap vaultSnapshot) error {
	what := fmt.Sprintf("number %d of vault %s", number, in.ID)
	before := y.unrepaired()
	rec, err := y.record(ctx, in, number)
	switch {
	case ctx.Err() != nil || y.gone():
		return errors.Join(ctx.Err(), errVolumeLeft)
	case errors.Is(err, ErrSealUnavailable):
		return err // the vault's key: the token will be back
	case err == nil && rec.leaf >= snap.Size:
		return nil // committed since
	case err == nil:
		return y.surveyDocument(ctx, rec)
	case y.unrepaired() > before: // told as a value
	case errors.Is(err, raid.ErrNotFound):
		if !y.facts.explains(in.ID, number) {
			y.find(what, CodeGap, "it is missing and the journal does not say why")
		}
	case errors.Is(err, ErrIntegrity):
		y.find(fmt.Sprintf("record %d of vault %s", number, in.ID), CodeRecord, "%v", err)
	default:
		return err
	}
	return nil
}

// surveyDocument controls one document: that the journal tells of it, that it proves itself from this
// volume alone, that its indexes lead to it.
func (y *survey) surveyDocument(ctx context.Context, rec *record) error {
	what := "document " + rec.id.String()
	if !y.facts.tells(rec.vault.ID, rec.leaf, rec.id) {
		y.find(what, CodeStranger, "the journal does not tell of its deposit")
	}
	if y.pace != nil {
		if err := y.pace(ctx, proofCost); err != nil {
			return err
		}
	}
	before := y.unrepaired()
	steps, _, err := y.prove(ctx, rec)
	if ctx.Err() != nil || y.gone() {
		return errors.Join(ctx.Err(), errVolumeLeft)
	}
	if err != nil {
		return err
	}
	if failed := firstFailed(steps); failed != nil {
		mended := y.repair && y.twin && y.repairDocument(ctx, rec)
		switch {
		case mended:
			y.foundAndMended(what, failed)
		case y.unrepaired() == before: // else told as a value
			y.find(what, CodeProof, "%s: %s", failed.Name, failed.Detail)
		}
	}
	if err := y.surveyIndexes(ctx, rec); err != nil {
		return err
	}
	if ctx.Err() != nil || y.gone() {
		return errors.Join(ctx.Err(), errVolumeLeft)
	}
	// Counted once all of it is controlled: who is cut off before takes it up from its beginning.
	size := uint64(rec.attestation.Size) //nolint:gosec // validated: never negative
	y.at.Documents, y.at.Bytes = y.at.Documents+1, y.at.Bytes+size
	y.mine.Documents, y.mine.Bytes = y.mine.Documents+1, y.mine.Bytes+size
	return nil
}

func firstFailed(steps []Step) *Step {
	for i := range steps {
		if !steps[i].OK {
			return &steps[i]
		}
	}
	return nil
}

// repairDocument has every value of a document compared with the twin's, for its control ends at the
// first that is bad, and values may be authentic and yet older ones; then it controls the document
// again.
func (y *survey) repairDocument(ctx context.Context, rec *record) bool {
	keys := [][]byte{recordKey(rec.vault.ID, rec.number), placeKey(rec.id), journalKey(rec.leaf)}
	for f, n := range rec.inner.Segments {
		for i := range n {
			keys = append(keys, segmentKey(rec.id, uint16(f+1), i)) //nolint:gosec // MaxFiles
		}
	}
	for batch := range slices.Chunk(keys, 256) {
		if _, err := y.s.mirror.Repair(ctx, y.slot, batch...); err != nil {
			y.s.slog.Warn("a document could not be repaired", "document", rec.id.String(), "error", err)
			return false
		}
	}
	again, err := y.record(ctx, rec.vault, rec.number)
	if err != nil {
		return false
	}
	steps, _, err := y.prove(ctx, again)
	return err == nil && firstFailed(steps) == nil
}

func (y *survey) foundAndMended(what string, failed *Step) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.mine.Repaired++
	y.note(Finding{What: what, Code: CodeProof, Detail: failed.Name + ": " + failed.Detail, Repaired: true})
}

// surveyIndexes demands that the document is found by its identifier and by its fingerprint.
func (y *survey) surveyIndexes(ctx context.Context, rec *record) error {
	what := "document " + rec.id.String()
	before := y.unrepaired()
	in, number, err := y.locate(ctx, rec.id)
	if y.unrepaired() == before && !y.gone() && ctx.Err() == nil && (err != nil || in != rec.vault || number != rec.number) {
		y.find(what, CodeIndex, "its place is not where it stands")
	}
	mac, err := y.s.fingerprintMAC(ctx, rec.vault, proof.ObjectDigests(rec.attestation.Files))
	if err != nil {
		return err
	}
	before = y.unrepaired()
	if _, err := y.read(ctx, fingerprintKey(rec.vault.ID, mac, rec.number)); err != nil && y.unrepaired() == before && !y.gone() && ctx.Err() == nil {
		y.find(what, CodeIndex, "it is missing from the index of fingerprints")
	}
	return nil
}
