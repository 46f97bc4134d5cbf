package appliance

import (
	"context"

	"casemate/appliance/backup"
	"casemate/raid/volume"
	"casemate/store"
	"casemate/store/identity"
)

// own is the identity of this safe's mirror, and the key of the manifests of its backups.
func (b *backups) own(ctx context.Context) (set volume.ID, macKey [32]byte, err error) {
	if err := set.UnmarshalText([]byte(b.a.mirror.Status().Set)); err != nil {
		return set, macKey, err
	}
	mirror, err := b.a.config.volumesKey(ctx, b.a.token)
	return set, backup.MACKey(mirror), err
}

// knows says what a manifest is to this safe.
func (b *backups) knows(ctx context.Context, text []byte) (backup.Standing, backup.Manifest, error) {
	set, macKey, err := b.own(ctx)
	if err != nil {
		return "", backup.Manifest{}, err
	}
	m, err := backup.ParseManifest(text)
	switch {
	case err != nil || m.Verify(macKey) != nil || m.Set != set:
		return backup.Foreign, m, nil
	}
	mine, ended, err := b.a.safe.HeardOf(ctx, m.ID, backup.Digest(text), m.Held)
	switch {
	case err != nil:
		return "", m, err
	case !mine:
		return backup.GivenUp, m, nil
	case ended:
		return backup.Known, m, nil
	}
	return backup.Orphan, m, nil
}

// adopt counts a backup whose command died between its manifest and its end, or that was taken while nothing could be
// written: the journal gets what it would have got, and what the next increment needs is kept.
func (b *backups) adopt(ctx context.Context, who identity.Caller, q backup.Request) error {
	if len(q.Orphan) == 0 {
		return nil
	}
	is, m, err := b.knows(ctx, q.Orphan)
	if err != nil || is != backup.Orphan {
		return err
	}
	return b.a.safe.Backup(ctx, who, q.Medium, func(context.Context) (store.BackedUp, error) {
		return store.BackedUp{ID: m.ID, Series: m.Series, Number: m.Number, Whole: m.Whole, At: m.At, Sequence: m.Head.Sequence,
			Entries: m.Held.Entries, Manifest: backup.Digest(q.Orphan), Found: true}, nil
	})
}
