package raid

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// A process that a dead disk holds is waited for as long as Close has, not anew; one that was killed at the last moment
// has one more.
func TestEndedInTheTimeOfClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &Mirror{c: Config{Log: slog.New(slog.DiscardHandler)}}
		m.running.Add(1)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begun := time.Now()
		m.ended(ctx)
		if took := time.Since(begun); took != 4*time.Second { // the bubble's clock
			t.Errorf("it took %v", took)
		}
		time.AfterFunc(time.Second/2, m.running.Done)
		begun = time.Now()
		m.ended(ctx)
		if took := time.Since(begun); took != time.Second/2 {
			t.Errorf("one that was killed last took %v", took)
		}
	})
}
