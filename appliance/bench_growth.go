package appliance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"casemate/raid"
)

// growCallers is how many deposit at once while the safe is filled: as many as share one exchange with
// the token.
const growCallers = 256

// mostWaiting is how many documents no round covers when a safe is opened: what comes in while every
// authority is away for a day.
const mostWaiting = 100_000

// growth fills a safe of its own to each number of documents by the deposits of everybody, has rounds
// made by an authority of its own, all but for the last, and measures what depends on the number.
func (b *benchRaid) growth(ctx context.Context) error {
	b.Dir = filepath.Join(b.dirs[0], "grown")
	if err := os.Mkdir(b.Dir, 0o700); err != nil {
		return err
	}
	for i, dir := range b.dirs {
		b.volumes[i] = filepath.Join(dir, "grown-volume")
	}
	if err := b.setUp(ctx, b.volumes[0], b.volumes[1]); err != nil {
		return err
	}
	if err := b.open(ctx); err != nil {
		return err
	}
	defer func() { b.appliance.Close() }()
	for _, n := range b.grow {
		if err := b.fillCovered(ctx, n); err != nil {
			return err
		}
		if err := b.reopen(ctx, n); err != nil {
			return err
		}
		if err := b.readAgain(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// fillCovered deposits until there are n documents, of which rounds cover all but the last.
func (b *benchRaid) fillCovered(ctx context.Context, n int) error {
	if err := b.fillTo(ctx, n-min(n/10, mostWaiting)); err != nil {
		return err
	}
	begin := clock()
	if err := b.appliance.safe.Stamp(ctx); err != nil {
		return err
	}
	b.line(BenchLine{Case: fmt.Sprintf("%d documents: rounds for all but the last %d", n, min(n/10, mostWaiting)), Unit: "s", Value: since(begin)})
	return b.fillTo(ctx, n)
}

// reopen measures opening: the mirror with its volumes, then all of the appliance.
func (b *benchRaid) reopen(ctx context.Context, n int) error {
	b.appliance.Close()
	begin := clock()
	if err := b.open(ctx); err != nil {
		return err
	}
	b.line(BenchLine{Case: fmt.Sprintf("%d documents: opening, %d covered by no round", n, min(n/10, mostWaiting)), Unit: "s", Value: since(begin)})
	return b.memoryAt(n, "opened")
}

// memoryAt is the resident memory of each process: anonymous, which nothing but the process's end gives
// back; the rest is files in the page cache.
func (b *benchRaid) memoryAt(n int, when string) error {
	serve := resident(os.Getpid())
	b.line(BenchLine{Case: fmt.Sprintf("%d documents: memory of serve, %s", n, when), Unit: "MiB", Value: float64(serve >> 20)})
	for _, v := range b.appliance.mirror.Status().Volumes {
		if v.State == raid.InSync && v.PID > 0 {
			b.line(BenchLine{Case: fmt.Sprintf("%d documents: memory of volume %d, %s", n, v.Slot+1, when), Unit: "MiB", Value: float64(resident(v.PID) >> 20)})
		}
	}
	return nil
}

// readAgain has everything read again and tells how long the journal took and at what rate documents are
// proved: over all of them, or a minute's worth.
func (b *benchRaid) readAgain(ctx context.Context, n int) error {
	const enough = time.Minute
	safe := b.appliance.safe
	begin := clock()
	if err := safe.StartScrub(ctx, b.who); err != nil {
		return err
	}
	var first, last uint64
	var from time.Time
	for b.scrubbing() && (first == 0 || time.Since(from) < enough) {
		// Documents come after the journal; from there on their rate is steady.
		if st := safe.ScrubStatus(); st.Documents > 0 {
			if first == 0 {
				first, from = st.Documents, clock()
				b.line(BenchLine{Case: fmt.Sprintf("%d documents: journal and rounds of one volume read again", n), Unit: "s", Value: since(begin)})
			}
			last = st.Documents
		}
		if err := pauseFor(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	took, rate := since(begin), 0.0
	if b.scrubbing() {
		rate = float64(last-first) / since(from)
	} else {
		rate = float64(n*len(b.volumes)) / took
	}
	if err := b.memoryAt(n, "scrub"); err != nil {
		return err
	}
	if b.scrubbing() {
		if err := safe.PauseScrub(ctx, b.who); err != nil {
			return err
		}
	}
	b.line(BenchLine{Case: fmt.Sprintf("%d documents: read again and proved", n), Unit: "documents/s", Value: rate})
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
	begin := clock()
	var wg sync.WaitGroup
	errs := make([]error, growCallers)
	for i := range errs {
		wg.Go(func() {
			body := make([]byte, 2048)
			for range left {
				_, _ = rand.Read(body) // never fails since Go 1.24
				if _, err := b.deposit(ctx, strings.NewReader(string(body))); err != nil {
					errs[i] = err
					return
				}
			}
		})
	}
	wg.Wait()
	if cap(left) > 0 {
		b.line(BenchLine{Case: fmt.Sprintf("%d documents: depositing the last %d of 2 KiB", n, cap(left)), Unit: "documents/s", Value: float64(cap(left)) / since(begin)})
	}
	return errors.Join(errs...)
}
