package appliance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"casemate/raid"
)

const (
	benchBatch = 16 // values of 1 MiB
	benchTurn  = 4  // batches in a turn
)

// mirrorAlone measures mirrors without a safe above them: one that is healthy, and one with a volume out.
func (b *benchRaid) mirrorAlone(ctx context.Context) error {
	healthy, dirs, err := b.makeMirror(ctx, "mirror")
	if err != nil {
		return err
	}
	defer func() { _ = healthy.Close() }() // nothing in it is kept
	degraded, out, err := b.makeMirror(ctx, "degraded")
	if err != nil {
		return err
	}
	defer func() { _ = degraded.Close() }() // as above
	if err := degraded.Detach(ctx, raid.Ref(out[1])); err != nil {
		return err
	}
	if err := b.writes(ctx, healthy, degraded); err != nil {
		return err
	}
	if err := degraded.Close(); err != nil {
		return err
	}
	for _, dir := range out {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return b.resilvers(ctx, healthy, dirs)
}

// makeMirror makes a mirror on the two file systems.
func (b *benchRaid) makeMirror(ctx context.Context, name string) (*raid.Mirror, []string, error) {
	c := Config{State: b.in(name + "-state"), Volumes: VolumesConfig{MinFree: 64 << 20, MinCopies: 1, SpareAfter: time.Hour, ErrorBudget: 64}}
	for _, dir := range b.dirs {
		c.Volumes.Dirs = append(c.Volumes.Dirs, filepath.Join(dir, name))
	}
	for _, dir := range append([]string{c.State, filepath.Join(c.State, "mirror")}, c.Volumes.Dirs...) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, nil, err
		}
	}
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails since Go 1.24
	rc := c.mirror(key, b.Log)
	if err := raid.Create(ctx, rc); err != nil {
		return nil, nil, err
	}
	m, err := raid.Open(ctx, rc)
	return m, c.Volumes.Dirs, err
}

// writes measures batches on both volumes beside raw files, and on one volume beside both; two callers at
// a time, as the safe has.
func (b *benchRaid) writes(ctx context.Context, healthy, degraded *raid.Mirror) error {
	data := make([]byte, benchBatch*mebi)
	_, _ = rand.Read(data)
	rate := func(do func() error) func() (float64, error) {
		return func() (float64, error) {
			begin := clock()
			err := do()
			return float64(benchTurn*len(data)) / since(begin) / 1e6, err
		}
	}
	onRaw := rate(func() error { return b.rawBatches(data) })
	onBoth := rate(func() error { return b.mirrorBatches(ctx, healthy, data) })
	onOne := rate(func() error { return b.mirrorBatches(ctx, degraded, data) })
	t, err := byTurns(b.Seconds, b.turns, onRaw, onBoth)
	if err != nil {
		return err
	}
	b.line(t.line(BenchLine{Case: "mirror, batches of 1 MiB × 16", Unit: "MB/s", Limit: "two raw files with fdatasync", Wanted: "≥ 0.70"}))
	if t, err = byTurns(b.Seconds, b.turns, onBoth, onOne); err != nil {
		return err
	}
	b.line(t.line(BenchLine{Case: "the same on one volume", Unit: "MB/s", Limit: "the same on both", Wanted: "≥ 1.00"}))
	return nil
}

// rawBatches writes the same to the end of a file on each disk, side by side, synced batch by batch: new
// pages and new blocks, as a volume's log takes them.
func (b *benchRaid) rawBatches(data []byte) error {
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, dir := range b.dirs {
		wg.Go(func() { errs[i] = rawAppend(filepath.Join(dir, "raw"), data, benchTurn) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (b *benchRaid) mirrorBatches(ctx context.Context, m *raid.Mirror, data []byte) error {
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for caller := range errs {
		wg.Go(func() {
			for range benchTurn / 2 {
				ops := make([]raid.Op, benchBatch)
				name := rand.Text()
				for i := range ops {
					ops[i] = raid.Op{Key: fmt.Appendf(nil, "%s/%02d", name, i), Value: data[i*mebi : (i+1)*mebi]}
				}
				if _, err := m.Write(ctx, ops); err != nil {
					errs[caller] = err
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// resilvers has a volume filled anew, by turns with a raw copy of the other's files to the same disk.
// What the writes left is there already; it is brought to the size that was asked for.
func (b *benchRaid) resilvers(ctx context.Context, m *raid.Mirror, dirs []string) error {
	for _, dir := range b.dirs {
		if err := os.Remove(filepath.Join(dir, "raw")); err != nil {
			return err
		}
	}
	size, err := b.fillMirror(ctx, m, dirs[0])
	if err != nil {
		return err
	}
	t, err := byTurns(0, min(b.turns, 3), func() (float64, error) {
		target := filepath.Join(b.dirs[1], "raw-copy")
		begin := clock()
		n, err := rawCopy(dirs[0], target)
		rate := float64(n) / since(begin) / 1e6
		return rate, errors.Join(err, os.Remove(target))
	}, func() (float64, error) {
		begin := clock()
		if err := m.Resilver(ctx, raid.Ref(dirs[1]), true); err != nil {
			return 0, err
		}
		err := untilHealthy(ctx, m.Status)
		return float64(size) / since(begin) / 1e6, err
	})
	if err != nil {
		return err
	}
	b.line(t.line(BenchLine{Case: fmt.Sprintf("resilver of %d MiB, filled anew", size>>20), Unit: "MB/s",
		Limit: "raw copy with fdatasync", Wanted: "≥ 0.50"}))
	return nil
}

// fillMirror writes until a volume holds what was asked for and gives the bytes it takes then.
func (b *benchRaid) fillMirror(ctx context.Context, m *raid.Mirror, dir string) (int64, error) {
	data := make([]byte, benchBatch*mebi)
	_, _ = rand.Read(data)
	for {
		size, err := rawSize(dir)
		if err != nil || size >= b.load {
			return size, err
		}
		if err := b.mirrorBatches(ctx, m, data); err != nil {
			return 0, err
		}
	}
}
