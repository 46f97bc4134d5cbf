package raid_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"casemate/raid"
)

// alone opens a mirror after a power cut of which one volume alone is left.
func (r *rig) alone(m *raid.Mirror, slot int) (*raid.Mirror, error) {
	r.t.Helper()
	path := filepath.Join(r.c.StateDir, "mirror.state")
	record, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	r.crash(m)
	if err := os.WriteFile(path, record, 0o600); err != nil { // as if nothing had been closed
		r.t.Fatal(err)
	}
	for i, dir := range r.c.Dirs {
		if i == slot {
			continue
		}
		if err := os.Rename(dir, dir+".away"); err != nil {
			r.t.Fatal(err)
		}
	}
	return raid.Open(context.Background(), r.c)
}

// A volume whose disk fails just when another one comes back is put out, and the one that came back is
// in sync. It must never be in the epoch on record and out of the mirror: after a power cut it would
// pass for the truth without what it was never given.
func TestDiskFailsWhileAnotherComesBack(t *testing.T) {
	r := newRigOf(t, 3)
	m := r.open()
	put(t, m, "k/1", "before")
	r.clock.stop() // it does not come back before the other's disk fails
	kill(t, m, 0)
	put(t, m, "k/2", "without it") // that it is out is recorded
	defer inject(t, m.Status().Volumes[2].PID, "renameat", "when=1+")()
	r.clock.start()
	eventually(t, "the last is out", func() bool { return m.Status().Volumes[2].State != raid.InSync })
	put(t, m, "k/2", "after")
	if v := m.Status().Volumes[0]; v.State != raid.InSync {
		t.Errorf("the one that came back: %+v", v)
	}
	m, err := r.alone(m, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close(m)
	want(t, m, "k/2", "after")
}

// The same when a volume is to be removed and the one that would be left fails: nothing is removed, and
// the one that failed is in no epoch any more.
func TestDiskFailsWhileItsTwinIsRemoved(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "before")
	r.clock.stop() // what is put out stays out
	defer inject(t, m.Status().Volumes[0].PID, "renameat", "when=1+")()
	if err := m.Remove(t.Context(), raid.Ref(r.c.Dirs[1])); !errors.Is(err, raid.ErrLast) {
		t.Errorf("removing: %v", err)
	}
	put(t, m, "k/2", "after")
	m, err := r.alone(m, 0)
	if err == nil {
		defer r.close(m)
		want(t, m, "k/2", "after")
		t.Error("it opened")
	}
	if !errors.Is(err, raid.ErrNotWitnessed) {
		t.Error(err)
	}
}

// slowly is a Witness that does something while it saves the next mark.
type slowly struct{ meanwhile chan func() }

func (w slowly) Load(context.Context) ([]byte, error) { return nil, nil }

func (w slowly) Save(context.Context, []byte) error {
	select {
	case do := <-w.meanwhile:
		do()
	default:
	}
	return nil
}

// A volume that dies while the mirror records that another one did is not in the epoch under which the
// last one goes on.
func TestVolumeDiesWhileAnotherIsFenced(t *testing.T) {
	r := newRigOf(t, 3)
	w := slowly{make(chan func(), 1)}
	r.c.Witness = w
	m := r.open()
	put(t, m, "k/1", "before")
	r.clock.stop() // what is put out stays out
	w.meanwhile <- func() {
		signal(t, m, 1, syscall.SIGKILL)
		eventually(t, "the second is out", func() bool { return m.Status().Volumes[1].State != raid.InSync })
	}
	signal(t, m, 2, syscall.SIGKILL)
	eventually(t, "both are out", func() bool { return len(m.Slots()) == 1 })
	put(t, m, "k/2", "after")
	r.c.Witness = nil
	m, err := r.alone(m, 1)
	if err == nil {
		defer r.close(m)
		want(t, m, "k/2", "after")
		t.Error("it opened")
	}
	if !errors.Is(err, raid.ErrNotWitnessed) {
		t.Error(err)
	}
}
