package raid_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"casemate/raid"
	"casemate/raid/raidtest"
)

// step is one system call on the way of a batch or of an epoch: the nth of its name since the
// volume was last at rest.
type step struct {
	call string
	nth  int
	line string // as traced
}

// lasting are the calls by which anything comes onto a disk or into the mirror's hands.
const lasting = "write,pwrite64,writev,pwritev,msync,fsync,fdatasync,sync_file_range,openat,creat,rename,renameat," +
	"renameat2,unlink,unlinkat,mkdir,mkdirat,ftruncate,truncate,fallocate,copy_file_range,sendfile,sendto,sendmsg"

func (p step) String() string { return fmt.Sprintf("%s %d", p.call, p.nth) }

// wakeUp is what Go's runtime writes into an eventfd to wake a thread: no step, and not there each time.
const wakeUp = `"\1\0\0\0\0\0\0\0", 8)`

// stepsOf traces a volume while act is done and gives what it called, in order.
func (s *site) stepsOf(slot int, act func()) (steps []step) {
	s.t.Helper()
	trace := raidtest.Attach(s.t, s.pid(slot), "-e", "trace="+lasting)
	act()
	trace.Detach()
	count := map[string]int{}
	for line := range strings.Lines(trace.Log()) {
		if strings.Contains(line, wakeUp) {
			continue
		}
		for _, name := range raidtest.Calls(line) {
			count[name]++
			steps = append(steps, step{name, count[name], strings.TrimSpace(line)})
		}
	}
	return steps
}

// has says whether a step of that name is among them, whose line contains all the words.
func has(steps []step, call string, words ...string) bool {
	return slices.ContainsFunc(steps, func(p step) bool {
		return p.call == call && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(p.line, w) })
	})
}

// TestEachStepOfACommit kills a volume, or both, at each system call by which a batch gets onto the
// disk, that call not made any more; and cuts the power of the disk at the same moment. One struck:
// the batch is acknowledged by the other. Both: whatever was said of it is true.
func TestEachStepOfACommit(t *testing.T) {
	for name, victims := range map[string][]int{"xfs": {0}, "ext4": {1}, "both": {0, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, diskSize)
			s.open()
			s.write(3)
			steps := s.stepsOf(victims[0], func() { s.write(1) })
			// Both logs of Badger, then the ring, then the word to the mirror.
			if !has(steps, "msync") || !has(steps, "pwrite64", "CASEHEAD") || !has(steps, "fdatasync") || !has(steps, "writev") {
				t.Fatalf("the steps of a commit are not those known: %#v", steps)
			}
			for i, p := range steps {
				for n, power := range []bool{false, true} {
					if os.Getenv("CASEMATE_LONG") == "" && len(victims) == 1 && (i+victims[0])%2 == n {
						continue // the other file system has it
					}
					s.insist(p, func() bool { return s.strikeAt(p, victims, power) })
				}
			}
			t.Logf("steps: %v", steps)
			s.verify()
		})
	}
}

// insist tries until the step was hit: strace counts the calls of each thread for itself, and a
// volume's threads change.
func (s *site) insist(p step, try func() bool) {
	s.t.Helper()
	for range 30 {
		hit := try()
		if wrong := s.led.complaints(); s.t.Failed() || len(wrong) > 0 {
			s.t.Fatalf("at %v: %q", p, wrong)
		}
		if hit {
			return
		}
	}
	s.t.Fatalf("the step never came: %v", p)
}

// attempt writes one batch that may end in any way.
func (s *site) attempt() {
	s.runs++
	_ = s.led.write(s.m, s.led.add(fmt.Sprintf("k/attempt-%d", s.runs)), false)
}

// strikeAt kills volumes at a step of a batch, cuts the power of their disks, and has everything
// come back. It says whether the step was hit.
func (s *site) strikeAt(p step, victims []int, power bool) (hit bool) {
	s.t.Helper()
	acknowledged := s.led.acknowledged.Load()
	var traces []*raidtest.Strace
	for _, v := range victims {
		traces = append(traces, raidtest.Attach(s.t, s.pid(v), raidtest.Kill(p.call, p.nth)...))
	}
	s.attempt()
	// A volume killed on the way to its answer is out before the batch is settled.
	st := s.m.Status()
	hit = st.ReadOnly || len(victims) == 1 && s.volume(victims[0]).State != raid.InSync
	for i, v := range victims {
		if hit && power {
			s.disks[v].Cut()
		}
		traces[i].Detach()
	}
	switch {
	case st.ReadOnly && len(victims) == 1, len(victims) == 1 && s.led.acknowledged.Load() == acknowledged:
		s.t.Errorf("the mirror stopped at %v though a good volume was left", p)
		return hit
	case st.ReadOnly:
		s.crash()
		if power {
			both(func(i int) { s.disks[i].Remount() })
		}
		s.open()
	default:
		s.write(2)
		if hit && power {
			s.disks[victims[0]].Remount()
		}
	}
	s.healthy()
	if err := s.led.check(s.m, s.m.Slots()); err != nil {
		s.t.Errorf("killed at %v: %v", p, err)
	}
	return hit
}

// TestEachStepOfAnEpoch kills one volume, and the other at each system call by which it would
// record that it goes on alone, with the power of both cut at the same moment: both struck at the
// worst time. Nothing that was acknowledged is lost, and the mirror opens again.
func TestEachStepOfAnEpoch(t *testing.T) {
	for survivor, kind := range []string{"xfs", "ext4"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, diskSize)
			s.open()
			s.write(3)
			steps := s.stepsOf(survivor, func() { s.kill(1 - survivor); s.fenced(1 - survivor); s.write(1) })
			if !has(steps, "openat", "superblock.new") || !has(steps, "fsync") ||
				!has(steps, "renameat", "superblock") && !has(steps, "renameat2", "superblock") {
				t.Fatalf("the steps of an epoch are not those known: %#v", steps)
			}
			s.healthy()
			for _, p := range steps {
				s.insist(p, func() bool { return s.strikeEpochAt(p, survivor) })
			}
			t.Logf("steps: %v", steps)
			s.verify()
		})
	}
}

// strikeEpochAt kills a volume, and its survivor at a step of recording that.
func (s *site) strikeEpochAt(p step, survivor int) (hit bool) {
	s.t.Helper()
	trace := raidtest.Attach(s.t, s.pid(survivor), raidtest.Kill(p.call, p.nth)...)
	s.kill(1 - survivor)
	s.attempt()
	if hit = s.m.Status().ReadOnly; hit {
		both(func(i int) { s.disks[i].Cut() })
		trace.Detach()
		s.crash()
		both(func(i int) { s.disks[i].Remount() })
		s.open()
	} else {
		trace.Detach()
	}
	s.healthy()
	if err := s.led.check(s.m, s.m.Slots()); err != nil {
		s.t.Errorf("killed at %v: %v", p, err)
	}
	s.write(1)
	return hit
}
