package appliance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"casemate/raid"
)

// BenchRaidOptions are the choices of one run over the mirror.
type BenchRaidOptions struct {
	BenchOptions
	Dirs [2]string // an empty folder on each of two file systems
	Grow []int     // numbers of documents at which opening, scrub and memory are measured
	Load int64     // bytes of documents for the resilver and the scrub

	Turns int // how often each case and its raw limit are measured by turns, at least
}

// BenchRaid measures the mirror on two file systems beside what the two do without it: writes, one
// volume missing, a volume filled anew, a scrub, and what depositors feel of both. Nothing is asserted.
func BenchRaid(ctx context.Context, opt BenchRaidOptions) error {
	for _, dir := range opt.Dirs {
		list, err := os.ReadDir(dir)
		list = slices.DeleteFunc(list, func(e os.DirEntry) bool { return e.Name() == "lost+found" })
		if err != nil || len(list) > 0 {
			return errors.Join(fmt.Errorf("%s: %w", dir, ErrNotEmpty), err)
		}
	}
	opt.Dir = filepath.Join(opt.Dirs[0], "safe")
	if err := os.Mkdir(opt.Dir, 0o700); err != nil {
		return err
	}
	b := &benchRaid{bench: newBench(opt.BenchOptions), dirs: opt.Dirs, load: opt.Load, grow: opt.Grow, turns: max(1, opt.Turns)}
	for i, dir := range opt.Dirs {
		b.volumes[i] = filepath.Join(dir, "volume")
	}
	if b.load > 0 {
		if err := b.loaded(ctx); err != nil {
			return err
		}
	}
	if len(b.grow) > 0 {
		return b.growth(ctx)
	}
	return nil
}

// loaded measures a mirror, then a safe, that hold the bytes wanted.
func (b *benchRaid) loaded(ctx context.Context) error {
	if err := b.mirrorAlone(ctx); err != nil {
		return err
	}
	if err := b.setUp(ctx, b.volumes[0], b.volumes[1]); err != nil {
		return err
	}
	if err := b.open(ctx); err != nil {
		return err
	}
	defer b.appliance.Close()
	if err := b.scrubs(ctx); err != nil {
		return err
	}
	return b.latencies(ctx)
}

type benchRaid struct {
	*bench
	dirs, volumes [2]string
	load          int64
	turns         int
	grow          []int
}

func untilHealthy(ctx context.Context, status func() raid.Status) error {
	for status().State != raid.Healthy {
		if err := pauseFor(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func pauseFor(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
