package timestamp

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"
)

// tokenGrain is the precision of many authorities' genTime: whole seconds.
const tokenGrain = time.Second

// Observe compares this clock with a token of an independent authority. A
// token can never be from the future; one that was just asked for must be from
// now. Call it at once with what Stamp returned, and at start with the last
// token known, to notice that all clocks were set back.
//
// A contradiction makes the time untrusted until a later token agrees, or
// until this clock has come to agree with the token. A fresh token also
// decides whether a jump of the time servers is believed.
func (g *Guard) Observe(token Token) {
	g.mu.Lock()
	defer g.mu.Unlock()
	boot, wall, err := g.scale.read()
	if err != nil {
		return // Read says so too
	}
	if c := g.candidate; c != nil && token.fresh {
		t, distance := g.scale.at(boot).Add(c.offset), c.distance+aged(boot-c.boot)
		if token.earlier(t, distance) == "" && token.later(t, distance) == "" {
			g.config.Log.Warn("time servers' jump confirmed by a timestamping authority")
			g.agreed, g.candidate, g.failure = c, nil, nil
		}
	}
	r := g.estimate(boot, wall)
	g.witness, g.external = token, token.earlier(r.Time, r.Clock.RootDistance)
	if reason := cmp.Or(g.external, token.later(r.Time, r.Clock.RootDistance)); reason != "" {
		g.config.Log.Warn("a timestamping authority contradicts the clock", slog.String("reason", reason))
	}
}

// later says in words that the token is from after now, which is known within
// distance.
func (t Token) later(now time.Time, distance time.Duration) string {
	ahead := t.Time.Sub(now)
	if ahead <= t.Accuracy+distance+tokenGrain {
		return ""
	}
	return fmt.Sprintf("timestamping authority %.100q says it is %s later than this clock", t.Authority, ahead.Round(time.Second))
}

// earlier says in words that a token asked for just now is from before that.
func (t Token) earlier(now time.Time, distance time.Duration) string {
	behind := now.Sub(t.Time) - t.took
	if !t.fresh || behind <= t.Accuracy+distance+tokenGrain {
		return ""
	}
	return fmt.Sprintf("timestamping authority %.100q says it is %s earlier than this clock", t.Authority, behind.Round(time.Second))
}
