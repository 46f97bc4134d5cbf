package raid_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"casemate/raid"
	"casemate/raid/raidtest"
)

// whole is a fault of a mirror that is closed: of volumes as wholes, of their places, of the state
// directory.
type whole struct {
	name string
	do   func(s *site, victim int)
	why  error                     // the mirror refuses to open, and says so
	mend func(s *site, victim int) // what persons do about it, then
}

var wholes = []whole{
	{name: "an older copy of a volume put back", do: func(s *site, v int) {
		s.keep(s.c.Dirs[v])
		s.goneOn()
		s.putBack(s.c.Dirs[v])
	}},
	{name: "older copies of both put back", do: func(s *site, _ int) {
		for _, dir := range s.c.Dirs {
			s.keep(dir)
		}
		s.goneOn()
		for _, dir := range s.c.Dirs {
			raidtest.CopyDir(s.t, dir, dir+".newer")
			s.putBack(dir)
		}
	}, why: raid.ErrRolledBack, mend: func(s *site, _ int) {
		for _, dir := range s.c.Dirs {
			s.rename(dir, dir+".older")
			s.rename(dir+".newer", dir)
		}
	}},
	{name: "the two swapped", do: func(s *site, _ int) {
		a, b := s.disks[0], s.disks[1]
		a.Unmount()
		b.Unmount()
		a.Dir, b.Dir = b.Dir, a.Dir
		a.Mount()
		b.Mount()
	}, mend: func(s *site, _ int) { s.c.Dirs[0], s.c.Dirs[1] = s.c.Dirs[1], s.c.Dirs[0] }},
	{name: "one volume mounted in both places", do: func(s *site, v int) {
		s.disks[1-v].Unmount()
		if err := unix.Mount(s.disks[v].Dir, s.disks[1-v].Dir, "", unix.MS_BIND, ""); err != nil {
			s.t.Fatal(err)
		}
		s.open() // with one, whichever place it was found in
		s.write(2)
		if s.m.Status().State == raid.Healthy || len(s.m.Slots()) != 1 {
			s.t.Errorf("one volume counts for two: %+v", s.m.Status())
		}
		s.close()
		if err := unix.Unmount(s.disks[1-v].Dir, 0); err != nil {
			s.t.Fatal(err)
		}
		s.disks[1-v].Mount()
	}},
	{name: "a copy of the twin in the place of a volume", do: func(s *site, v int) {
		s.rename(s.c.Dirs[v], s.c.Dirs[v]+".away")
		raidtest.CopyDir(s.t, s.c.Dirs[1-v], s.c.Dirs[v])
		s.open()
		s.write(2)
		if s.m.Status().State == raid.Healthy || len(s.m.Slots()) != 1 {
			s.t.Errorf("a copy counts for a volume: %+v", s.m.Status())
		}
		s.close()
		if err := os.RemoveAll(s.c.Dirs[v]); err != nil {
			s.t.Fatal(err)
		}
		s.rename(s.c.Dirs[v]+".away", s.c.Dirs[v])
	}},
	{name: "a fork, each half having run alone", do: (*site).fork, why: raid.ErrFork, mend: func(s *site, v int) {
		// The half that says least is put away: what was acknowledged there is put in again by whoever
		// has its receipts. The ledger holds what was written before, and in the other half.
		s.decideFor(v)
	}},
	{name: "only the volume left behind is there", do: func(s *site, v int) {
		s.disks[v].Unmount()
		s.open()
		s.write(3)
		s.close()
		s.disks[v].Mount()
		s.disks[1-v].Unmount()
	}, why: raid.ErrNotWitnessed, mend: func(s *site, v int) { s.disks[1-v].Mount() }},
	{name: "the state directory lost", do: func(s *site, _ int) {
		if err := os.RemoveAll(s.c.StateDir); err != nil {
			s.t.Fatal(err)
		}
		if err := os.Mkdir(s.c.StateDir, 0o700); err != nil {
			s.t.Fatal(err)
		}
	}},
	{name: "a byte of mirror.state flipped", do: func(s *site, _ int) { s.flipState(1, 2) }},
	{name: "the first byte of mirror.state flipped", do: func(s *site, _ int) { s.flipState(0, 1) }},
	{name: "mirror.state empty", do: func(s *site, _ int) {
		if err := os.Truncate(filepath.Join(s.c.StateDir, "mirror.state"), 0); err != nil {
			s.t.Fatal(err)
		}
	}},
}

