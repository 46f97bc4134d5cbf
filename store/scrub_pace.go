package store

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

const (
	paceBurst = 256 << 10
	// busyShare is what part of its rate the scrub takes while somebody waits for the safe, or did a
	// moment ago.
	busyShare = 8
	moment    = time.Second
	// fullSpeed is about what a scrub does with a core when nothing holds it back: a higher rate is none,
	// so that a share of it is a share of the machine.
	fullSpeed = 256 << 20
)

// use notes that somebody waits for the safe, until what it gives is called.
func (s *Safe) use() (done func()) {
	s.busy.Add(1)
	return func() {
		s.used.Store(s.now().UnixNano())
		s.busy.Add(-1)
	}
}

func (s *Safe) inUse() bool {
	return s.busy.Load() > 0 || s.now().Sub(time.Unix(0, s.used.Load())) < moment
}

// pace holds the scrub back to its rate: whole while nobody waits for the safe, a share of it while
// somebody does, and never so low that it would be late.
func (s *Safe) pace(ctx context.Context, cost int) error {
	c := s.scrub
	c.mu.Lock()
	floor := c.floor
	c.mu.Unlock()
	for cost > 0 {
		want := float64(c.rate)
		if s.inUse() {
			want = min(want, fullSpeed) / busyShare
		}
		if limit := rate.Limit(max(want, floor)); c.pacer.Limit() != limit {
			c.pacer.SetLimit(limit)
		}
		n := min(cost, paceBurst) // the more at once, the longer somebody else waits for a core
		if err := c.pacer.WaitN(ctx, n); err != nil {
			return err
		}
		cost -= n
	}
	return nil
}

// cost is an amount of work, in bytes that could be digested instead.
type cost float64

// costOf is what a volume's figures cost.
func costOf(entries, documents, bytes, values uint64) cost {
	return cost(entries*valueCost) + cost(documents*(proofCost+6*valueCost)) + cost(bytes) + cost(values*valueCost)
}

// whole is what the survey of one volume costs, about: each document is six values beside its
// segments, each entry and each of those is authenticated once more among the other values.
func (n snapshot) whole() cost {
	var documents, bytes uint64
	for _, v := range n.vaults {
		documents, bytes = documents+v.Documents, bytes+v.Bytes
	}
	return costOf(n.size, documents, bytes, n.size+6*documents)
}

func (v VolumeReport) cost() cost { return costOf(v.Journal, v.Documents, v.Bytes, v.Values) }

// speed is how fast it goes of late.
type speed struct {
	at    time.Time
	bytes uint64
	cost  cost
	rate  float64 // bytes per second
	work  float64 // cost per second
}

const speedWindow = 5 * time.Second

// measure brings the figures of the run up to date, and the rate below which it would be late.
func (s *Safe) measure(y *survey) {
	c := s.scrub
	now := s.now()
	_, due := s.scrubTimesKnown()
	volumes := len(s.mirror.Slots())
	_, mine, _ := y.figures()
	c.mu.Lock()
	defer c.mu.Unlock()
	bytes, done := mine.Bytes, mine.cost()
	for _, v := range c.rec.Report.Volumes {
		bytes, done = bytes+v.Bytes, done+v.cost()
	}
	c.total = y.snap.whole() * cost(max(1, volumes))
	switch elapsed := now.Sub(c.speed.at); {
	case c.speed.at.IsZero() || elapsed < 0 || done < c.speed.cost:
		c.speed = speed{at: now, bytes: bytes, cost: done}
	case elapsed >= speedWindow:
		c.speed = speed{at: now, bytes: bytes, cost: done,
			rate: float64(bytes-c.speed.bytes) / elapsed.Seconds(), work: float64(done-c.speed.cost) / elapsed.Seconds()}
	}
	c.floor = minRate
	if left := due.Sub(now); !due.IsZero() && c.total > done {
		left = max(left, c.every/lateShare) // one that is late already is no reason to stand in everybody's way
		c.floor = max(minRate, float64(c.total-done)/(left.Seconds()*0.8))
	}
}

const (
	// minRate keeps a scrub moving on a safe that is never quiet.
	minRate = 1 << 20
	// lateShare is in what part of the period a scrub that is late, or nearly, is to be finished.
	lateShare = 30
)
