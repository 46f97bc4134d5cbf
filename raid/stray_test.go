package raid_test

import (
	"errors"
	"os"
	"testing"

	"casemate/raid"
)

// A volume that alone knows of an epoch that never came to be is no fork, even if its database does not
// open: it is filled anew.
func TestUnusedEpochOnAVolumeThatDoesNotOpen(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "before")
	r.clock.stop() // it does not come back before the other's disk fails
	kill(t, m, 1)
	put(t, m, "k/1", "without it")                                        // that it is out is recorded
	detach := inject(t, m.Status().Volumes[0].PID, "renameat", "when=1+") // it comes back, and the other cannot say so
	r.clock.start()
	eventually(t, "read-only", func() bool { return m.Status().ReadOnly })
	r.crash(m)
	detach()
	away := r.c.Dirs[1] + ".away"
	if err := os.Rename(r.c.Dirs[1], away); err != nil {
		t.Fatal(err)
	}
	m = r.open()
	put(t, m, "k/2", "alone")
	r.close(m)
	if err := os.Rename(away, r.c.Dirs[1]); err != nil {
		t.Fatal(err)
	}
	for _, name := range files(t, r.c.Dirs[1], "MANIFEST") {
		if err := os.WriteFile(name, []byte("rot"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, err := raid.Open(t.Context(), r.c)
	if err != nil {
		t.Fatalf("fork: %v: %v", errors.Is(err, raid.ErrFork), err)
	}
	defer r.close(m)
	insync(t, m)
	onEach(t, m, 2, "k/2", "alone")
}

// A volume away for longer than epochs are remembered is no fork.
func TestAwayForLongerThanEpochsAreRemembered(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "both")
	r.close(m)
	move(t, r.c.Dirs[1], r.c.Dirs[1]+".away")
	m = r.open()
	put(t, m, "k/2", "alone")
	for range 65 {
		dir := r.sibling("spare")
		if _, err := m.Add(t.Context(), dir, true); err != nil {
			t.Fatal(err)
		}
		if err := m.Remove(t.Context(), raid.Ref(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	r.close(m)
	move(t, r.c.Dirs[1]+".away", r.c.Dirs[1])
	m, err := raid.Open(t.Context(), r.c)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close(m)
	insync(t, m)
	onEach(t, m, 2, "k/2", "alone")
	clean2(t, m)
}
