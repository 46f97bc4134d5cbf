package raid_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"

	"casemate/raid"
)

// What became of an attempt to write.
type outcome int

const (
	underWay outcome = iota
	acknowledged
	refused // the mirror said that nothing was written
	unknown // the mirror said that nobody knows
)

// attempt is one batch on a group. Its number is its place in the group's list, from 1.
type attempt struct {
	remove  bool
	outcome outcome
}

// group is a few keys that every batch on it writes together, each batch with its own number: all
// of them show the same number, or a batch was not whole. One writer alone writes to a group.
type group struct {
	mu    sync.Mutex
	name  string
	tries []attempt
	floor int // no read may show less: the last acknowledged number, or what a check has seen since
}

const groupKeys = 3

func (g *group) key(i int) []byte { return fmt.Appendf(nil, "%s/%d", g.name, i) }

// render is what key i holds after attempt n: a short value, one for the value log, a long one.
func (g *group) render(i, n int) []byte {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s/%d#%d", g.name, i, n)
	size := []int{100, 1500, 9000}[i] + int(h.Sum32())%[]int{100, 1500, 30000}[i]
	line := fmt.Sprintf("%s/%d#%d\n", g.name, i, n)
	return []byte(strings.Repeat(line, 1+size/len(line))[:size])
}

// may says whether n attempts having been made, a reader that began when floor was the last one
// acknowledged may see what attempt n left. mu is held.
func (g *group) may(floor, n int) bool {
	return n >= floor && n <= len(g.tries) && (n == 0 || n == floor || g.tries[n-1].outcome != refused)
}

// sees finds the attempts whose effect on key i a value is (nil: no such key), of those that may be
// seen. mu is held.
func (g *group) sees(floor, i int, value []byte, absent bool) (list []int) {
	for n := floor; n <= len(g.tries); n++ {
		gone := n == 0 || g.tries[n-1].remove
		if g.may(floor, n) && gone == absent && (gone || string(value) == string(g.render(i, n))) {
			list = append(list, n)
		}
	}
	return list
}

// ledger is all that was ever written, by whom, and what became of it.
type ledger struct {
	mu     sync.Mutex
	groups []*group
	wrong  []string // promises broken

	acknowledged, refused, unknown, reads atomic.Int64
}

func (l *ledger) complain(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.wrong) < 20 {
		l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
	}
}

func (l *ledger) complaints() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.wrong...)
}

func (l *ledger) add(name string) *group {
	g := &group{name: name}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.groups = append(l.groups, g)
	return g
}

// any gives a group at random, nil if there is none yet.
func (l *ledger) any(r *rand.Rand) *group {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.groups) == 0 {
		return nil
	}
	return l.groups[r.IntN(len(l.groups))]
}

// write makes one batch on a group and books what became of it.
func (l *ledger) write(m *raid.Mirror, g *group, remove bool) error {
	g.mu.Lock()
	g.tries = append(g.tries, attempt{remove: remove})
	n := len(g.tries)
	g.mu.Unlock()
	ops := make([]raid.Op, groupKeys)
	for i := range ops {
		ops[i] = raid.Op{Key: g.key(i), Delete: remove}
		if !remove {
			ops[i].Value = g.render(i, n)
		}
	}
	_, err := m.Write(context.Background(), ops)
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err == nil:
		g.tries[n-1].outcome, g.floor = acknowledged, n
		l.acknowledged.Add(1)
	case errors.Is(err, raid.ErrUnknown):
		g.tries[n-1].outcome = unknown
		l.unknown.Add(1)
	case errors.Is(err, raid.ErrFull), errors.Is(err, raid.ErrRefused), errors.Is(err, raid.ErrReadOnly):
		g.tries[n-1].outcome = refused
		l.refused.Add(1)
	default:
		g.tries[n-1].outcome = unknown
		l.complain("a write ended in an error that tells nothing: %v", err)
	}
	return err
}

// read reads one key of a group while it may be written, and books what is wrong with it.
func (l *ledger) read(m *raid.Mirror, g *group, i int) error {
	g.mu.Lock()
	floor := g.floor
	g.mu.Unlock()
	v, err := m.Get(context.Background(), g.key(i))
	if err != nil && !errors.Is(err, raid.ErrNotFound) {
		return err
	}
	l.reads.Add(1)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.sees(floor, i, v, err != nil)) == 0 {
		l.complain("%s reads %.30q (%v), and the last acknowledged batch of %d is %d", g.key(i), v, err, len(g.tries), floor)
	}
	return nil
}

// verify reads a group whole from one volume, nobody writing, and gives the number it shows.
func (g *group) verify(m *raid.Mirror, slot int) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []int
	for i := range groupKeys {
		v, err := m.GetFrom(context.Background(), slot, g.key(i))
		if err != nil && !errors.Is(err, raid.ErrNotFound) {
			return 0, fmt.Errorf("volume %d, %s: %w", slot, g.key(i), err)
		}
		seen := g.sees(g.floor, i, v, err != nil)
		if len(seen) == 0 {
			return 0, fmt.Errorf("volume %d, %s reads %.30q (%s): of %d batches %d was acknowledged last",
				slot, g.key(i), v, fmt.Sprint(err), len(g.tries), g.floor)
		}
		if i == 0 {
			all = seen
			continue
		}
		var both []int
		for _, n := range all {
			for _, k := range seen {
				if n == k {
					both = append(both, n)
				}
			}
		}
		if all = both; len(all) == 0 {
			return 0, fmt.Errorf("volume %d, %s: a batch is there in part", slot, g.key(i))
		}
	}
	return all[0], nil
}

// check verifies everything on every volume that is in sync. What it saw of batches nobody knew
// about holds from then on.
func (l *ledger) check(m *raid.Mirror, slots []int) error {
	l.mu.Lock()
	groups := append([]*group(nil), l.groups...)
	l.mu.Unlock()
	for _, g := range groups {
		first := -1
		for _, slot := range slots {
			n, err := g.verify(m, slot)
			if err != nil {
				return err
			}
			if first >= 0 && n != first {
				return fmt.Errorf("%s: the volumes differ: batch %d and batch %d", g.name, first, n)
			}
			first = n
		}
		g.mu.Lock()
		if first > g.floor {
			g.floor = first
		}
		g.mu.Unlock()
	}
	return nil
}
