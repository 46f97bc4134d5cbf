package raid_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"casemate/raid"
	"casemate/raid/raidtest"
)

// strike is a fault done to one volume of a mirror at work, and what a person does about it.
type strike struct {
	name string
	hurt func(s *site, victim int)
	mend func(s *site, victim int) // nil: the mirror mends itself
	back func(s *site, victim int) // what befalls it on its way back, nil: nothing
	full bool                      // batches may be refused for want of room
}

// strikes are the faults from which a mirror at work comes back with one good volume left.
var strikes = []strike{
	{name: "killed", hurt: func(s *site, v int) { s.kill(v); s.fenced(v) }},
	{name: "stopped", hurt: func(s *site, v int) { s.signal(v, syscall.SIGSTOP); s.fenced(v) }},
	{name: "power cut", hurt: func(s *site, v int) { s.disks[v].Cut(); s.fenced(v) },
		mend: func(s *site, v int) { s.disks[v].Remount() }},
	{name: "killed, then power cut", hurt: func(s *site, v int) { s.kill(v); s.disks[v].Cut(); s.fenced(v) },
		mend: func(s *site, v int) { s.disks[v].Remount() }},
	{name: "read-only", hurt: func(s *site, v int) { s.disks[v].ReadOnly(); s.fenced(v) },
		mend: func(s *site, v int) { s.disks[v].Remount() }},
	{name: "unmounted under the writer", hurt: func(s *site, v int) { s.disks[v].Detach(); s.fenced(v) },
		mend: func(s *site, v int) { s.disks[v].Gone(); s.disks[v].Mount() }},
	{name: "frozen", hurt: func(s *site, v int) { s.disks[v].Freeze(); s.fenced(v) },
		mend: func(s *site, v int) { s.disks[v].Thaw() }},
	{name: "disk dies", hurt: func(s *site, v int) { s.disks[v].Die(); s.fenced(v) },
		mend: func(s *site, v int) { s.disks[v].Revive(); s.disks[v].Remount() }},
	{name: "syncs of a file fail", hurt: func(s *site, v int) { s.failing(v, "fdatasync") }},
	{name: "syncs of maps fail", hurt: func(s *site, v int) { s.failing(v, "msync") }},
	{name: "value log rots", hurt: func(s *site, v int) { s.rot(v, "value log", 3) }, mend: (*site).cure},
	{name: "tables rot", hurt: func(s *site, v int) { s.rot(v, "table", 2) }, mend: (*site).cure},
	{name: "write-ahead log rots, then killed", hurt: func(s *site, v int) {
		s.rot(v, "write-ahead log", 2)
		s.kill(v)
		s.fenced(v)
	}, mend: (*site).cure},
	{name: "value log rots, then killed", hurt: func(s *site, v int) { s.rot(v, "value log", 2); s.kill(v); s.fenced(v) },
		mend: (*site).cure},
	{name: "lock file removed", hurt: func(s *site, v int) { s.remove(v, "lock"); s.fenced(v) }},
	{name: "value log cut short under its map", hurt: func(s *site, v int) { s.truncate(v, "value log") }, mend: (*site).cure},
	{name: "the clock goes forward", hurt: func(s *site, _ int) { s.setClock(48 * time.Hour) }},
	{name: "the clock goes back", hurt: func(s *site, _ int) { s.setClock(-48 * time.Hour) }},
	{name: "full", full: true, hurt: func(s *site, v int) { s.disks[v].Fill(0) },
		mend: func(s *site, v int) { s.disks[v].Empty() }},
	{name: "filling slowly", full: true, hurt: func(s *site, v int) {
		for leave := s.disks[v].Free(); leave > 0; leave -= 24 << 20 {
			s.disks[v].Fill(leave)
		}
		s.disks[v].Fill(0)
	}, mend: func(s *site, v int) { s.disks[v].Empty() }},
}

// setClock sets the mirror's clock.
func (s *site) setClock(by time.Duration) {
	before := s.now()
	s.clock.Add(int64(by / time.Second))
	if wall := s.now().Unix() - before.Unix(); wall < int64(by/time.Second)-60 || wall > int64(by/time.Second)+60 {
		s.t.Errorf("the clock was set by %v and moved by %d s", by, wall)
	}
	if real := s.now().Sub(before); real > time.Minute {
		s.t.Errorf("setting the clock took %v", real)
	}
}

