package appliance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// BenchServiceOptions are the choices of one run over the service: the process that systemd starts and stops.
type BenchServiceOptions struct {
	BenchOptions       // Dir: empty, or that of an earlier run, which is measured as it is
	Grow         []int // numbers of documents at which an empty safe is measured
	Starts       int   // how often it is started from nothing in the page cache
	Idle         int   // connections that are held open without a word
	Depositors   int   // at work when it is told to stop
}

// benchOrigin is the safe that a benchmark makes; no other is taken for one.
const benchOrigin = "bench.invalid/safe"

// ErrNotBench refuses to measure a safe that no benchmark has made: documents are deposited in it.
var ErrNotBench = errors.New("the safe in this folder was not made by a benchmark")

// BenchService measures a start (process to READY), connections that idle, and a stop under load. Nothing
// is asserted but that what was acknowledged is there afterwards.
func BenchService(ctx context.Context, opt BenchServiceOptions) error {
	b := &benchService{benchRaid: &benchRaid{bench: newBench(opt.BenchOptions)}, opt: opt}
	config := b.in("casemate.toml")
	if _, err := os.Stat(config); err == nil {
		return b.again(ctx, config)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if list, err := os.ReadDir(opt.Dir); err != nil || len(list) > 0 {
		return errors.Join(fmt.Errorf("%s: %w", opt.Dir, ErrNotEmpty), err)
	}
	if err := b.setUp(ctx, "volumes/a", "volumes/b"); err != nil {
		return err
	}
	for _, n := range slices.Sorted(slices.Values(opt.Grow)) {
		if err := b.open(ctx); err != nil {
			return err
		}
		err := b.fillCovered(ctx, n)
		b.appliance.Close()
		if err != nil {
			return err
		}
		if err := b.measure(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

type benchService struct {
	*benchRaid
	opt BenchServiceOptions
}

// again measures a safe that an earlier run has left.
func (b *benchService) again(ctx context.Context, config string) (err error) {
	b.file = config
	if b.config, err = LoadConfig(config); err != nil {
		return err
	}
	if b.config.Origin != benchOrigin {
		return fmt.Errorf("%s: %w", b.Dir, ErrNotBench)
	}
	if err := b.open(ctx); err != nil {
		return err
	}
	n, _, err := b.appliance.safe.Count(ctx, b.who, "bench")
	b.appliance.Close()
	if err != nil {
		return err
	}
	return b.measure(ctx, int(n)) //nolint:gosec // a count fits
}

// measure takes the safe as it is through its starts, its idle callers and its stop.
func (b *benchService) measure(ctx context.Context, n int) error {
	var cold, work []float64
	for range max(1, b.opt.Starts) {
		for _, dir := range append([]string{b.Dir}, b.config.Volumes.Dirs...) {
			if err := dropCaches(dir); err != nil {
				return err
			}
		}
		s, err := b.start(ctx)
		if err != nil {
			return err
		}
		cold, work = append(cold, s.ready), append(work, s.work)
		if _, err := s.stop(); err != nil {
			return err
		}
	}
	b.line(BenchLine{Case: fmt.Sprintf("%d documents: start of the service, nothing cached", n), Unit: "s", Value: median(cold),
		Limit: "the longest that is wanted", Raw: 10, Wanted: "≤ 1.00"})
	b.line(BenchLine{Case: fmt.Sprintf("%d documents: processor time of that start, all processes", n), Unit: "s", Value: median(work)})
	s, err := b.start(ctx)
	if err != nil {
		return err
	}
	defer s.end()
	b.line(BenchLine{Case: fmt.Sprintf("%d documents: start of the service, cached", n), Unit: "s", Value: s.ready})
	if err := b.idlers(ctx, s, n); err != nil {
		return err
	}
	return b.stopUnderLoad(ctx, s, n)
}

// someDocument is 2 KiB that nobody has seen before.
func someDocument() []byte {
	body := make([]byte, 2048)
	_, _ = rand.Read(body) // never fails since Go 1.24
	return body
}

// pair names the files of a caller that setUp made.
func (b *benchService) pair(name string) (certificate, key string) {
	return filepath.Join(b.Dir, "clients", name+".crt"), filepath.Join(b.Dir, "clients", name+".key")
}
