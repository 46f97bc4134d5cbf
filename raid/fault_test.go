package raid_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"casemate/raid"
	"casemate/raid/raidtest"
)

// events gathers what a mirror reports.
type events struct {
	mu   sync.Mutex
	list []raid.Event
}

func (e *events) add(ev raid.Event) {
	e.mu.Lock()
	e.list = append(e.list, ev)
	e.mu.Unlock()
}

func (e *events) count(kind raid.EventKind) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range e.list {
		if ev.Kind == kind {
			n++
		}
	}
	return n
}

// rig is a mirror of two volumes with what is needed to hurt it.
type rig struct {
	t     *testing.T
	c     raid.Config
	ev    *events
	clock *clock
}

func newRig(t *testing.T) *rig { return newRigOf(t, 2) }

func newRigOf(t *testing.T, volumes int) *rig {
	r := bareRig(t, volumes)
	if err := raid.Create(t.Context(), r.c); err != nil {
		t.Fatal(err)
	}
	return r
}

// bareRig is a rig whose volumes are not made yet.
func bareRig(t *testing.T, volumes int) *rig {
	r := &rig{t: t, c: raidtest.Config(t, volumes), ev: &events{}, clock: &clock{}}
	r.c.Event, r.c.Now = r.ev.add, r.clock.now
	return r
}

func (r *rig) open() *raid.Mirror { r.t.Helper(); return raidtest.Open(r.t, r.c) }

func (r *rig) close(m *raid.Mirror) {
	r.t.Helper()
	if err := m.Close(); err != nil {
		r.t.Fatalf("closing: %v", err)
	}
}

// crash kills the volumes' processes; the mirror that owned them is given up.
func (r *rig) crash(m *raid.Mirror) {
	r.t.Helper()
	for slot := range m.Volumes() {
		signal(r.t, m, slot, syscall.SIGKILL)
	}
	_ = m.Close() // its volumes are dead: an error is right, and not the point
}

func signal(t testing.TB, m *raid.Mirror, slot int, sig syscall.Signal) {
	t.Helper()
	if pid := m.Status().Volumes[slot].PID; pid > 1 {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
		if sig == syscall.SIGSTOP {
			eventually(t, "stopped", func() bool { return stopped(t, pid) })
		}
	}
}

// kill kills a volume's process and waits until the mirror knows: until then it passes for one in sync.
func kill(t testing.TB, m *raid.Mirror, slot int) {
	t.Helper()
	pid := m.Status().Volumes[slot].PID
	signal(t, m, slot, syscall.SIGKILL)
	eventually(t, "it is known to be dead", func() bool { return m.Status().Volumes[slot].PID != pid })
}

// stopped says whether every thread of a process is: until then it may still answer a batch.
func stopped(t testing.TB, pid int) bool {
	t.Helper()
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(stats) == 0 {
		t.Fatalf("process %d has no threads: %v", pid, err)
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(stat), ") T ") {
			return false
		}
	}
	return true
}

// insync waits until every volume is in sync.
func insync(t testing.TB, m *raid.Mirror) {
	t.Helper()
	eventually(t, "all volumes in sync", func() bool { return m.Status().State == raid.Healthy })
}

// patience is how long is waited for what must come: it costs nothing where it comes, on however slow a machine.
const patience = time.Minute

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

// clean audits every volume in full.
func clean(t testing.TB, m *raid.Mirror) {
	t.Helper()
	for slot := range m.Volumes() {
		rep, err := m.Audit(t.Context(), slot, func(f raid.Finding) {
			t.Errorf("volume %d, key %q, batch %d: %s", f.Volume, f.Key, f.Sequence, f.Detail)
		})
		if err != nil || rep.Manifests == 0 {
			t.Errorf("auditing volume %d: %+v, %v", slot, rep, err)
		}
	}
}

func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", "--sparse=always", from, to).CombinedOutput(); err != nil {
		t.Fatalf("copying: %v: %s", err, out)
	}
}

func move(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// pause is between two batches of a writer, so that what has to be checked afterwards stays in bounds.
const pause = 5 * time.Millisecond

// load writes until stopped and remembers what was acknowledged.
type load struct {
	mu    sync.Mutex
	acked map[string]string
	errs  []error
	stop  chan struct{}
	wg    sync.WaitGroup
}

func startLoad(m *raid.Mirror, name string, writers int) *load {
	l := &load{acked: map[string]string{}, stop: make(chan struct{})}
	for w := range writers {
		l.wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-l.stop:
					return
				default:
				}
				var ops []raid.Op
				for j := range 3 {
					k := fmt.Sprintf("k/%s/%d/%06d/%d", name, w, i, j)
					ops = append(ops, raid.Op{Key: []byte(k), Value: []byte(value(k))})
				}
				_, err := m.Write(context.Background(), ops)
				l.mu.Lock()
				if err != nil {
					l.errs = append(l.errs, err)
					l.mu.Unlock()
					return
				}
				for _, op := range ops {
					l.acked[string(op.Key)] = string(op.Value)
				}
				l.mu.Unlock()
				time.Sleep(pause)
			}
		})
	}
	return l
}