// failing makes every such call of a volume fail until it is out.
func (s *site) failing(victim int, call string) {
	s.t.Helper()
	trace := raidtest.Attach(s.t, s.pid(victim), raidtest.FailAll(call, "EIO")...)
	s.fenced(victim)
	trace.Detach()
}

// newest is a volume's newest file of a kind that has something in it, empty if there is none.
func (s *site) newest(victim int, kind string) (path string) {
	s.t.Helper()
	for _, file := range raidtest.Files(s.t, s.c.Dirs[victim], kind) {
		if raidtest.Written(s.t, file) > 64 {
			path = file
		}
	}
	return path
}

// rot flips some bytes of a file of a volume that runs.
func (s *site) rot(victim int, kind string, bytes int) {
	s.t.Helper()
	if path := s.newest(victim, kind); path != "" {
		for i, n := 0, raidtest.Written(s.t, path); i < bytes; i++ {
			raidtest.Flip(s.t, path, 32+(n-32)*int64(i+1)/int64(bytes+1))
		}
	}
}

func (s *site) remove(victim int, kind string) {
	s.t.Helper()
	for _, path := range raidtest.Files(s.t, s.c.Dirs[victim], kind) {
		if err := os.Remove(path); err != nil {
			s.t.Fatal(err)
		}
	}
}

// truncate takes the end of a file away, under whoever has mapped it: reading there is a SIGBUS, as
// a sector is that cannot be read.
func (s *site) truncate(victim int, kind string) {
	s.t.Helper()
	if path := s.newest(victim, kind); path != "" {
		if err := os.Truncate(path, raidtest.Written(s.t, path)/2&^4095); err != nil {
			s.t.Fatal(err)
		}
	}
}

// cure is what finds and mends rot: a scrub. What rots between the keys is no value that could be
// repaired; a volume on which a second pass still finds something is filled anew, as the scrub's
// report tells an administrator to.
func (s *site) cure(victim int) {
	s.t.Helper()
	s.healthy()
	for pass := range 2 {
		found, err := s.scrub()
		for try := 0; err != nil && try < 100; try++ { // a volume fell out over what was found
			time.Sleep(50 * time.Millisecond)
			s.healthy()
			found, err = s.scrub()
		}
		switch {
		case err != nil:
			s.t.Fatalf("scrubbing: %v", err)
		case found == 0:
			return
		case pass == 1:
			if err := s.m.Resilver(s.t.Context(), raid.Ref(s.c.Dirs[victim]), true); err != nil {
				s.t.Fatalf("filling anew: %v", err)
			}
		}
	}
}

// scrub audits every volume in sync page by page, repairing, and gives what it found.
func (s *site) scrub() (found int, err error) {
	for _, slot := range s.m.Slots() {
		for after := []byte(nil); ; {
			next, rep, err := s.m.AuditPage(s.t.Context(), slot, after, 8<<20, true, func(raid.Finding) {})
			if err != nil {
				return found, err
			}
			if found += rep.Findings; next == nil {
				break
			}
			after = next
		}
	}
	return found, nil
}

// TestOneVolumeStruck strikes one volume of two under load. The mirror never stops, nothing
// acknowledged is lost, nothing wrong is read, and it is healthy again when the fault is mended.
func TestOneVolumeStruck(t *testing.T) {
	for i, k := range strikes {
		for victim, kind := range []string{"xfs", "ext4"} {
			if os.Getenv("CASEMATE_LONG") == "" && victim != i%2 {
				continue // the campaign does the others
			}
			t.Run(fmt.Sprintf("%s/%s", k.name, kind), func(t *testing.T) {
				t.Parallel()
				s := furnished(t)
				s.start(1, 2*time.Millisecond)
				s.goesOn(10)
				s.strike(k, victim)
				s.goesOn(10)
				s.crew.end()
				s.verify()
				s.close()
				s.open()
				s.verify()
			})
		}
	}
}

// strike strikes one volume while the crew is at work and waits until all is well again.
func (s *site) strike(k strike, victim int) {
	s.t.Helper()
	s.crew.full.Store(k.full)
	k.hurt(s, victim)
	if !k.full {
		s.goesOn(20)
	}
	if k.mend != nil {
		k.mend(s, victim)
	}
	if k.back != nil {
		k.back(s, victim)
	}
	s.healthy()
	if k.full { // a file system frees in its own time
		s.goesOn(1)
	}
	s.crew.full.Store(false)
}
