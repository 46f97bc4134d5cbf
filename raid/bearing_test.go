package raid_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"casemate/raid"
	"casemate/raid/volume"
)

// outrun restores an older state directory beside a token that has seen marks since, and that is silent from
// now on; say changes that.
func (r *rig) outrun(w *token) (say func(error)) {
	t := r.t
	t.Helper()
	backup := filepath.Join(t.TempDir(), "state")
	if err := os.CopyFS(backup, os.DirFS(r.c.StateDir)); err != nil {
		t.Fatal(err)
	}
	for range 9 { // their marks have higher orders than what follows will have
		r.close(r.open())
	}
	if err := errors.Join(os.RemoveAll(r.c.StateDir), os.CopyFS(r.c.StateDir, os.DirFS(backup))); err != nil {
		t.Fatal(err)
	}
	say = func(err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.away = err
	}
	say(errors.New("no token in the slot"))
	return say
}

// A token whose mark is of a higher order than ours is overtaken there and then, and is enough although the
// state directory takes no write at that very moment.
func TestOvertakenWithTheStateDirectoryGone(t *testing.T) {
	r := newRig(t)
	w := &token{}
	r.c.Witness = w
	r.close(r.open())
	say := r.outrun(w)
	m := r.open()
	say(nil)
	move(t, r.c.StateDir, r.c.StateDir+".away")
	r.clock.stop() // what is put out stays out
	kill(t, m, 0)
	put(t, m, "k/1", "one")
	move(t, r.c.StateDir+".away", r.c.StateDir)
}

// A manifest that one volume lacks and another would not give, since it hangs, is not taken for trimmed: what
// it says of a removal is not known then.
func TestManifestOfAVolumeThatHangs(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "one")
	remove(t, m, []byte("k/1"))
	lose := func() {
		if err := m.Unlist(t.Context(), 0, volume.ManifestKey(m.Status().Sequence)); err != nil {
			t.Fatal(err)
		}
	}
	lose()
	for range 2 { // whichever is asked first
		if err := m.Recorded(t.Context()); err != nil {
			t.Errorf("one has it: %v", err)
		}
	}
	m = r.impatient(m)
	lose()
	signal(t, m, 1, syscall.SIGSTOP)
	defer signal(t, m, 1, syscall.SIGCONT)
	for range 2 {
		if err := m.Recorded(t.Context()); !errors.Is(err, raid.ErrUnavailable) {
			t.Errorf("the one that has it hangs: %v", err)
		}
	}
}
