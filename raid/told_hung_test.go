package raid_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"casemate/raid"
)

// hung is a log whose journal takes no more events until it is let go.
type hung struct {
	slog.Handler
	came chan struct{} // one for each that waits
	free chan struct{}
}

func (h *hung) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "mirror event" {
		h.came <- struct{}{}
		<-h.free
	}
	return h.Handler.Handle(ctx, r)
}

// TestLogHangs: while the journal takes nothing, the mirror puts a volume out, reads, writes and says how it is.
func TestLogHangs(t *testing.T) {
	r := newRig(t)
	h := &hung{Handler: r.c.Log.Handler(), came: make(chan struct{}, 100), free: make(chan struct{})}
	r.c.Log = slog.New(h)
	m := r.open()
	put(t, m, "k/before", "one")
	r.clock.stop() // it is not tried again
	signal(t, m, 1, syscall.SIGKILL)
	<-h.came
	done := make(chan error, 1)
	go func() {
		_, err := m.Write(context.Background(), []raid.Op{{Key: []byte("k/after"), Value: []byte("two")}})
		v, rerr := m.Get(context.Background(), []byte("k/before"))
		if st := m.Status(); st.State != raid.Degraded || string(v) != "one" {
			err = fmt.Errorf("%s, %q: %w", st.State, v, err)
		}
		done <- errors.Join(err, rerr)
	}()
	select {
	case err := <-done:
		if err != nil || r.ev.count(raid.EventFenced) != 0 {
			t.Errorf("told before it was logged, or: %v", err)
		}
	case <-time.After(patience / 4):
		t.Error("it waits for its log")
	}
	close(h.free)
	r.ev.told(t, raid.EventFenced, 1)
}
