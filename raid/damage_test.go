package raid_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"casemate/raid"
	"casemate/raid/raidtest"
	"casemate/raid/volume"
)

// big is a value that goes to the value log, recognisable in no file since it is sealed.
func big(name string) string { return strings.Repeat(name+" ", 40<<10/(len(name)+1)) }

// newestLog is the newest value log of a volume's database, tables its tables.
func newestLog(t testing.TB, dir string) string { return slices.Max(files(t, dir, "*.vlog")) }

func files(t testing.TB, dir, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "db.*", pattern))
	if err != nil || len(list) == 0 {
		t.Fatalf("no %s in %q: %v", pattern, dir, err)
	}
	return list
}

// flip changes one byte of a file in place.
func flip(t testing.TB, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	b[0] ^= 0xff
	_, err2 := f.WriteAt(b[:], at)
	if err := errors.Join(err, err2, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// findings audits one volume and gives the keys found bad.
func findings(t testing.TB, m *raid.Mirror, slot int) (keys []string) {
	t.Helper()
	_, err := m.Audit(t.Context(), slot, func(f raid.Finding) { keys = append(keys, string(f.Key)) })
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestRotInValueLog(t *testing.T) {
	for _, running := range []bool{true, false} {
		t.Run(fmt.Sprintf("running=%v", running), func(t *testing.T) {
			r := newRig(t)
			m := r.open()
			for i := range 5 {
				put(t, m, fmt.Sprintf("k/%d", i), big(fmt.Sprint("value", i)))
			}
			if !running {
				r.close(m)
			}
			flip(t, newestLog(t, r.c.Dirs[0]), 70<<10) // within the second value
			if !running {
				m = r.open()
			}
			// Badger would cut off what lies behind it at opening: what it lost is back when that is done.
			if _, err := m.GetFrom(t.Context(), 0, []byte("k/1")); (err == nil) == running {
				t.Errorf("the damaged value reads from the damaged volume: %v", err)
			}
			for range 2 { // whichever is asked first
				for i := range 5 {
					want(t, m, fmt.Sprintf("k/%d", i), big(fmt.Sprint("value", i)))
				}
			}
			items, err := m.Scan(t.Context(), []byte("k/"), nil, 0)
			if err != nil || len(items) != 5 || string(items[1].Value) != big("value1") {
				t.Errorf("a scan over it: %d items, %v", len(items), err)
			}
			if r.ev.count(raid.EventBadValue)+r.ev.count(raid.EventLostValue) == 0 {
				t.Error("nothing was reported")
			}
			// Nobody helps: what readers found is repaired behind them, and reads right where it was rotten.
			eventually(t, "the damaged value is repaired", func() bool {
				v, err := m.GetFrom(t.Context(), 0, []byte("k/1"))
				return err == nil && string(v) == big("value1")
			})
			eventually(t, "the repair is told", func() bool { return r.ev.count(raid.EventRepaired) > 0 })
			eventually(t, "nothing is left to repair", func() bool { return len(findings(t, m, 0)) == 0 })
			if keys := findings(t, m, 1); len(keys) != 0 {
				t.Errorf("the audit of the other finds %q", keys)
			}
		})
	}
}

// The newest manifest, by which a mirror knows its key, lost or damaged on one volume keeps it from nothing.
func TestNewestManifestLost(t *testing.T) {
	r := newRig(t)
	for slot := range 2 {
		m := r.open()
		head := volume.ManifestKey(put(t, m, "k/1", fmt.Sprint(slot)))
		if err := m.Unlist(t.Context(), slot, head); err != nil {
			t.Fatal(err)
		}
		r.close(m)
		m = r.open()
		want(t, m, "k/1", fmt.Sprint(slot))
		insync(t, m)
		head = volume.ManifestKey(put(t, m, "k/1", "again"))
		if err := m.Forge(t.Context(), slot, head, bytes.Repeat([]byte{1}, 60)); err != nil {
			t.Fatal(err)
		}
		r.close(m)
		m = r.open()
		insync(t, m)
		clean(t, m)
		r.close(m)
	}
}

// After an unclean stop Badger cuts the newest value log off at the damage and says nothing.
func TestTailLostInUncleanStop(t *testing.T) {
	r := newRig(t)
	m := r.open()
	for i := range 5 {
		put(t, m, fmt.Sprintf("k/%d", i), big(fmt.Sprint("value", i)), fmt.Sprintf("s/%d", i), "small")
	}
	r.crash(m)
	flip(t, newestLog(t, r.c.Dirs[1]), 70<<10)
	m = r.open()
	if r.ev.count(raid.EventLostValue) != 1 || r.ev.count(raid.EventRepaired) != 1 {
		t.Errorf("lost %d, repaired %d", r.ev.count(raid.EventLostValue), r.ev.count(raid.EventRepaired))
	}
	for slot := range 2 {
		for i := range 5 {
			v, err := m.GetFrom(t.Context(), slot, fmt.Appendf(nil, "k/%d", i))
			if err != nil || string(v) != big(fmt.Sprint("value", i)) {
				t.Errorf("volume %d, value %d after the repair: %v", slot, i, err)
			}
		}
	}
	clean(t, m)
	for _, dir := range r.c.Dirs {
		if _, err := os.Stat(filepath.Join(dir, "before")); err == nil {
			t.Errorf("the copies in %q were not dropped after a clean audit", dir)
		}
	}
}

// A lone volume that lost its tail has nobody to ask: what is lost is said, the copies stay.
func TestTailLostAlone(t *testing.T) {
	r := newRig(t)
	r.c.Dirs = r.c.Dirs[:1]
	r.c.StateDir += "1"
	r.c.Dirs[0] += "1"
	if err := raid.Create(t.Context(), r.c); err != nil {
		t.Fatal(err)
	}
	m := r.open()
	for i := range 3 {
		put(t, m, fmt.Sprintf("k/%d", i), big(fmt.Sprint("value", i)))
	}
	r.crash(m)
	flip(t, newestLog(t, r.c.Dirs[0]), 70<<10)
	m = r.open()
	want(t, m, "k/0", big("value0"))
	if _, err := m.Get(t.Context(), []byte("k/1")); err == nil {
		t.Error("a value cut off reads")
	}
	if r.ev.count(raid.EventLostValue) == 0 {
		t.Error("the loss is not reported")
	}
	if _, err := os.Stat(filepath.Join(r.c.Dirs[0], "before")); err != nil {
		t.Errorf("the copies are gone: %v", err)
	}
}

// The write-ahead log damaged after a crash: Badger drops what follows, and its ring tells.
func TestWriteAheadLogDamaged(t *testing.T) {
	r := newRig(t)
	m := r.open()
	for i := range 20 {
		put(t, m, fmt.Sprintf("k/%02d", i), "small")
	}
	r.crash(m)
	flip(t, files(t, r.c.Dirs[0], "*.mem")[0], 4000)
	m = r.open()
	if r.ev.count(raid.EventBehind) != 1 {
		t.Error("a database behind its ring is not reported")
	}
	insync(t, m)
	for i := range 20 {
		if v, err := m.GetFrom(t.Context(), 0, fmt.Appendf(nil, "k/%02d", i)); err != nil || string(v) != "small" {
			t.Errorf("k/%02d was not refilled: %v", i, err)
		}
	}
	clean(t, m)
	for i := range 20 { // into write-ahead logs of their own
		put(t, m, fmt.Sprintf("l/%02d", i), "small")
	}
	r.crash(m)
	for _, dir := range r.c.Dirs {
		mem := files(t, dir, "*.mem")
		flip(t, mem[len(mem)-1], 200)
	}
	put := r.ev.count(raid.EventBehind)
	if _, err := raid.Open(t.Context(), r.c); !errors.Is(err, raid.ErrNotWitnessed) || !strings.Contains(err.Error(), "lost the batches") {
		t.Errorf("both lost acknowledged batches: %v", err)
	}
	if r.ev.count(raid.EventBehind) != put+2 {
		t.Error("not both are reported")
	}
}

func TestRotInTable(t *testing.T) {
	r := newRig(t)
	m := r.open()
	for i := range 50 {
		put(t, m, fmt.Sprintf("k/%02d", i), strings.Repeat("small", 100))
	}
	r.close(m) // closing flushes the memtable into a table
	flip(t, files(t, r.c.Dirs[0], "*.sst")[0], 1000)
	m = r.open() // it refuses to open, and is filled anew beside itself
	insync(t, m)
	if r.ev.count(raid.EventRebuild) != 1 || m.Status().Volumes[0].Generation != 2 {
		t.Errorf("%+v", m.Status())
	}
	clean(t, m)
}

// An older value under the same key, a value under another's key: both well sealed.
// A table of no length makes Badger panic where nobody can catch it: the process dies at every opening.
func TestTableKillsItsProcess(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "one")
	r.close(m) // makes a table
	if err := os.Truncate(files(t, r.c.Dirs[0], "*.sst")[0], 0); err != nil {
		t.Fatal(err)
	}
	m = r.open()
	want(t, m, "k/1", "one")
	insync(t, m)
	if r.ev.count(raid.EventRebuild) != 1 {
		t.Error("it was not filled anew")
	}
	clean(t, m)
}

func TestReplayAndTransposition(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "old", "k/2", "other")
	r.close(m)
	db := filepath.Join(r.c.Dirs[0], "db.1")
	copyDir(t, db, db+".old")
	m = r.open()
	put(t, m, "k/1", "new")
	r.close(m)
	copyDir(t, db+".old", db) // the database alone: the ring is ahead of it
	if err := os.RemoveAll(db + ".old"); err != nil {
		t.Fatal(err)
	}
	m = r.open()
	insync(t, m)
	if r.ev.count(raid.EventBehind) != 1 {
		t.Error("an older database is not noticed")
	}
	if v, err := m.GetFrom(t.Context(), 0, []byte("k/1")); err != nil || string(v) != "new" {
		t.Errorf("GetFrom = %q, %v", v, err)
	}
	clean(t, m)
}

// tmpfs mounts a small file system at dir.
func tmpfs(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=220m"); err != nil {
		t.Fatalf("mounting a small file system (needs root): %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// xfs makes an XFS image of its own and mounts it at dir.
func xfs(t *testing.T, dir string) {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	run(t, "truncate", "-s", "320M", image)
	run(t, "mkfs.xfs", "-q", image)
	run(t, "mkdir", "-p", dir)
	run(t, "mount", "-o", "loop", image, dir)
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
}

func run(t testing.TB, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
}

// The power fails under load: what the file systems had not been made to write is gone.
func TestPowerCut(t *testing.T) {
	r := newRig(t)
	r.c.StateDir += "2"
	var disks [2]*raidtest.Image
	for i := range disks {
		disks[i] = raidtest.MakeImage(t, "xfs", 320<<20)
		r.c.Dirs[i] = filepath.Join(disks[i].Dir, "volume")
	}
	if err := raid.Create(t.Context(), r.c); err != nil {
		t.Fatal(err)
	}
	var loads []*load
	for i := range 3 {
		m := r.open()
		insync(t, m)
		l := startLoad(m, fmt.Sprint("power", i), 4)
		l.writes(t, 20+rand.IntN(300)) // at another moment each time
		both(func(i int) { disks[i].Cut() })
		eventually(t, "nothing more is written", func() bool { return m.Status().ReadOnly })
		r.crash(m)
		l.end()
		loads = append(loads, l)
		for _, d := range disks {
			d.Remount()
		}
	}
	m := r.open()
	insync(t, m)
	n := 0
	for _, l := range loads {
		l.check(t, m)
		n += len(l.acked)
	}
	if n < 50 {
		t.Errorf("only %d keys were ever acknowledged", n)
	}
	clean(t, m)
}

func TestDiskFull(t *testing.T) {
	for name, mount := range map[string]func(*testing.T, string){"tmpfs": tmpfs, "xfs": xfs} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.c.StateDir += "2"
			small := filepath.Join(t.TempDir(), "small")
			mount(t, small)
			r.c.Dirs[0] = filepath.Join(small, "volume")
			r.c.Dirs[1] += "2"
			if err := raid.Create(t.Context(), r.c); err != nil {
				t.Fatal(err)
			}
			m := r.open()
			data := bytes.Repeat([]byte("x"), 1<<20)
			n, err := 0, error(nil)
			for ; err == nil && n < 100; n++ {
				ops := make([]raid.Op, 4)
				for i := range ops {
					ops[i] = raid.Op{Key: fmt.Appendf(nil, "k/%03d/%d", n, i), Value: data}
				}
				_, err = m.Write(t.Context(), ops)
			}
			if !errors.Is(err, raid.ErrFull) || n < 10 {
				t.Fatalf("after %d batches on a small disk: %v", n, err)
			}
			if s := m.Status(); s.State != raid.Healthy {
				t.Errorf("a full disk cost a volume: %+v", s)
			}
			// Somebody else takes the rest: reading goes on, nothing is written, nobody dies.
			filler := filepath.Join(small, "filler")
			_ = exec.Command("dd", "if=/dev/zero", "of="+filler, "bs=1M").Run() // until it is full
			r.clock.stop()
			r.clock.move(time.Second) // the mirror's word on the space is younger than that
			r.clock.start()
			for range 2 {
				want(t, m, "k/000/0", string(data))
			}
			if _, err := m.Write(t.Context(), []raid.Op{{Key: []byte("k/x"), Value: data}}); !errors.Is(err, raid.ErrFull) {
				t.Errorf("on a disk quite full: %v", err)
			}
			r.crash(m)
			m = r.open() // the ballast makes room for opening
			for i := range n - 1 {
				want(t, m, fmt.Sprintf("k/%03d/3", i), string(data))
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			insync(t, m)
			eventually(t, "room again", func() bool { // XFS frees in its own time
				_, err := m.Write(t.Context(), []raid.Op{{Key: []byte("k/after"), Value: data}})
				return err == nil
			})
			clean(t, m)
			r.close(m)
		})
	}
}

// A directory that is no longer the one opened takes no more writes.
func TestMountGone(t *testing.T) {
	r := newRig(t)
	r.c.StateDir += "2"
	small := filepath.Join(t.TempDir(), "small")
	tmpfs(t, small)
	r.c.Dirs[0] = filepath.Join(small, "volume")
	r.c.Dirs[1] += "2"
	if err := raid.Create(t.Context(), r.c); err != nil {
		t.Fatal(err)
	}
	m := r.open()
	put(t, m, "k/1", "mounted")
	if err := syscall.Unmount(small, syscall.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	put(t, m, "k/2", "not mounted")
	if s := m.Status(); s.Volumes[0].State == raid.InSync || s.Volumes[1].State != raid.InSync {
		t.Errorf("writes go on into a file system nobody sees: %+v", s.Volumes[0])
	}
	want(t, m, "k/2", "not mounted")
}

// One volume refuses what the other took: it is behind, and comes back when it can.
func TestOneRefuses(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "one")
	r.clock.stop() // it is not asked, or it would say that it has no room
	if err := m.SetFloor(t.Context(), 1, 1<<50); err != nil {
		t.Fatal(err)
	}
	put(t, m, "k/2", "two")
	if m.Status().Volumes[1].State == raid.InSync {
		t.Error("a volume that lacks a batch is still in")
	}
	r.clock.start()
	insync(t, m) // a new process has the configured floor
	r.ev.told(t, raid.EventFenced, 1)
	clean(t, m)
}

// All volumes refuse: nothing was written, and the sequence goes on from where it was, though
// other batches were on their way behind the refused one.
func TestAllRefuse(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "one")
	r.clock.stop() // the volumes are not asked, or they would say that they have no room
	for slot := range 2 {
		if err := m.SetFloor(t.Context(), slot, 1<<50); err != nil {
			t.Fatal(err)
		}
	}
	errs := make(chan error, 16)
	for i := range cap(errs) {
		go func() {
			_, err := m.Write(context.Background(), []raid.Op{{Key: fmt.Appendf(nil, "k/full/%d", i), Value: []byte("v")}})
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; !errors.Is(err, raid.ErrFull) {
			t.Errorf("refused by all: %v", err)
		}
	}
	for slot := range 2 {
		if err := m.SetFloor(t.Context(), slot, 32<<20); err != nil {
			t.Fatal(err)
		}
	}
	if seq := put(t, m, "k/2", "two"); seq != 2 {
		t.Errorf("sequence %d after refusals, want 2", seq)
	}
	if s := m.Status(); s.State != raid.Healthy {
		t.Errorf("%+v", s)
	}
	clean(t, m)
}

// The kernel refuses to sync: Badger says nothing but in its log, and the volume is out for good
// until it is filled anew. Each system call a commit makes durable with is broken in turn; the first
// msync alone is that of the value log, which Badger does not tell of.
func TestSyncFails(t *testing.T) {
	for _, broken := range []string{"msync:when=1", "msync", "fdatasync"} {
		t.Run(broken, func(t *testing.T) {
			call, when, _ := strings.Cut(broken, ":")
			r := newRig(t)
			m := r.open()
			put(t, m, "k/1", big("one"))
			generation := m.Status().Volumes[0].Generation
			r.clock.stop()
			detach := inject(t, m.Status().Volumes[0].PID, call, when)
			put(t, m, "k/2", big("two"))
			if m.Status().Volumes[0].State == raid.InSync {
				t.Fatal("a volume that could not sync is still in")
			}
			detach()
			r.clock.start()
			insync(t, m)
			r.ev.told(t, raid.EventFenced, 1)
			if g := m.Status().Volumes[0].Generation; g != generation+1 {
				t.Errorf("it came back with generation %d: not filled anew", g)
			}
			clean(t, m)
		})
	}
}

// inject makes every such call of a process fail with EIO, or those that when says, until detach.
func inject(t *testing.T, pid int, call, when string) (detach func()) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "strace")
	cmd := exec.Command("strace", "-f", "-o", log, "-e", "trace="+call, "-e", strings.TrimSuffix("inject="+call+":error=EIO:"+when, ":"), "-p", fmt.Sprint(pid))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("strace: %v", err)
	}
	buf := make([]byte, 4096)
	if n, err := stderr.Read(buf); err != nil || !bytes.Contains(buf[:n], []byte("attached")) {
		t.Fatalf("strace did not attach: %v %s", err, buf[:n])
	}
	go func() { // whatever else it says
		for {
			if _, err := stderr.Read(buf); err != nil {
				return
			}
		}
	}()
	return func() {
		_ = cmd.Process.Signal(os.Interrupt)
		// strace at times waits for ever for a thread that was killed under it.
		end := time.AfterFunc(3*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		end.Stop()
		if b, err := os.ReadFile(log); err != nil || !bytes.Contains(b, []byte("INJECTED")) {
			t.Errorf("no %s was broken: %v", call, err)
		}
	}
}
