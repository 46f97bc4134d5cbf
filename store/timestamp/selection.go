package timestamp

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// choice is what a majority of answers have in common.
type choice struct {
	best      answer   // the agreeing answer with the smallest distance
	agreeing  []answer // one for each independent clock, in the order given
	offset    time.Duration
	distance  time.Duration
	deceivers []string // servers outside the majority
}

// choose finds the time a strict majority of independent clocks admit: each
// answer says that the true offset lies within its distance of its own, and
// the largest set of such intervals with a common point wins, if it is more
// than half (RFC 5905 11.2.1, Marzullo's intersection; like chrony, without
// the midpoint condition, which drops good servers behind uneven paths).
func choose(answers []answer, least int) (choice, error) {
	if len(answers) < least || len(answers) == 0 {
		return choice{}, fmt.Errorf("%d usable, %d wanted: %w", len(answers), least, ErrTooFewServers)
	}
	low, high, ok := intersect(answers)
	if !ok {
		return choice{}, fmt.Errorf("no time is admitted by more than half of %d: %w", len(answers), ErrDisagree)
	}
	var c choice
	for _, a := range answers {
		if a.low() > high || a.high() < low {
			c.deceivers = append(c.deceivers, a.server)
			continue
		}
		if len(c.agreeing) == 0 || a.distance < c.best.distance {
			c.best = a
		}
		c.agreeing = append(c.agreeing, a)
	}
	if len(c.agreeing) < least {
		return choice{}, fmt.Errorf("%d of %d agree, %d wanted: %w", len(c.agreeing), len(answers), least, ErrDisagree)
	}
	// The best server's own word, moved if need be to where the others admit
	// it; the bound is its own too, never the narrower common interval.
	c.offset = min(max(c.best.offset, low), high)
	c.distance = c.best.distance
	return c, nil
}

// edge is one end of an answer's interval.
type edge struct {
	at    time.Duration
	opens int // +1 where the interval begins, -1 where it ends
}

// intersect returns the common part of the largest set of intervals that has
// one, if that set is a strict majority.
func intersect(answers []answer) (low, high time.Duration, ok bool) {
	edges := make([]edge, 0, 2*len(answers))
	for _, a := range answers {
		edges = append(edges, edge{a.low(), +1}, edge{a.high(), -1})
	}
	// At one place beginnings come before ends: intervals that touch agree.
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(b.opens, a.opens)) })
	depth, most := 0, 0
	for i, e := range edges {
		depth += e.opens
		if e.opens > 0 && depth > most {
			// What follows the deepest beginning is an end: were it a
			// beginning, that one would be deeper.
			most, low, high = depth, e.at, edges[i+1].at
		}
	}
	return low, high, 2*most > len(answers)
}
