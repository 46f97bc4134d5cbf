package raid_test

import (
	"bufio"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"casemate/raid"
	"casemate/raid/raidtest"
)

// blow is a fault done to both volumes of a mirror at work: it stops. Afterwards, when a person has
// done what mend does, it opens again, and nothing that was acknowledged is lost.
type blow struct {
	name string
	hurt func(s *site)
	mend func(s *site)
	open func(s *site) // nil: as always
}

var blows = []blow{
	{name: "both killed", hurt: func(s *site) { s.kill(0); s.kill(1) }, mend: func(*site) {}},
	{name: "power cut on both", hurt: func(s *site) { both(func(i int) { s.disks[i].Cut() }) },
		mend: func(s *site) { both(func(i int) { s.disks[i].Remount() }) }},
	{name: "power cut on all", hurt: func(s *site) {
		both(func(i int) { s.disks[i].Cut() })
		s.state.Cut()
	}, mend: func(s *site) {
		both(func(i int) { s.disks[i].Remount() })
		s.state.Remount()
	}},
	{name: "killed, then power cut on both", hurt: func(s *site) {
		s.kill(0)
		s.kill(1)
		both(func(i int) { s.disks[i].Cut() })
	}, mend: func(s *site) { both(func(i int) { s.disks[i].Remount() }) }},
	{name: "one killed, the state directory's disk gone", hurt: func(s *site) { s.state.Cut(); s.kill(0) },
		mend: func(s *site) { s.state.Remount() }},
	{name: "both read-only", hurt: func(s *site) { both(func(i int) { s.disks[i].ReadOnly() }) },
		mend: func(s *site) { both(func(i int) { s.disks[i].Remount() }) }, open: (*site).openDeciding},
	{name: "both disks die", hurt: func(s *site) { both(func(i int) { s.disks[i].Die() }) },
		mend: func(s *site) { both(func(i int) { s.disks[i].Revive(); s.disks[i].Remount() }) }, open: (*site).openDeciding},
	{name: "both stopped", hurt: func(s *site) { s.signal(0, syscall.SIGSTOP); s.signal(1, syscall.SIGSTOP) }, mend: func(*site) {}},
	{name: "both frozen", hurt: func(s *site) { both(func(i int) { s.disks[i].Freeze() }) },
		mend: func(s *site) { both(func(i int) { s.disks[i].Thaw() }) }},
}

// TestBothVolumesStruck strikes both volumes under load.
func TestBothVolumesStruck(t *testing.T) {
	for _, b := range blows {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			s := furnished(t)
			s.start(2, time.Millisecond)
			s.goesOn(20)
			s.blow(b)
			s.write(3)
			s.verify()
		})
	}
}

// blow strikes both volumes while the crew is at work and opens the mirror again.
func (s *site) blow(b blow) {
	s.t.Helper()
	s.crew.calm.Store(false)
	b.hurt(s)
	eventually(s.t, "it takes no more writes", func() bool { return s.m.Status().ReadOnly })
	s.crew.end()
	s.giveUp(b)
	if b.open != nil {
		b.open(s)
	} else {
		s.open()
	}
	s.healthy()
}

// giveUp ends the mirror as the death of its process does, and has the disks mended: what hangs in
// the kernel does so until then.
func (s *site) giveUp(b blow) {
	s.t.Helper()
	for slot := range s.disks {
		s.kill(slot)
	}
	closed := make(chan struct{})
	go func() { defer close(closed); _ = s.m.Close() }()
	if b.name == "both frozen" {
		b.mend(s)
		<-closed
		return
	}
	<-closed
	b.mend(s)
}

// openDeciding opens a mirror of which no volume may be the truth by itself any more: each failed to
// write. Two persons decide for the one with the newest epoch and the longest history, which holds
// all that was acknowledged.
func (s *site) openDeciding() {
	s.t.Helper()
	m, err := raid.Open(s.t.Context(), s.c)
	var u *raid.Undecided
	if errors.As(err, &u) {
		var best raid.Choice
		for _, c := range u.Choices {
			if c.Epoch > best.Epoch || c.Epoch == best.Epoch && c.Sequence > best.Sequence {
				best = c
			}
		}
		if err = raid.Decide(s.t.Context(), s.c, best.ID, "two officers"); err == nil {
			s.open()
			return
		}
	}
	if err != nil {
		s.t.Fatalf("opening: %v", err)
	}
	s.m = m
	s.t.Cleanup(func() { _ = m.Close() })
}

// TestMachineLosesPower kills the process that owns the mirror, its volumes, and the power of all
// three disks at once, under load, again and again: whatever it had said was acknowledged is there.
func TestMachineLosesPower(t *testing.T) {
	s := newSite(t, diskSize)
	said := map[string]bool{}
	for round := range 4 {
		cmd := exec.Command("/proc/self/exe", append([]string{writerArgument, s.c.StateDir}, s.c.Dirs...)...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		begun, cut := len(said), false
		for in := bufio.NewScanner(out); in.Scan(); {
			if strings.HasPrefix(in.Text(), "error") {
				if !cut {
					t.Fatal(in.Text())
				}
				break
			}
			if said[in.Text()] = true; len(said) >= begun+40+17*round && !cut {
				cut = true
				both(func(i int) { s.disks[i].Cut() })
				s.state.Cut()
				_ = cmd.Process.Signal(syscall.SIGKILL)
			}
		}
		_ = cmd.Wait()
		for _, d := range []*raidtest.Image{s.disks[0], s.disks[1], s.state} {
			d.Remount()
		}
	}
	s.open()
	s.healthy()
	for k := range said {
		for _, slot := range s.m.Slots() {
			if v, err := s.m.GetFrom(t.Context(), slot, []byte(k)); err != nil || string(v) != value(k) {
				t.Fatalf("volume %d: %q was acknowledged and reads %.20q, %v", slot, k, v, err)
			}
		}
	}
	t.Logf("%d batches acknowledged", len(said))
}
