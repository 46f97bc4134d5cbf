package raid_test

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"casemate/raid"
)

// du is what a directory takes on its file system, in bytes, by another program's word.
func du(t testing.TB, dir string) int64 {
	t.Helper()
	out, err := exec.Command("du", "-s", "--block-size=1", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseInt(strings.Fields(string(out))[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Space of what was removed comes back, whether its log is still written to or not, and nothing that
// was not removed goes with it.
func TestReclaim(t *testing.T) {
	for _, sealed := range []bool{true, false} {
		t.Run("sealed="+strconv.FormatBool(sealed), func(t *testing.T) {
			r := newRig(t)
			m := r.open()
			keys := wide(t, m, 1500)
			if sealed {
				r.close(m)
				m = r.open()
			}
			for from := 10; from < 1490; from += 100 {
				remove(t, m, keys[from:min(1490, from+100)]...)
			}
			left := append(keys[:10:10], keys[1490:]...)
			before := du(t, r.c.Dirs[1])
			got, err := m.Reclaim(t.Context(), raid.Ref(r.c.Dirs[1]))
			if err != nil {
				t.Fatal(err)
			}
			after := du(t, r.c.Dirs[1])
			t.Logf("%d MiB, then %d MiB; by its own word %d and %d", before>>20, after>>20, got.Before>>20, got.After>>20)
			if before-after < 40<<20 || got.Before-got.After < 40<<20 || r.ev.count(raid.EventReclaimed) != 1 {
				t.Errorf("nothing came back")
			}
			everywhere(t, m, left, big)
			clean(t, m)
			if s := m.Status(); s.State != raid.Healthy || s.Volumes[1].Faults != 0 {
				t.Errorf("%+v", s)
			}
			put(t, m, "k/after", "it takes writes")
			r.crash(m)
			m = r.open()
			everywhere(t, m, left, big)
			clean(t, m)
		})
	}
}

// Badger's collection throws away what lies behind a flipped byte. Nothing is given back then, and
// nothing is lost, on that volume alone.
func TestReclaimRefusesBehindDamage(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/rots", big("k/rots")) // alone in its batch: it lies first in the log
	keys := wide(t, m, 600)
	r.close(m)
	m = r.open()
	remove(t, m, append(keys[:300:300], []byte("k/rots"))...)
	log := files(t, r.c.Dirs[0], "*.vlog")[0]
	flip(t, log, 20<<10) // in a value that was removed: nobody ever reads it
	if _, err := m.Reclaim(t.Context(), raid.Ref(r.c.Dirs[0])); !errors.Is(err, raid.ErrRotten) {
		t.Fatalf("behind a flipped byte: %v", err)
	}
	everywhere(t, m, keys[300:], big)
	if n := r.ev.count(raid.EventLostValue) + r.ev.count(raid.EventRepaired); n != 0 {
		t.Errorf("%d values had to be repaired", n)
	}
	if err := m.Resilver(t.Context(), raid.Ref(r.c.Dirs[0]), true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "filled anew", func() bool {
		return m.Status().Volumes[0].Generation == 2 && m.Status().State == raid.Healthy
	})
	everywhere(t, m, keys[300:], big)
	clean(t, m)
}

func TestReclaimNeedsATwin(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "one")
	if err := m.Detach(t.Context(), raid.Ref(r.c.Dirs[1])); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Reclaim(t.Context(), raid.Ref(r.c.Dirs[0])); !errors.Is(err, raid.ErrUnavailable) {
		t.Errorf("without a twin: %v", err)
	}
	if _, err := m.Reclaim(t.Context(), "/nowhere"); !errors.Is(err, raid.ErrNoVolume) {
		t.Errorf("nowhere: %v", err)
	}
}

// A volume killed while it gives space back is a volume like any other.
func TestReclaimKilled(t *testing.T) {
	r := newRig(t)
	m := r.open()
	keys := wide(t, m, 600)
	r.close(m)
	m = r.open()
	remove(t, m, keys[:500]...)
	over := make(chan error, 1)
	go func() { _, err := m.Reclaim(t.Context(), raid.Ref(r.c.Dirs[0])); over <- err }()
	eventually(t, "at work", func() bool { return r.ev.count(raid.EventReclaimed) > 0 || len(over) > 0 || m.Reclaiming(0) })
	kill(t, m, 0)
	if err := <-over; err == nil {
		t.Log("it was over before")
	}
	insync(t, m)
	everywhere(t, m, keys[500:], big)
	clean(t, m)
}