// value gives a key's value: short, middling or long.
func value(key string) string {
	return strings.Repeat(key, 1+(len(key)+int(key[len(key)-1])*7+int(key[len(key)-3])*31)%200)
}

func (l *load) end() { close(l.stop); l.wg.Wait() }

// writes waits until so many keys were acknowledged.
func (l *load) writes(t testing.TB, keys int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d keys are written", keys), func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.acked) >= keys
	})
}

// check reads everything acknowledged from every volume.
func (l *load) check(t testing.TB, m *raid.Mirror) {
	t.Helper()
	for k, v := range l.acked {
		for slot := range m.Volumes() {
			got, err := m.GetFrom(context.Background(), slot, []byte(k))
			if err != nil || string(got) != v {
				t.Fatalf("volume %d: %q was acknowledged and reads %.20q, %v", slot, k, got, err)
			}
		}
	}
}

func TestVolumeKilledUnderLoad(t *testing.T) {
	r := newRig(t)
	m := r.open()
	l := startLoad(m, "kill", 4)
	for i := range 3 {
		l.writes(t, 200*i+rand.IntN(150)) // at another moment each time
		r.clock.stop()
		kill(t, m, i%2)
		r.clock.start()
		insync(t, m)
	}
	r.ev.told(t, raid.EventFenced, 3)
	l.end()
	if len(l.errs) > 0 {
		t.Fatalf("a write failed though a volume was left: %v", l.errs[0])
	}
	l.check(t, m)
	clean(t, m)
	r.close(m)
	l.check(t, r.open())
}

func TestEverythingKilledUnderLoad(t *testing.T) {
	r := newRig(t)
	var loads []*load
	for i := range 5 {
		m := r.open()
		for _, l := range loads {
			l.check(t, m)
		}
		l := startLoad(m, fmt.Sprint("all", i), 4)
		l.writes(t, rand.IntN(300))
		r.crash(m)
		l.end()
		for _, err := range l.errs {
			if !errors.Is(err, raid.ErrUnknown) && !errors.Is(err, raid.ErrReadOnly) {
				t.Errorf("after the last volume died: %v", err)
			}
		}
		loads = append(loads, l)
	}
	m := r.open()
	for _, l := range loads {
		l.check(t, m)
	}
	insync(t, m)
	clean(t, m)
}

func TestVolumeHangs(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "before")
	r.clock.stop()
	signal(t, m, 0, syscall.SIGSTOP)
	written := writing(m, "k/2", "while it hangs")
	inFlight(t, m, 0)
	r.clock.move(2 * r.c.WriteDeadline)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if s := m.Status(); s.State != raid.Degraded || s.Volumes[0].State == raid.InSync || s.ReadOnly {
		t.Errorf("after a hang: %+v", s)
	}
	want(t, m, "k/2", "while it hangs")
	r.clock.start()
	insync(t, m)
	clean(t, m)
}

// writing writes one value and gives what becomes of it.
func writing(m *raid.Mirror, key, value string) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := m.Write(context.Background(), []raid.Op{{Key: []byte(key), Value: []byte(value)}})
		done <- err
	}()
	return done
}

func TestIdleVolumeHangs(t *testing.T) {
	r := newRig(t)
	r.c.WriteDeadline = 3 * time.Second // of which a read of the one that hangs takes one
	m := r.open()
	put(t, m, "k/1", "before")
	r.clock.stop()
	signal(t, m, 1, syscall.SIGSTOP)
	want(t, m, "k/1", "before")
	want(t, m, "k/1", "before") // whichever is asked first
	eventually(t, "fenced without a write", func() bool { r.clock.move(r.c.WriteDeadline); return len(m.Slots()) == 1 })
	r.clock.start()
	insync(t, m)
	r.ev.told(t, raid.EventFenced, 1)
}

// Both hang: nobody is fenced, for nobody answered; the outcome is unknown and said so.
func TestBothHang(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "before")
	r.clock.stop()
	signal(t, m, 0, syscall.SIGSTOP)
	signal(t, m, 1, syscall.SIGSTOP)
	written := writing(m, "k/2", "v")
	inFlight(t, m, 0, 1)
	r.clock.move(5 * r.c.WriteDeadline)
	if err := <-written; !errors.Is(err, raid.ErrUnknown) {
		t.Errorf("a write to two hanging volumes: %v", err)
	}
	if n := len(m.Slots()); n != 2 {
		t.Errorf("%d are in, though none had answered", n)
	}
	if _, err := m.Write(t.Context(), []raid.Op{{Key: []byte("k/3"), Value: []byte("v")}}); !errors.Is(err, raid.ErrReadOnly) {
		t.Errorf("the next write: %v", err)
	}
	r.crash(m)
	want(t, r.open(), "k/1", "before")
}