// TestWholesHarmed does to a closed mirror what hands and disks do to volumes as wholes. It opens by
// itself and loses nothing, or it refuses and says why until persons have mended it.
func TestWholesHarmed(t *testing.T) {
	for i, w := range wholes {
		victim := i % 2
		t.Run(fmt.Sprintf("%s/%s", w.name, []string{"xfs", "ext4"}[victim]), func(t *testing.T) {
			t.Parallel()
			s := furnished(t)
			s.close()
			s.whole(w, victim)
			s.verify()
			s.close()
			s.open()
			s.healthy()
			s.verify()
		})
	}
}

// whole does one such thing to a closed mirror and opens it.
func (s *site) whole(w whole, victim int) {
	s.t.Helper()
	w.do(s, victim)
	if w.why != nil {
		s.refused(w.why)
	}
	if w.mend != nil {
		w.mend(s, victim)
	}
	s.open()
	s.write(3)
	s.healthy()
}

// refused opens the mirror, which must be refused, and gives what there is to choose from.
func (s *site) refused(why error) []raid.Choice {
	s.t.Helper()
	m, err := raid.Open(s.t.Context(), s.c)
	if err == nil {
		_ = m.Close()
	}
	var u *raid.Undecided
	if !errors.Is(err, why) || !errors.As(err, &u) {
		s.t.Fatalf("opening: %v; want %v", err, why)
	}
	return u.Choices
}

// decideFor decides for the choice that is in a volume's directory.
func (s *site) decideFor(victim int) {
	s.t.Helper()
	choices := s.refused(raid.ErrFork)
	i := slices.IndexFunc(choices, func(c raid.Choice) bool { return c.Dir == s.c.Dirs[victim] })
	if i < 0 || choices[i].Loses == "" {
		s.t.Fatalf("%q is not among what there is to choose from: %+v", s.c.Dirs[victim], choices)
	}
	if err := raid.Decide(s.t.Context(), s.c, choices[i].ID, "two officers"); err != nil {
		s.t.Fatal(err)
	}
}

// fork has each half run alone, the second one after the state directory was put back too. What the
// half of the victim acknowledged is in the ledger; of the other's, that it is told.
func (s *site) fork(victim int) {
	s.t.Helper()
	s.keep(s.c.StateDir)
	led := s.led
	for _, half := range []int{1 - victim, victim} {
		s.rename(s.c.Dirs[1-half], s.c.Dirs[1-half]+".away")
		if half == victim {
			s.putBack(s.c.StateDir)
		} else {
			s.led = &ledger{}
		}
		s.open()
		s.write(3)
		s.close()
		s.led = led
		s.rename(s.c.Dirs[1-half]+".away", s.c.Dirs[1-half])
	}
	_, err := raid.Open(s.t.Context(), s.c)
	for _, dir := range s.c.Dirs {
		if err == nil || !strings.Contains(err.Error(), dir) {
			s.t.Fatalf("%v does not tell the history of %q", err, dir)
		}
	}
}

// keep copies a directory aside for putBack.
func (s *site) keep(dir string) { s.t.Helper(); raidtest.CopyDir(s.t, dir, dir+".kept") }

func (s *site) putBack(dir string) {
	s.t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		s.t.Fatal(err)
	}
	s.rename(dir+".kept", dir)
}

func (s *site) rename(from, to string) {
	s.t.Helper()
	if err := os.Rename(from, to); err != nil {
		s.t.Fatal(err)
	}
}

// goneOn opens the mirror, writes and closes it again.
func (s *site) goneOn() {
	s.t.Helper()
	s.open()
	s.healthy()
	s.write(5)
	s.close()
}

// flipState flips the byte of mirror.state at this fraction of it.
func (s *site) flipState(part, of int64) {
	s.t.Helper()
	path := filepath.Join(s.c.StateDir, "mirror.state")
	raidtest.Flip(s.t, path, (raidtest.Written(s.t, path)-1)*part/of)
}
