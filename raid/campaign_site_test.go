package raid_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"casemate/raid"
	"casemate/raid/raidtest"
)

// site is a mirror on two disks that can be hurt, one XFS and one ext4, its state directory on a
// third, with writers and readers at work and a ledger of what they were told.
type site struct {
	t     *testing.T
	c     raid.Config
	disks [2]*raidtest.Image
	state *raidtest.Image
	ev    *events
	clock atomic.Int64 // how far the mirror's clock is off, in seconds
	m     *raid.Mirror
	led   *ledger
	crew  *crew
	runs  int
}

// now is the time by a wall clock that somebody sets: the monotonic reading beside it goes on, as in a
// process under which the clock is set. In a time.Time the seconds stand above 30 bits of nanoseconds.
func (s *site) now() time.Time {
	t := time.Now()
	*(*uint64)(unsafe.Pointer(&t)) += uint64(s.clock.Load()) << 30
	return t
}

// diskSize is what most rows need; XFS takes no less.
const diskSize = 320 << 20

func newSite(t *testing.T, size int64) *site {
	t.Helper()
	s := &site{t: t, c: raidtest.Config(t, 2), ev: &events{}, led: &ledger{}}
	s.c.Command = raidtest.CommandPlanned()
	s.c.MinFree, s.c.WriteDeadline = 16<<20, 3*time.Second // all of it is in memory; what hangs is waited for
	s.c.Event = s.ev.add
	s.c.Now = s.now
	for i, kind := range []string{"xfs", "ext4"} {
		s.disks[i] = raidtest.MakeImage(t, kind, size)
		s.c.Dirs[i] = filepath.Join(s.disks[i].Dir, "volume")
	}
	s.state = raidtest.MakeImage(t, "ext4", 16<<20)
	s.c.StateDir = filepath.Join(s.state.Dir, "state")
	if err := raid.Create(t.Context(), s.c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.crew != nil {
			s.crew.end()
		}
		if t.Failed() {
			s.ev.tell(t)
		}
	})
	return s
}

// furnished is a site with something in every kind of file: tables from before, a write-ahead log
// and a value log from now. It is open.
func furnished(t *testing.T) *site {
	t.Helper()
	s := newSite(t, diskSize)
	s.open()
	s.write(8)
	s.close()
	s.open()
	s.write(8)
	return s
}

func (s *site) open() {
	s.t.Helper()
	s.m = raidtest.Open(s.t, s.c)
}

func (s *site) close() {
	s.t.Helper()
	if err := s.m.Close(); err != nil {
		s.t.Fatalf("closing: %v", err)
	}
}

// crash kills both volumes at once; the mirror that owned them is given up.
func (s *site) crash() {
	s.t.Helper()
	for slot := range s.disks {
		s.kill(slot)
	}
	_ = s.m.Close() // its volumes are dead: an error is right, and not the point
}

// volume is the state of the volume in a directory of ours: one that was replaced has another slot.
func (s *site) volume(victim int) raid.VolumeStatus {
	s.t.Helper()
	for _, v := range s.m.Status().Volumes {
		if v.Dir == s.c.Dirs[victim] {
			return v
		}
	}
	s.t.Fatalf("no volume of the mirror is in %q", s.c.Dirs[victim])
	return raid.VolumeStatus{}
}

func (s *site) pid(victim int) int { return s.volume(victim).PID }

func (s *site) kill(victim int) { s.t.Helper(); s.signal(victim, syscall.SIGKILL) }

func (s *site) signal(victim int, sig syscall.Signal) {
	s.t.Helper()
	if pid := s.pid(victim); pid > 1 {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			s.t.Fatal(err)
		}
	}
}

// write makes so many batches, one after the other, that must all be acknowledged.
func (s *site) write(batches int) {
	s.t.Helper()
	s.runs++
	for i := range batches {
		g := s.led.add(fmt.Sprintf("k/one-%d/%04d", s.runs, i))
		if err := s.led.write(s.m, g, false); err != nil {
			s.t.Fatalf("writing: %v", err)
		}
	}
}

// healthy waits until all volumes are in sync.
func (s *site) healthy() {
	s.t.Helper()
	for end := time.Now().Add(2 * patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if s.m.Status().State == raid.Healthy {
			return
		}
	}
	s.t.Fatalf("never healthy again: %+v", s.m.Status())
}

