package appliance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"casemate/raid"
	"casemate/store"
)

// BenchRaidOptions are the choices of one run over the mirror.
type BenchRaidOptions struct {
	BenchOptions
	Dirs [2]string // an empty folder on each of two file systems
	Grow []int     // numbers of documents at which opening, scrub and memory are measured
	Load int64     // bytes of documents for the resilver and the scrub
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
	b := &benchRaid{bench: newBench(opt.BenchOptions), dirs: opt.Dirs, load: opt.Load, grow: opt.Grow}
	for i, dir := range opt.Dirs {
		b.volumes[i] = filepath.Join(dir, "volume")
	}
	if err := b.mirrorAlone(ctx); err != nil {
		return err
	}
	if err := b.setUp(ctx, b.volumes[0], b.volumes[1]); err != nil {
		return err
	}
	if err := b.open(ctx); err != nil {
		return err
	}
	defer func() { b.appliance.Close() }()
	for _, step := range []func(context.Context) error{b.latencies, b.growth} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

type benchRaid struct {
	*bench
	dirs, volumes [2]string
	load          int64
	grow          []int
}

// mirrorAlone measures a mirror without a safe above it.
func (b *benchRaid) mirrorAlone(ctx context.Context) error {
	c := Config{State: b.in("mirror-state"), Volumes: VolumesConfig{MinFree: 64 << 20, MinCopies: 1, SpareAfter: time.Hour, ErrorBudget: 64}}
	for _, dir := range b.dirs {
		c.Volumes.Dirs = append(c.Volumes.Dirs, filepath.Join(dir, "mirror"))
	}
	for _, dir := range append([]string{c.State, filepath.Join(c.State, "mirror")}, c.Volumes.Dirs...) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails since Go 1.24
	rc := c.mirror(key, b.Log)
	if err := raid.Create(ctx, rc); err != nil {
		return err
	}
	m, err := raid.Open(ctx, rc)
	if err != nil {
		return err
	}
	return errors.Join(b.mirrorCases(ctx, m, c.Volumes.Dirs), m.Close())
}

func (b *benchRaid) mirrorCases(ctx context.Context, m *raid.Mirror, dirs []string) error {
	raw, healthy, err := b.writes(ctx, m, true)
	if err != nil {
		return err
	}
	b.line(BenchLine{Case: "mirror, batches of 1 MiB × 16", Unit: "MB/s", Value: healthy,
		Limit: "two raw files with fdatasync", Raw: raw, Wanted: "≥ 0.70"})
	if err := m.Detach(ctx, raid.Ref(dirs[1])); err != nil {
		return err
	}
	_, degraded, err := b.writes(ctx, m, false)
	if err != nil {
		return err
	}
	b.line(BenchLine{Case: "the same on one volume", Unit: "MB/s", Value: degraded, Limit: "the same on both", Raw: healthy, Wanted: "≥ 1.00"})
	return b.resilver(ctx, m, dirs)
}

const (
	benchBatch = 16 // values of 1 MiB
	benchTurn  = 4  // batches in turn with the raw files
)

// writes alternates between the raw files and the mirror for some seconds each, so that both meet the
// same disks; two callers at a time, as the safe has.
func (b *benchRaid) writes(ctx context.Context, m *raid.Mirror, both bool) (raw, mirror float64, err error) {
	data := make([]byte, benchBatch*mebi)
	_, _ = rand.Read(data)
	var rawTime, mirrorTime time.Duration
	turns := 0
	for ; mirrorTime < time.Duration(b.Seconds)*time.Second; turns++ {
		if both {
			begin := clock()
			if err := b.rawBatches(data); err != nil {
				return 0, 0, err
			}
			rawTime += time.Since(begin)
		}
		begin := clock()
		if err := b.mirrorBatches(ctx, m, data); err != nil {
			return 0, 0, err
		}
		mirrorTime += time.Since(begin)
	}
	bytes := float64(turns*benchTurn*len(data)) / 1e6
	if both {
		raw = bytes / rawTime.Seconds()
	}
	return raw, bytes / mirrorTime.Seconds(), nil
}

// rawBatches writes the same to a file on each disk, side by side, synced batch by batch.
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

// resilver has the volume that was taken out filled anew, beside a copy of the other's files.
func (b *benchRaid) resilver(ctx context.Context, m *raid.Mirror, dirs []string) error {
	target := filepath.Join(b.dirs[1], "raw-copy")
	begin := clock()
	size, err := rawCopy(dirs[0], target)
	if err != nil {
		return err
	}
	raw := float64(size) / since(begin) / 1e6
	if err := os.Remove(target); err != nil {
		return err
	}
	begin = clock()
	if err := m.Resilver(ctx, raid.Ref(dirs[1]), true); err != nil {
		return err
	}
	if err := untilHealthy(ctx, m.Status); err != nil {
		return err
	}
	b.line(BenchLine{Case: fmt.Sprintf("resilver of %d MiB, filled anew", size>>20), Unit: "MB/s", Value: float64(size) / since(begin) / 1e6,
		Limit: "raw copy with fdatasync", Raw: raw, Wanted: "≥ 0.50"})
	return nil
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

// latencies is how fast a scrub is, then what somebody who deposits feels: quiet, during a resilver,
// during a scrub.
func (b *benchRaid) latencies(ctx context.Context) error {
	if _, err := b.deposit(ctx, &pattern{left: b.load}); err != nil {
		return err
	}
	took, bytes, err := b.scrub(ctx)
	if err != nil {
		return err
	}
	b.line(BenchLine{Case: fmt.Sprintf("scrub of %d MiB on both volumes", bytes>>20), Unit: "MB/s", Value: float64(bytes) / took.Seconds() / 1e6,
		Limit: "both digests on one core", Raw: rawDigests(), Wanted: "≥ 0.50"})
	quiet, err := b.p99(ctx, func() bool { return true })
	if err != nil {
		return err
	}
	mirror, safe := b.appliance.mirror, b.appliance.safe
	if err := mirror.Resilver(ctx, raid.Ref(b.volumes[1]), true); err != nil {
		return err
	}
	during, err := b.p99(ctx, func() bool { return mirror.Status().State != raid.Healthy })
	if err != nil {
		return err
	}
	b.line(BenchLine{Case: "small deposit during a resilver, p99", Unit: "ms", Value: during, Limit: "p99 with nothing else", Raw: quiet, Wanted: "≤ 2.00"})
	if err := untilHealthy(ctx, mirror.Status); err != nil {
		return err
	}
	if err := safe.StartScrub(ctx, b.who); err != nil {
		return err
	}
	if during, err = b.p99(ctx, b.scrubbing); err != nil {
		return err
	}
	b.line(BenchLine{Case: "small deposit during a scrub, p99", Unit: "ms", Value: during, Limit: "p99 with nothing else", Raw: quiet, Wanted: "≤ 2.00"})
	for b.scrubbing() {
		if err := pauseFor(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (b *benchRaid) scrubbing() bool {
	return b.appliance.safe.ScrubStatus().State == store.ScrubRunning
}

// scrub reads everything again while nothing else happens.
func (b *benchRaid) scrub(ctx context.Context) (took time.Duration, bytes int64, err error) {
	begin := clock()
	if err := b.appliance.safe.StartScrub(ctx, b.who); err != nil {
		return 0, 0, err
	}
	for b.scrubbing() {
		bytes = max(bytes, b.appliance.safe.ScrubStatus().Total)
		if err := pauseFor(ctx, 20*time.Millisecond); err != nil {
			return 0, 0, err
		}
	}
	return time.Since(begin), bytes, nil
}

// p99 deposits one small document after another, for the seconds of a case and while it lasts; one at
// least.
func (b *benchRaid) p99(ctx context.Context, lasts func() bool) (ms float64, err error) {
	var all []time.Duration
	body := make([]byte, 2048)
	for begin := clock(); len(all) == 0 || (since(begin) < float64(b.Seconds) && lasts()); {
		_, _ = rand.Read(body)
		start := clock()
		if _, err := b.deposit(ctx, strings.NewReader(string(body))); err != nil {
			return 0, err
		}
		all = append(all, time.Since(start))
	}
	slices.Sort(all)
	return float64(all[len(all)*99/100].Microseconds()) / 1000, nil
}

// growth fills the safe to each number of documents and measures what depends on it. No round is ever made
// here, so each of them waits for one: opening, which gathers what waits, is at its slowest.
func (b *benchRaid) growth(ctx context.Context) error {
	for _, n := range b.grow {
		if err := b.fillTo(ctx, n); err != nil {
			return err
		}
		b.appliance.Close()
		begin := clock()
		if err := b.open(ctx); err != nil {
			return err
		}
		b.line(BenchLine{Case: fmt.Sprintf("opening with %d documents", n), Unit: "s", Value: since(begin)})
		opened := anonymous(os.Getpid())
		b.line(BenchLine{Case: fmt.Sprintf("anonymous memory of all processes, %d documents, opened", n), Unit: "MiB", Value: float64(opened >> 20)})
		begin = clock()
		if err := b.appliance.safe.StartScrub(ctx, b.who); err != nil {
			return err
		}
		most := opened
		for b.scrubbing() {
			most = max(most, anonymous(os.Getpid()))
			if err := pauseFor(ctx, 100*time.Millisecond); err != nil {
				return err
			}
		}
		b.line(BenchLine{Case: fmt.Sprintf("scrub of %d documents", n), Unit: "s", Value: since(begin)})
		b.line(BenchLine{Case: fmt.Sprintf("anonymous memory of all processes, %d documents, scrub", n), Unit: "MiB", Value: float64(most >> 20)})
	}
	return nil
}

// fillTo deposits small documents, many at a time, until there are n.
func (b *benchRaid) fillTo(ctx context.Context, n int) error {
	have, _, err := b.appliance.safe.Count(ctx, b.who, "bench")
	if err != nil {
		return err
	}
	left := make(chan struct{}, max(0, n-int(have))) //nolint:gosec // a count fits
	for range cap(left) {
		left <- struct{}{}
	}
	close(left)
	var wg sync.WaitGroup
	errs := make([]error, 64)
	for i := range errs {
		wg.Go(func() {
			for range left {
				if _, err := b.deposit(ctx, strings.NewReader(rand.Text())); err != nil {
					errs[i] = err
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
