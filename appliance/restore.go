package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"casemate/appliance/backup"
	"casemate/hsm"
	"casemate/raid"
	"casemate/raid/volume"
	"casemate/store"
)

// ErrStillRunning refuses to restore under a safe that is open.
var ErrStillRunning = errors.New("the safe is running")

// RestoreOptions are the choices of verifying, restoring or drilling a backup.
type RestoreOptions struct {
	Dir        string
	Number     uint64        // 0: the newest
	Open       backup.Opener // nil: what needs the recovery key is not looked at
	To         []string      // folders of the new volumes; none: those of the configuration
	ConfigFile string
	Source     []string // as in BackupOptions
	Documents  int      // that a drill reads and proves
	Scratch    string   // where a drill restores; none: the system's folder for temporary files
	Progress   func(bytes, of int64)
	Digest     string // SHA-256 of the manifest, as the backup printed it and the journal has it; none: not compared
	Unproved   bool   // files are taken out although nothing proves that this safe made them
}

// chain opens the chain of backups that is meant.
func (o RestoreOptions) chain() (*backup.Chain, error) {
	chain, err := backup.OpenChain(o.Dir, o.Number)
	if err == nil && o.Digest != "" && !strings.EqualFold(o.Digest, chain.Digest()) {
		return nil, fmt.Errorf("%w: the SHA-256 of its manifest is %s", backup.ErrForeign, chain.Digest())
	}
	return chain, err
}

// RestoreBackup makes new volumes of a backup. Nothing is overwritten: the folders must be empty. Killed in
// the middle it leaves volumes that are never taken for the truth; the folders are emptied and it is begun again.
// The safe opens by itself only where nothing on record saw later batches; else two officers decide.
func RestoreBackup(ctx context.Context, cfg Config, log *slog.Logger, o RestoreOptions) (note store.Restored, err error) {
	if isRunning(cfg) {
		return note, ErrStillRunning
	}
	chain, err := o.chain()
	if err != nil {
		return note, err
	}
	m := chain.Last()
	if m.Origin != cfg.Origin {
		return note, fmt.Errorf("%w: it is of %q, the configuration says %q", backup.ErrForeign, m.Origin, cfg.Origin)
	}
	var key [32]byte
	if err := withToken(ctx, cfg, o.ConfigFile, log, func(token *hsm.Client, _ hsm.Info) error {
		key, err = chainKey(ctx, chain, o.Open, token)
		return err
	}); err != nil {
		return note, err
	}
	c := cfg.mirror(key, log)
	if len(o.To) > 0 {
		c.Dirs = o.To
	}
	note = store.Restored{Backup: m.ID, Number: m.Number, Sequence: m.Head.Sequence, Taken: m.At, Manifest: chain.Digest(),
		At: time.Now().UTC().Truncate(time.Second), By: whoami()} //nolint:forbidigo // the safe's own clock is closed with it
	leave, err := cfg.leaving(chain, o, c.Dirs, note, key)
	if err != nil {
		return note, err
	}
	if err := restoreTo(ctx, c, chain, o, leave); err != nil {
		return note, err
	}
	return note, cfg.giveRestored(c.Dirs)
}

// restoreTo makes volumes. What last does is done when all is written and proved complete, and before any of it
// counts.
func restoreTo(ctx context.Context, c raid.Config, chain *backup.Chain, o RestoreOptions, last func() error) error {
	in, err := chain.Contents(o.Open)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = raid.Restore(ctx, c, in.Point, func() (volume.Op, error) {
		op, err := in.Next()
		if errors.Is(err, io.EOF) {
			if err := last(); err != nil {
				return op, err
			}
		}
		return op, err
	})
	if err == nil && in.Skipped > 0 {
		c.Log.Warn("keys made again since this backup were left out: what they were made again for cannot be read", "keys", in.Skipped)
	}
	return err
}
