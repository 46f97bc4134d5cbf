package timestamp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/beevik/ntp"
)

// agreement is the outcome of a comparison that was believed.
type agreement struct {
	boot     time.Duration // when
	offset   time.Duration // true time minus timescale
	wall     time.Duration // true time minus the machine's clock, then
	distance time.Duration
	stratum  int
	sources  []string
}

// Sample asks all servers at once and takes over what a majority agrees on.
// An agreement that does not follow from the last one, within MaxOffset, is
// not believed (ErrTimeJumped) until a fresh token of an independent authority
// confirms it (Observe): whoever controls the servers could otherwise drag
// the mark into the future, behind which the safe would be useless. Errors:
// ErrTooFewServers, ErrDisagree, ErrTimeJumped.
func (g *Guard) Sample(ctx context.Context) error {
	g.sample.Lock()
	defer g.sample.Unlock()
	answers, problems := g.ask(ctx)
	if ctx.Err() != nil {
		return ctx.Err() // says nothing about the servers
	}
	chosen, err := choose(sameLeap(independent(answers)), g.config.MinServers)
	if err := g.settle(chosen, err); err != nil {
		return errors.Join(err, problems)
	}
	return nil
}

// settle records the outcome. The failure it keeps may get into attestations:
// it has no server's problems in it, those are for the log.
func (g *Guard) settle(c choice, failure error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if failure != nil {
		g.failure = failure
		return failure
	}
	boot, wall, err := g.scale.read()
	if err != nil {
		return err
	}
	next := &agreement{
		boot: boot, offset: c.offset, wall: g.scale.at(boot).Add(c.offset).Sub(wall),
		distance: c.distance, stratum: c.best.stratum,
	}
	for _, a := range c.agreeing {
		next.sources = append(next.sources, a.server)
	}
	if len(c.deceivers) > 0 {
		g.config.Log.Warn("time servers outside the majority", slog.Any("servers", c.deceivers))
	}
	if by := g.agreed.jump(next, g.config.MaxOffset); by != 0 {
		g.candidate = next
		g.failure = fmt.Errorf("by %s since they last agreed: %w", rounded(by), ErrTimeJumped)
		return g.failure
	}
	g.agreed, g.candidate, g.failure = next, nil, nil
	return nil
}

// jump is the step between two agreements, zero if the later follows from the
// earlier: up to the bounds of both, what the carrying clock may have drifted,
// what it may have been steered, and slack.
func (a *agreement) jump(next *agreement, slack time.Duration) time.Duration {
	if a == nil {
		return 0
	}
	by := next.offset - a.offset
	if by.Abs() <= a.distance+next.distance+a.wall.Abs()+aged(next.boot-a.boot)+slack {
		return 0
	}
	return by
}

// ask queries every server that does not rest, all at once.
func (g *Guard) ask(ctx context.Context) ([]answer, error) {
	answers := make([]answer, len(g.config.Servers))
	problems := make([]error, len(g.config.Servers))
	var wg sync.WaitGroup
	for i, server := range g.config.Servers {
		wg.Go(func() {
			if answers[i], problems[i] = g.askOne(ctx, server); problems[i] != nil {
				problems[i] = fmt.Errorf("server %q: %w", server, problems[i])
			}
		})
	}
	wg.Wait()
	var good []answer
	for i, a := range answers {
		if problems[i] == nil {
			good = append(good, a)
		}
	}
	return good, errors.Join(problems...)
}

func (g *Guard) askOne(ctx context.Context, server string) (answer, error) {
	if g.resting(server) {
		return answer{}, errRests
	}
	var address netip.Addr
	response, err := g.config.Query(server, ntp.QueryOptions{
		Timeout: g.config.Timeout,
		// The question is timed on the timescale, which no step disturbs.
		GetSystemTime: func() time.Time {
			boot, _ := g.config.Boottime() // it answered at construction; a zero would show as a jump
			return g.scale.at(boot)
		},
		Dialer: func(_, remote string) (net.Conn, error) {
			conn, err := (&net.Dialer{Timeout: g.config.Timeout}).DialContext(ctx, "udp", remote)
			if err != nil {
				return nil, err
			}
			if a, ok := conn.RemoteAddr().(*net.UDPAddr); ok {
				address = a.AddrPort().Addr().Unmap()
			}
			return conn, nil
		},
	})
	if err != nil {
		return answer{}, err
	}
	if response.IsKissOfDeath() {
		g.rest(server, response.KissCode)
	}
	return newAnswer(server, address, response, g.config.MaxDistance)
}

// rest leaves a server alone that asked for it: RATE means too often, all
// else that this client is not wanted (RFC 5905 7.4).
func (g *Guard) rest(server, code string) {
	pause := time.Hour
	if code == "RATE" {
		pause = 8 * g.config.Interval
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if boot, err := g.config.Boottime(); err == nil {
		g.rests[server] = boot + pause
	}
}

func (g *Guard) resting(server string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	boot, err := g.config.Boottime()
	return err == nil && boot < g.rests[server]
}

// rounded makes a duration readable.
func rounded(d time.Duration) time.Duration {
	if d.Abs() >= time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}
