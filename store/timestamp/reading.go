package timestamp

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"casemate/store/proof"
)

// patience is how many intervals an agreement is carried without a new one:
// RFC 5905's reach register forgets a server after eight polls.
const patience = 8

// Reading is what time it is and how far that goes.
type Reading struct {
	Time  time.Time   // UTC
	Clock proof.Clock // goes into the attestation as it is
}

// Read says what time it is, for one attestation. While the servers agree the
// time is theirs, carried since then by CLOCK_BOOTTIME; the machine's own
// clock is only compared with it. Before the first agreement it is the
// machine's clock, never trusted.
//
// Clock.Offset is true time minus the machine's clock; RootDistance bounds the
// error of Time: distance to the reference, drift since, and what may just be
// being corrected; Stratum is that of the best server. Reason says in a
// sentence why the time is not trusted.
//
// Trusted times never decrease, across crashes too, and the mark covers a
// time before it is returned. A time a little behind one attested before (the
// servers' last word was a little slower, or the process restarted within the
// mark's reserve) is held at that, and RootDistance grows by the difference.
//
// Errors: ErrTimeUntrusted with PolicyRefuse (the reading is returned too, for
// status pages), ErrTimeWentBack and ErrMark with any policy.
func (g *Guard) Read() (Reading, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	boot, wall, err := g.scale.read()
	if err != nil {
		return Reading{}, fmt.Errorf("reading the clock: %w", err)
	}
	r := g.estimate(boot, wall)
	reason := g.distrust(boot, r)
	if err := g.hold(&r); err != nil {
		g.wake()
		return Reading{}, err
	}
	if reason == "" && r.Clock.RootDistance > g.config.MaxDistance {
		reason = fmt.Sprintf("the time may be wrong by %s, which is more than allowed", rounded(r.Clock.RootDistance))
	}
	r.Clock.Trusted, r.Clock.Reason = reason == "", reason
	if !r.Clock.Trusted {
		if g.config.Policy == PolicyRefuse {
			return r, fmt.Errorf("%w: %s", ErrTimeUntrusted, reason)
		}
		return r, nil
	}
	// A crash from here on costs at most the reserve: the mark is later than
	// what was attested, never earlier.
	if err := g.mark.cover(r.Time); err != nil {
		return Reading{}, err
	}
	g.last = r.Time
	return r, nil
}

// estimate is the best guess at the time, and its bounds.
func (g *Guard) estimate(boot time.Duration, wall time.Time) Reading {
	a := g.agreed
	if a == nil {
		return Reading{Time: wall}
	}
	t := g.scale.at(boot).Add(a.offset)
	offset := t.Sub(wall)
	distance := a.distance + aged(boot-a.boot)
	if offset.Abs() <= g.config.MaxOffset {
		// A daemon slewing the machine's clock slews the carrying one too,
		// by no more than what it had left to correct.
		distance += offset.Abs()
	}
	return Reading{Time: t, Clock: proof.Clock{
		Offset: offset, RootDistance: distance, Stratum: a.stratum, Sources: slices.Clone(a.sources),
	}}
}

// distrust gives the first reason not to trust the time, in plain words, or
// nothing.
func (g *Guard) distrust(boot time.Duration, r Reading) string {
	a := g.agreed
	switch {
	case a == nil:
		return "no time servers have agreed yet: " + plain(g.failure)
	case r.Clock.Offset.Abs() > g.config.MaxOffset:
		return g.movedReason(r)
	case g.failure != nil && !errors.Is(g.failure, ErrTooFewServers):
		return plain(g.failure)
	case boot-a.boot > patience*g.config.Interval:
		return fmt.Sprintf("no time servers have agreed for %s: %s", (boot - a.boot).Round(time.Second), plain(g.failure))
	case g.external != "":
		return g.external
	case g.witness.later(r.Time, r.Clock.RootDistance) != "":
		return g.witness.later(r.Time, r.Clock.RootDistance)
	}
	return g.kernelReason(r)
}

// movedReason tells a clock that was wrong when last compared from one that
// was moved since; the latter is worth a new comparison at once.
func (g *Guard) movedReason(r Reading) string {
	if g.agreed.wall.Abs() > g.config.MaxOffset {
		return fmt.Sprintf("the machine's clock is off by %s", rounded(-r.Clock.Offset))
	}
	g.wake()
	direction := "forward"
	if r.Clock.Offset > 0 {
		direction = "back"
	}
	return fmt.Sprintf("the machine's clock was moved %s by %s since it was last compared",
		direction, rounded((r.Clock.Offset - g.agreed.wall).Abs()))
}

func (g *Guard) kernelReason(r Reading) string {
	k, err := g.config.Kernel()
	switch {
	case err != nil:
		return "the kernel does not say how its clock is kept"
	case !k.Synchronized:
		return "no time daemon keeps the machine's clock synchronised"
	case k.LeapPending && r.Time.Add(time.Minute).Day() != r.Time.Day():
		return "a leap second is due within a minute"
	}
	return ""
}

// hold keeps time from going back behind anything attested.
func (g *Guard) hold(r *Reading) error {
	floor := g.config.NotBefore
	switch {
	case g.last.After(floor):
		floor = g.last
	case g.last.IsZero() && g.mark.reserved.After(floor):
		floor = g.mark.reserved // as found at start: nothing was attested since
	}
	gap := floor.Sub(r.Time)
	if gap <= 0 {
		return nil
	}
	if gap > r.Clock.RootDistance+reserve {
		return fmt.Errorf("%w: it would be %s, but %s was attested already", ErrTimeWentBack,
			r.Time.Format(time.RFC3339Nano), floor.UTC().Format(time.RFC3339Nano))
	}
	r.Time = floor.UTC()
	r.Clock.RootDistance += gap
	return nil
}

// wake asks Run for a comparison now, without waiting.
func (g *Guard) wake() {
	select {
	case g.nudge <- struct{}{}:
	default:
	}
}

// plain makes one short line of an error: attestations keep it for ever.
func plain(err error) string {
	if err == nil {
		return "unknown"
	}
	line := make([]rune, 0, 200)
	for _, r := range err.Error() {
		if len(line) == 400 {
			break
		}
		if r == '\n' {
			line = append(line, ';', ' ')
			continue
		}
		line = append(line, r)
	}
	return string(line)
}
