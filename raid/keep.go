package raid

import (
	"context"
	"time"
)

// keep is the mirror's background work: deadlines, and bringing back who is out.
func (m *Mirror) keep(ctx context.Context) {
	tick := time.NewTicker(max(m.c.WriteDeadline/20, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.overdue()
		}
	}
}
