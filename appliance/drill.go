package appliance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"casemate/appliance/backup"
	"casemate/hsm"
	"casemate/raid"
	"casemate/store"
	"casemate/store/proof"
	"casemate/store/timestamp"
)

// DrillBackup proves that a backup restores: into a folder of its own, that goes afterwards. What was
// restored is opened without being served, compared with its manifest and with the journal of the safe, and
// documents chosen at random are read whole and proved. The safe journals the drill with its verdict. An
// error of the drill itself is store.ErrDrillFailed.
func DrillBackup(ctx context.Context, cfg Config, log *slog.Logger, o RestoreOptions) (d store.Drilled, err error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return d, err
	}
	err = withSafe(ctx, cfg, log, o.Source, func(s *running) error {
		end, err := s.drill(ctx, dir)
		if err != nil {
			return err
		}
		var held store.Held
		d, held, err = cfg.drill(ctx, log, o)
		if err != nil {
			d.Why = err.Error()
		}
		d.OK, d.At = err == nil, time.Now().UTC().Truncate(time.Second) //nolint:forbidigo // told to people
		return end(context.WithoutCancel(ctx), d, held)
	})
	return d, err
}

// drill restores, looks and takes away.
func (c Config) drill(ctx context.Context, log *slog.Logger, o RestoreOptions) (d store.Drilled, held store.Held, err error) {
	chain, err := o.chain()
	if err != nil {
		return d, held, err
	}
	d.Backup = chain.Last().ID
	scratch, done, err := scratchFolder(o.Scratch)
	if err != nil {
		return d, held, err
	}
	defer func() { err = errors.Join(err, done()) }()
	err = withToken(ctx, c, o.ConfigFile, log, func(token *hsm.Client, info hsm.Info) error {
		key, err := chainKey(ctx, chain, o.Open, token)
		if err != nil {
			return err
		}
		m := c.mirror(key, log)
		m.Dirs, m.StateDir, m.MinCopies = []string{filepath.Join(scratch, "volume")}, filepath.Join(scratch, "state"), 1
		if err := os.Mkdir(m.StateDir, 0o700); err != nil {
			return err
		}
		if err := restoreTo(ctx, m, chain, o, func() error { return nil }); err != nil {
			return err
		}
		found, err := c.inspect(ctx, m, token, info, log, o)
		d.Documents, held = found.Documents, found.Held
		if err == nil {
			err = judge(found, chain.Last())
		}
		return err
	})
	return d, held, err
}

const scratchName = "casemate-drill-"

// scratchFolder makes a folder for what a drill restores, and takes away those of drills that were killed: they
// hold the wrapped keys of everything, as it was then. A drill holds a lock on its own.
func scratchFolder(in string) (dir string, done func() error, err error) {
	if in == "" {
		in = os.TempDir()
	}
	left, err := filepath.Glob(filepath.Join(in, scratchName+"*"))
	if err != nil {
		return "", nil, err
	}
	for _, old := range left {
		lock, err := lockFolder(old)
		if err != nil {
			continue // another drill's, or another user's
		}
		err = os.RemoveAll(old)
		if err := errors.Join(err, lock.Close()); err != nil {
			return "", nil, err
		}
	}
	if dir, err = os.MkdirTemp(in, scratchName); err != nil {
		return "", nil, err
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return dir, func() error { return errors.Join(os.RemoveAll(dir), lock.Close()) }, nil
}

// lockFolder locks a folder of this user's own.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	err = unix.Fstat(int(f.Fd()), &st) // #nosec G115 -- a descriptor fits
	if err == nil && int(st.Uid) != os.Getuid() {
		err = os.ErrPermission
	}
	if err == nil {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) // #nosec G115 -- a descriptor fits
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// inspect opens what was restored and looks at it.
func (c Config) inspect(ctx context.Context, m raid.Config, token *hsm.Client, info hsm.Info, log *slog.Logger, o RestoreOptions) (found store.Inspection, err error) {
	mirror, err := raid.Open(ctx, m)
	if err != nil {
		return found, fmt.Errorf("opening what was restored: %w", err)
	}
	defer func() { err = errors.Join(err, mirror.Close()) }()
	t, err := c.trust(info)
	if err != nil {
		return found, err
	}
	return store.Inspect(ctx, store.Config{Origin: c.Origin, Demonstration: info.Demonstration, Mirror: mirror, Token: token, Clock: machineClock{},
		Interval: c.Timestamp.Interval, AlarmAfter: c.Timestamp.AlarmAfter, Trust: t.verify, TrustFiles: t.files, Log: log}, o.Documents, nil)
}

// judge holds what was found against what the manifest says.
func judge(found store.Inspection, m backup.Manifest) error {
	if len(found.Findings) > 0 {
		return fmt.Errorf("%w: %s", store.ErrDrillFailed, strings.Join(found.Findings[:min(3, len(found.Findings))], "; "))
	}
	if found.Held != m.Held {
		return fmt.Errorf("%w: it holds %d journal entries and %d documents, its manifest says %d and %d", store.ErrDrillFailed,
			found.Held.Entries, found.Held.Documents, m.Held.Entries, m.Held.Documents)
	}
	if m.Damaged > 0 {
		return fmt.Errorf("%w: %d values were damaged on every volume when it was taken", store.ErrDrillFailed, m.Damaged)
	}
	return nil
}

// machineClock is the machine's, for looking at what is restored: nothing is attested by it.
type machineClock struct{}

// Read gives the machine's time.
func (machineClock) Read() (timestamp.Reading, error) {
	return timestamp.Reading{Time: time.Now().UTC(), Clock: proof.Clock{}}, nil //nolint:forbidigo // see above
}

// Observe takes no notice.
func (machineClock) Observe(timestamp.Token) {}
