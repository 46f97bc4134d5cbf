package raid_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"casemate/raid"
)

// A volume that hangs with a batch in flight is waited for no longer at closing than at any other time, and
// a batch that waits behind it is refused.
func TestCloseWhileAVolumeHangs(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "before")
	pid := m.Status().Volumes[1].PID
	r.clock.stop()
	signal(t, m, 1, syscall.SIGSTOP)
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	written, closed := writing(m, "k/2", "v"), make(chan error, 1)
	inFlight(t, m, 1)
	go func() { closed <- m.Close() }()
	eventually(t, "it is being closed", m.Pausing)
	late := writing(m, "k/3", "v") // waits for its place, and gets none
	eventually(t, "another batch waits", func() bool { return m.Calls() == 2 })
	r.clock.move(2 * r.c.WriteDeadline)
	for _, got := range []<-chan error{written, closed} {
		select {
		case err := <-got:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Fatal("it waits for ever")
		}
	}
	select {
	case err := <-late:
		if !errors.Is(err, raid.ErrReadOnly) {
			t.Errorf("a batch that waited while it was closed: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("a batch waits for ever")
	}
	want(t, r.open(), "k/2", "v")
}
