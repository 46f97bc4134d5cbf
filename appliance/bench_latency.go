package appliance

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"casemate/raid"
	"casemate/store"
)

// scrubs is how fast everything is read again while nothing else happens.
func (b *benchRaid) scrubs(ctx context.Context) error {
	if _, err := b.deposit(ctx, &pattern{left: b.load}); err != nil {
		return err
	}
	var bytes int64
	t, err := byTurns(0, b.turns, func() (float64, error) { return rawDigests(), nil }, func() (float64, error) {
		begin := clock()
		n, err := b.scrub(ctx)
		bytes = n
		return float64(n) / since(begin) / 1e6, err
	})
	if err != nil {
		return err
	}
	b.line(t.line(BenchLine{Case: fmt.Sprintf("scrub of %d MiB on both volumes", bytes>>20), Unit: "MB/s", Limit: "both digests on one core", Wanted: "≥ 0.50"}))
	return nil
}

// latencies is what somebody who deposits feels during a resilver and during a scrub, by turns with what
// he feels when nothing else happens.
func (b *benchRaid) latencies(ctx context.Context) error {
	mirror, safe := b.appliance.mirror, b.appliance.safe
	if err := b.besides(ctx, "resilver", func() error {
		return mirror.Resilver(ctx, raid.Ref(b.volumes[1]), true)
	}, func() bool { return mirror.Status().State != raid.Healthy }); err != nil {
		return err
	}
	return b.besides(ctx, "scrub", func() error { return safe.StartScrub(ctx, b.who) }, b.scrubbing)
}

// besides measures small deposits while something goes on, by turns with as many beside nothing.
func (b *benchRaid) besides(ctx context.Context, what string, start func() error, lasts func() bool) error {
	t, err := byTurns(0, b.turns, func() (float64, error) {
		return b.p99(ctx, func() bool { return true })
	}, func() (float64, error) {
		if err := start(); err != nil {
			return 0, err
		}
		ms, err := b.p99(ctx, lasts)
		for err == nil && lasts() {
			err = pauseFor(ctx, 20*time.Millisecond)
		}
		return ms, err
	})
	if err != nil {
		return err
	}
	b.line(t.line(BenchLine{Case: "small deposit during a " + what + ", p99", Unit: "ms", Limit: "p99 with nothing else", Wanted: "≤ 2.00"}))
	return nil
}

func (b *benchRaid) scrubbing() bool {
	return b.appliance.safe.ScrubStatus().State == store.ScrubRunning
}

// scrub reads everything again and gives how many bytes that was.
func (b *benchRaid) scrub(ctx context.Context) (bytes int64, err error) {
	if err := b.appliance.safe.StartScrub(ctx, b.who); err != nil {
		return 0, err
	}
	for b.scrubbing() {
		bytes = max(bytes, b.appliance.safe.ScrubStatus().Total)
		if err := pauseFor(ctx, 20*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return bytes, nil
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
