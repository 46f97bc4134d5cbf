package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"casemate/raid"
	"casemate/store/seal"
)

// surveyVaultRecord demands that the vault's own record, its tally and its group keys are there, and that
// the token's wrapping of its key is the one in use.
func (y *survey) surveyVaultRecord(ctx context.Context, in *vault, snap vaultSnapshot) error {
	what := "vault " + in.ID.String()
	before := y.unrepaired()
	raw, err := y.read(ctx, vaultKey(in.ID))
	var r vaultRecord
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err == nil && (r.Name != in.Name || !bytes.Equal(r.Key, in.record)) {
		err = errors.New("its record is not the one in use")
	}
	if err == nil {
		err = y.checkTally(ctx, snap)
	}
	for group := uint32(0); err == nil && snap.Last > 0 && group <= groupOf(snap.Last); group++ {
		err = y.surveyGroup(ctx, in, group)
	}
	switch {
	case ctx.Err() != nil || y.gone():
		return errors.Join(ctx.Err(), errVolumeLeft)
	case errors.Is(err, ErrSealUnavailable):
		return err
	case err != nil && y.unrepaired() == before:
		y.find(what, CodeVault, "%v", err)
	}
	return nil
}

// checkTally reads a vault's tally. It may have grown since the survey began.
func (y *survey) checkTally(ctx context.Context, snap vaultSnapshot) error {
	raw, err := y.read(ctx, tallyKey(snap.ID))
	if err != nil {
		return err
	}
	var t tallyRecord
	if err := json.Unmarshal(raw, &t); err != nil {
		return fmt.Errorf("its tally: %w", err)
	}
	if t.Last < snap.Last || t.Documents < snap.Documents || t.Bytes < snap.Bytes {
		return fmt.Errorf("its tally says %d documents, there were %d", t.Documents, snap.Documents)
	}
	return nil
}

// surveyTally compares what was counted with the vault's tally and with the journal. Each document
// has an entry of its own, so equal numbers mean that none is missing; else each is looked for.
func (y *survey) surveyTally(ctx context.Context, in *vault, snap vaultSnapshot) error {
	if y.at.Documents != snap.Documents || y.at.Bytes != snap.Bytes {
		y.find("vault "+in.ID.String(), CodeVault, "its tally says %d documents and %d bytes, there are %d and %d",
			snap.Documents, snap.Bytes, y.at.Documents, y.at.Bytes)
	}
	told := y.facts.before(in.ID, snap.Size)
	if uint64(len(told)) == y.at.Documents {
		return nil
	}
	for _, d := range told {
		before := y.unrepaired()
		found, number, err := y.locate(ctx, d.id)
		var rec *record
		if err == nil {
			rec, err = y.record(ctx, found, number)
		}
		switch {
		case ctx.Err() != nil || y.gone():
			return errors.Join(ctx.Err(), errVolumeLeft)
		case y.unrepaired() > before:
		case err != nil || rec.id != d.id:
			y.find("document "+d.id.String(), CodeGone, "the journal says it was deposited; it is not there")
		}
	}
	return nil
}

// surveyGroup demands that a group key is on the volume and opens to the one in use.
func (y *survey) surveyGroup(ctx context.Context, in *vault, group uint32) error {
	at := groupKey(in.ID, group)
	wrapped, err := y.read(ctx, at)
	if errors.Is(err, raid.ErrNotFound) {
		return nil // no document of that group came to its end; else its record does not open
	}
	if err != nil {
		return err
	}
	kek, err := y.s.openVault(ctx, in)
	if err != nil {
		return err
	}
	key, err := seal.Unwrap(kek, wrapped, at)
	if err != nil {
		return fmt.Errorf("group key %d: %w: %w", group, ErrIntegrity, err)
	}
	if used, err := y.s.groupKeyOf(ctx, in, group, false); err != nil || used != key {
		return errors.Join(fmt.Errorf("group key %d is not the one in use: %w", group, ErrIntegrity), err)
	}
	return nil
}
