package raid_test

import (
	"syscall"
	"testing"
	"time"

	"casemate/raid"
)

// A volume that hangs with a batch in flight is waited for no longer at closing than at any other time.
func TestCloseWhileAVolumeHangs(t *testing.T) {
	r := newRig(t)
	r.c.WriteDeadline = 500 * time.Millisecond
	m := r.open()
	put(t, m, "k/1", "before")
	pid := m.Status().Volumes[1].PID
	signal(t, m, 1, syscall.SIGSTOP)
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	written, closed := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := m.Write(t.Context(), []raid.Op{{Key: []byte("k/2"), Value: []byte("v")}})
		written <- err
	}()
	time.Sleep(100 * time.Millisecond)
	go func() { closed <- m.Close() }()
	for _, got := range []chan error{written, closed} {
		select {
		case err := <-got:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("it waits for ever")
		}
	}
	want(t, r.open(), "k/2", "v")
}