func TestLastVolumeDies(t *testing.T) {
	c := raidtest.Config(t, 1)
	if err := raid.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	m := raidtest.Open(t, c)
	put(t, m, "k/1", "one")
	signal(t, m, 0, syscall.SIGKILL)
	eventually(t, "read-only", func() bool { return m.Status().ReadOnly })
	if _, err := m.Write(t.Context(), []raid.Op{{Key: []byte("k/2"), Value: []byte("v")}}); !errors.Is(err, raid.ErrReadOnly) {
		t.Errorf("a write without volumes: %v", err)
	}
	_ = m.Close()
	want(t, raidtest.Open(t, c), "k/1", "one")
}

func TestVolumeMissing(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "both")
	r.close(m)
	away := r.c.Dirs[1] + ".away"
	move(t, r.c.Dirs[1], away)
	m = r.open()
	put(t, m, "k/2", "alone")
	if s := m.Status(); s.State == raid.Healthy || s.Epoch != 2 {
		t.Errorf("with a volume missing: %+v", s)
	}
	r.close(m)

	// The one left behind is not the truth, even if it is all there is.
	move(t, r.c.Dirs[0], r.c.Dirs[0]+".away")
	move(t, away, r.c.Dirs[1])
	if _, err := raid.Open(t.Context(), r.c); !errors.Is(err, raid.ErrNotWitnessed) {
		t.Fatalf("the stale volume alone: %v", err)
	}
	move(t, r.c.Dirs[0]+".away", r.c.Dirs[0])
	m = r.open()
	insync(t, m)
	if v, err := m.GetFrom(t.Context(), 1, []byte("k/2")); err != nil || string(v) != "alone" {
		t.Errorf("what it missed: %q, %v", v, err)
	}
	clean(t, m)
}

func TestStateDirectoryLost(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "one")
	r.close(m)
	state := filepath.Join(r.c.StateDir, "mirror.state")
	if err := os.Remove(state); err != nil {
		t.Fatal(err)
	}
	move(t, r.c.Dirs[0], r.c.Dirs[0]+".away")
	if _, err := raid.Open(t.Context(), r.c); !errors.Is(err, raid.ErrNotWitnessed) {
		t.Errorf("one volume and no record: %v", err)
	}
	move(t, r.c.Dirs[0]+".away", r.c.Dirs[0])
	want(t, r.open(), "k/1", "one") // two are each other's witnesses
	if _, err := os.Stat(state); err != nil {
		t.Errorf("the record was not made anew: %v", err)
	}
}

// fork runs each half of the mirror alone.
func (r *rig) fork() {
	t := r.t
	m := r.open()
	put(t, m, "k/1", "both")
	r.close(m)
	copyDir(t, r.c.StateDir, r.c.StateDir+".old")
	for slot, text := range []string{"only a", "only b"} { // each alone, each told it is the survivor
		copyDir(t, r.c.StateDir+".old", r.c.StateDir)
		other := r.c.Dirs[1-slot]
		move(t, other, other+".away")
		m = r.open()
		put(t, m, "k/2", text)
		r.close(m)
		move(t, other+".away", other)
	}
}

func TestFork(t *testing.T) {
	r := newRig(t)
	r.fork()
	_, err := raid.Open(t.Context(), r.c)
	if !errors.Is(err, raid.ErrFork) {
		t.Fatalf("two histories: %v", err)
	}
	for _, dir := range r.c.Dirs {
		if !strings.Contains(err.Error(), dir+`": epoch 2`) {
			t.Errorf("%q does not tell the history of %s", err, dir)
		}
	}
}

func TestRolledBack(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "one")
	r.close(m)
	for _, dir := range r.c.Dirs {
		copyDir(t, dir, dir+".old")
	}
	m = r.open()
	put(t, m, "k/2", "two")
	r.close(m)
	copyDir(t, r.c.Dirs[1]+".old", r.c.Dirs[1])
	m = r.open() // one of them: caught up
	if v, err := m.GetFrom(t.Context(), 1, []byte("k/2")); err != nil || string(v) != "two" {
		t.Errorf("what the older copy missed: %q, %v", v, err)
	}
	clean(t, m)
	r.close(m)
	for _, dir := range r.c.Dirs {
		copyDir(t, dir+".old", dir)
	}
	if _, err := raid.Open(t.Context(), r.c); !errors.Is(err, raid.ErrRolledBack) {
		t.Errorf("both rolled back: %v", err)
	}
}

