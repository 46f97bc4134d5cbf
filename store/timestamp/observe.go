package timestamp

import (
	"fmt"
	"time"
)

// tokenGrain is the precision of many authorities' genTime: whole seconds.
const tokenGrain = time.Second

// Observe compares this clock with a token of an independent authority. A
// token can never be from the future; one that was just asked for must be from
// now. Call it at once with what Stamp returned, and at start with the last
// token known, to notice that all clocks were set back.
//
// A contradiction makes the time untrusted until another token agrees. A
// fresh token also decides whether a jump of the time servers is believed.
func (g *Guard) Observe(token Token) {
	g.mu.Lock()
	defer g.mu.Unlock()
	boot, wall, err := g.scale.read()
	if err != nil {
		return // Read says so too
	}
	if g.candidate != nil && token.fresh {
		t := g.scale.at(boot).Add(g.candidate.offset)
		if contradiction(token, t, g.candidate.distance+aged(boot-g.candidate.boot)) == "" {
			g.config.Log.Warn("time servers' jump confirmed by a timestamping authority")
			g.agreed, g.candidate, g.failure = g.candidate, nil, nil
		}
	}
	r := g.estimate(boot, wall)
	was := g.external
	g.external = contradiction(token, r.Time, r.Clock.RootDistance)
	if g.external != "" && was == "" {
		g.config.Log.Warn("a timestamping authority contradicts the clock", "reason", g.external)
	}
}

// contradiction compares a token with the time it is, known within distance.
func contradiction(token Token, now time.Time, distance time.Duration) string {
	slack := token.Accuracy + distance + tokenGrain
	if ahead := token.Time.Sub(now); ahead > slack {
		return fmt.Sprintf("timestamping authority %.100q says it is %s later than this clock", token.Authority, ahead.Round(time.Second))
	}
	if behind := now.Sub(token.Time) - token.took; token.fresh && behind > slack {
		return fmt.Sprintf("timestamping authority %.100q says it is %s earlier than this clock", token.Authority, behind.Round(time.Second))
	}
	return ""
}