// verify holds everything ever written against what both volumes give, and audits them.
func (s *site) verify() {
	s.t.Helper()
	s.settled()
	for _, slot := range s.m.Slots() {
		rep, err := s.m.Audit(s.t.Context(), slot, func(f raid.Finding) {
			s.t.Errorf("volume %d, key %q, batch %d: %s", f.Volume, f.Key, f.Sequence, f.Detail)
		})
		if err != nil || rep.Values == 0 {
			s.t.Errorf("auditing volume %d: %+v, %v", slot, rep, err)
		}
	}
}

// settled waits until all volumes are in sync and holds everything ever written against them. A
// volume may fall out once more meanwhile.
func (s *site) settled() {
	s.t.Helper()
	for try := 0; ; try++ {
		s.healthy()
		err := s.led.check(s.m, s.m.Slots())
		if errors.Is(err, raid.ErrUnavailable) && try < 20 {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		if err != nil {
			s.t.Errorf("lost or wrong: %v", err)
		}
		break
	}
	for _, wrong := range s.led.complaints() {
		s.t.Error(wrong)
	}
}

// crew is writers and readers at work.
type crew struct {
	stop  chan struct{}
	wg    sync.WaitGroup
	calm  atomic.Bool // one good volume is left at least: nothing but a full disk is an excuse
	full  atomic.Bool // a disk is being filled: ErrFull is an excuse
	ended atomic.Bool
}

// start sets writers and readers to work, quietly or as fast as they can.
func (s *site) start(seed uint64, pause time.Duration) {
	s.runs++
	c := &crew{stop: make(chan struct{})}
	c.calm.Store(true)
	for w := range 2 {
		c.wg.Go(func() { s.writer(c, w, rand.New(rand.NewPCG(seed, uint64(w))), pause) })
		c.wg.Go(func() { s.reader(c, rand.New(rand.NewPCG(seed, uint64(w+100))), pause) })
	}
	s.crew = c
}

// end stops them and waits for them.
func (c *crew) end() {
	if !c.ended.Swap(true) {
		close(c.stop)
	}
	c.wg.Wait()
}

// rest waits a little between two acts and says whether to go on.
func (c *crew) rest(pause time.Duration) bool {
	select {
	case <-c.stop:
		return false
	case <-time.After(pause):
		return true
	}
}

// writer writes new groups, and to those it has written; it removes one now and then.
func (s *site) writer(c *crew, w int, r *rand.Rand, pause time.Duration) {
	var mine []*group
	run := s.runs
	for i := 0; c.rest(pause); i++ {
		var g *group
		if len(mine) < 4 || r.IntN(2) == 0 {
			g = s.led.add(fmt.Sprintf("k/%d-%d/%05d", run, w, i))
			mine = append(mine, g)
		} else {
			g = mine[r.IntN(len(mine))]
		}
		err := s.led.write(s.m, g, r.IntN(12) == 0)
		switch {
		case err == nil:
		case errors.Is(err, raid.ErrFull) && c.full.Load():
			c.rest(50 * time.Millisecond)
		case c.calm.Load():
			s.led.complain("the mirror stopped though a good volume was left: %v", err)
			return
		default:
			return
		}
	}
}

// reader reads keys at random, and pages of all keys now and then.
func (s *site) reader(c *crew, r *rand.Rand, pause time.Duration) {
	for c.rest(pause) {
		g := s.led.any(r)
		if g == nil {
			continue
		}
		if err := s.led.read(s.m, g, r.IntN(groupKeys)); err != nil && c.calm.Load() {
			s.led.complain("a read failed though a good volume was left: %v", err)
			return
		}
	}
}

// goesOn waits until so many more batches were acknowledged.
func (s *site) goesOn(batches int64) {
	s.t.Helper()
	from := s.led.acknowledged.Load()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if s.led.acknowledged.Load() >= from+batches {
			return
		}
		if wrong := s.led.complaints(); len(wrong) > 0 {
			s.t.Fatalf("%q", wrong)
		}
	}
	s.t.Fatalf("no %d batches were acknowledged any more: %+v", batches, s.m.Status())
}

// fenced waits until a volume is out.
func (s *site) fenced(victim int) {
	s.t.Helper()
	eventually(s.t, "fenced", func() bool { return s.volume(victim).State != raid.InSync })
}

// tell logs what the mirror reported.
func (e *events) tell(t testing.TB) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range e.list {
		t.Logf("%s volume %d: %s", ev.Kind, ev.Volume, ev.Detail)
	}
}