func TestFarBehindIsFilledAnew(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/gone", "x", "k/kept", "y")
	r.close(m)
	copyDir(t, r.c.Dirs[0], r.c.Dirs[0]+".old")
	m = r.open()
	if _, err := m.Write(t.Context(), []raid.Op{{Key: []byte("k/gone"), Delete: true}}); err != nil {
		t.Fatal(err)
	}
	l := startLoad(m, "far", 16)
	eventually(t, "manifests trimmed", func() bool { return m.Status().Sequence > 1200 })
	l.end()
	r.close(m)
	copyDir(t, r.c.Dirs[0]+".old", r.c.Dirs[0])
	m = r.open()
	l2 := startLoad(m, "meanwhile", 2)
	insync(t, m)
	l2.end()
	if r.ev.count(raid.EventRebuild) != 1 || m.Status().Volumes[0].Generation != 2 {
		t.Errorf("not filled anew: %+v", m.Status())
	}
	l.check(t, m)
	l2.check(t, m)
	if _, err := m.GetFrom(t.Context(), 0, []byte("k/gone")); !errors.Is(err, raid.ErrNotFound) {
		t.Errorf("a deleted key came back: %v", err)
	}
	clean(t, m)
	r.close(m)
	if left, err := filepath.Glob(filepath.Join(r.c.Dirs[0], "db.*")); err != nil || len(left) != 1 {
		t.Errorf("databases left: %v, %v", left, err)
	}
}

// A batch that reached one volume and was never acknowledged: with it present at opening it
// becomes part of the history; if the other went on without it, it is thrown away.
func TestUnacknowledgedTail(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "one")
	tail := []raid.Op{{Key: []byte("k/tail"), Value: []byte("never acknowledged")}}
	if err := m.PushOne(t.Context(), 0, tail); err != nil {
		t.Fatal(err)
	}
	r.crash(m)
	m = r.open()
	want(t, m, "k/tail", "never acknowledged")
	clean(t, m)
	tail[0].Key = []byte("k/tail2")
	if err := m.PushOne(t.Context(), 0, tail); err != nil {
		t.Fatal(err)
	}
	r.crash(m)
	move(t, r.c.Dirs[0], r.c.Dirs[0]+".away")
	m = r.open()
	put(t, m, "k/2", "without it")
	r.close(m)
	move(t, r.c.Dirs[0]+".away", r.c.Dirs[0])
	m = r.open()
	insync(t, m)
	if _, err := m.Get(t.Context(), []byte("k/tail2")); !errors.Is(err, raid.ErrNotFound) {
		t.Errorf("the tail came back: %v", err)
	}
	want(t, m, "k/2", "without it")
	clean(t, m)
}

func TestWrongKeyAndForeignVolume(t *testing.T) {
	a, b := newRig(t), newRig(t)
	m := a.open()
	put(t, m, "k/1", "one")
	a.close(m)
	wrong := a.c
	wrong.Key[0] ^= 1
	if _, err := raid.Open(t.Context(), wrong); !errors.Is(err, raid.ErrCorrupt) {
		t.Errorf("the wrong key: %v", err)
	}
	mixed := a.c
	mixed.Dirs = []string{a.c.Dirs[0], b.c.Dirs[1]}
	m = raidtest.Open(t, mixed) // it is left alone, and the twin is where the roster has it
	if s := m.Status(); s.State != raid.Healthy || s.Volumes[1].Dir != a.c.Dirs[1] {
		t.Errorf("with a volume of another mirror: %+v", s)
	}
	want(t, m, "k/1", "one")
	a.close(m)
	copyDir(t, a.c.Dirs[0], a.c.Dirs[0]+".copy")
	mixed.Dirs = []string{a.c.Dirs[0] + ".copy", a.c.Dirs[0]}
	m = raidtest.Open(t, mixed)
	if s := m.Status(); s.State != raid.Healthy || s.Volumes[0].Dir != a.c.Dirs[0] || a.ev.count(raid.EventRoster) == 0 {
		t.Errorf("with a copy of a volume: %+v", s)
	}
	a.close(m)
	alone := mixed
	alone.Dirs, alone.StateDir = []string{a.c.Dirs[0], b.c.Dirs[1]}, t.TempDir()
	if _, err := raid.Open(t.Context(), alone); !errors.Is(err, raid.ErrFork) {
		t.Errorf("two mirrors and no record: %v", err)
	}
	if err := raid.Create(t.Context(), a.c); !errors.Is(err, raid.ErrExists) {
		t.Errorf("creating a mirror over another: %v", err)
	}
	want(t, a.open(), "k/1", "one")
}
