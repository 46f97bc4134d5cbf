package raid

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// quietAfter is how long nobody may have called before a copy runs at full speed.
	quietAfter = 100 * time.Millisecond
	// copyFloor is the least speed of a copy in bytes per second, so that it always ends.
	copyFloor = 16 << 20
	// lookAgain is how often a copy that gives way looks whether it still has to.
	lookAgain = 10 * time.Millisecond
)

// calls counts who reads and writes through the mirror. The zero value is nobody.
type calls struct {
	under atomic.Int64
	ended atomic.Int64 // when the last one ended, in nanoseconds since the epoch of Config.Now
}

func (c *calls) begin() { c.under.Add(1) }

func (c *calls) end(now time.Time) {
	c.ended.Store(now.UnixNano())
	c.under.Add(-1)
}

// quiet says whether nobody has called for a while.
func (c *calls) quiet(now time.Time) bool {
	since := now.UnixNano() - c.ended.Load()
	return c.under.Load() == 0 && (since > int64(quietAfter) || since < 0)
}

// giveWay makes a copy that has just moved some bytes wait while others read and write, though never
// so long that it falls below its floor.
func (m *Mirror) giveWay(ctx context.Context, bytes int64) error {
	longest := time.Duration(float64(bytes) / copyFloor * float64(time.Second))
	for end := m.c.Now().Add(longest); !m.calls.quiet(m.c.Now()); {
		left := end.Sub(m.c.Now())
		if left <= 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(left, lookAgain)):
		}
	}
	return ctx.Err()
}
