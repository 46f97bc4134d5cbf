package raid_test

import (
	"sync"
	"testing"
	"time"

	"casemate/raid"
)

// clock is a mirror's. It goes with the machine's until it is stopped, and then only as far as it is moved: no
// deadline passes, no sign of life is asked for, no volume is tried again and no copy that gives way goes on but
// when a test wants it, however long its processes wait for a processor or a disk.
type clock struct {
	mu      sync.Mutex
	stopped bool
	at      time.Time     // while it is stopped
	ahead   time.Duration // of the machine's
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return c.at
	}
	return time.Now().Add(c.ahead)
}

func (c *clock) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped {
		c.stopped, c.at = true, time.Now().Add(c.ahead)
	}
}

func (c *clock) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		c.stopped, c.ahead = false, time.Until(c.at)
	}
}

// move sets a clock that is stopped forward.
func (c *clock) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
}

// impatient opens a mirror anew that waits for a volume that hangs a second only, and does not put it out.
func (r *rig) impatient(m *raid.Mirror) *raid.Mirror {
	r.t.Helper()
	r.close(m)
	r.c.WriteDeadline = time.Second
	m = r.open()
	insync(r.t, m)
	r.clock.stop()
	return m
}

// inFlight waits until a batch is under way that every volume has answered but those in these slots.
func inFlight(t testing.TB, m *raid.Mirror, slots ...int) {
	t.Helper()
	eventually(t, "a batch is under way", func() bool { return m.Waits(slots...) })
}

// quiet waits until nothing is left of what readers found that is repaired in the background.
func quiet(t testing.TB, m *raid.Mirror) {
	t.Helper()
	eventually(t, "nothing is being repaired", m.Quiet)
}

// told waits until so many events of a kind were told: what befalls a volume is told behind what it leads to.
func (e *events) told(t testing.TB, kind raid.EventKind, n int) {
	t.Helper()
	eventually(t, string(kind)+" is told", func() bool { return e.count(kind) >= n })
	if got := e.count(kind); got != n {
		t.Errorf("%s was told %d times, not %d", kind, got, n)
	}
}
