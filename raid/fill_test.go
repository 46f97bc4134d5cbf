package raid_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"casemate/raid"
	"casemate/raid/volume"
)

// wide writes so many values of 40 KiB, a hundred in a batch, and gives their keys.
func wide(t testing.TB, m *raid.Mirror, n int) (keys [][]byte) {
	t.Helper()
	keys = keysOf(n)
	for from := 0; from < n; from += 100 {
		var ops []raid.Op
		for _, k := range keys[from:min(n, from+100)] {
			ops = append(ops, raid.Op{Key: k, Value: []byte(big(string(k)))})
		}
		if _, err := m.Write(t.Context(), ops); err != nil {
			t.Fatal(err)
		}
	}
	return keys
}

// crawl has a volume filled anew, page by page, since somebody reads, until it has so much of it: there the copy
// stands until the mirror's clock goes on.
func (r *rig) crawl(m *raid.Mirror, slot int, done int64) (p raid.Progress) {
	r.t.Helper()
	r.clock.stop()
	want(r.t, m, "k/000", big("k/000"))
	if err := m.Resilver(r.t.Context(), raid.Ref(r.c.Dirs[slot]), true); err != nil {
		r.t.Fatal(err)
	}
	eventually(r.t, fmt.Sprintf("%d bytes copied", done), func() bool {
		now := m.Status().Volumes[slot].Progress
		if now != nil && now.Whole && now.Done >= done {
			p = *now
			return true
		}
		r.clock.move(90 * time.Millisecond) // one page's, and less than makes a mirror quiet
		want(r.t, m, "k/000", big("k/000"))
		return false
	})
	return p
}

// gate holds every copy that goes on where it was interrupted, until it is opened; a mirror does not close before.
func (r *rig) gate() (came <-chan struct{}, open func()) {
	at, pass := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r.c.Event = func(e raid.Event) {
		if r.ev.add(e); e.Kind == raid.EventRebuild && strings.Contains(e.Detail, goesOn) {
			once.Do(func() { close(at) })
			<-pass
		}
	}
	return at, sync.OnceFunc(func() { close(pass) })
}

// goesOn is what is said of such a copy.
const goesOn = "goes on where it was interrupted"

// A fill cut off in the middle goes on where it was, and the volume holds all there is in the end:
// what was there when it began, what was written and removed meanwhile.
func TestFillGoesOn(t *testing.T) {
	for what, cut := range map[string]func(*rig, *raid.Mirror) *raid.Mirror{
		"the volume is killed": func(r *rig, m *raid.Mirror) *raid.Mirror { signal(r.t, m, 1, syscall.SIGKILL); return m },
		"the source is killed, nothing else there": func(r *rig, m *raid.Mirror) *raid.Mirror {
			signal(r.t, m, 0, syscall.SIGKILL)
			_ = m.Close() // the last volume died
			return r.open()
		},
		"all are killed": func(r *rig, m *raid.Mirror) *raid.Mirror { r.crash(m); return r.open() },
		"the volume is killed, what it wrote last is damaged": func(r *rig, m *raid.Mirror) *raid.Mirror {
			pid := m.Status().Volumes[1].PID
			signal(r.t, m, 1, syscall.SIGKILL)
			eventually(r.t, "gone", func() bool { return syscall.Kill(pid, 0) != nil })
			log := newestLog(r.t, r.c.Dirs[1])
			flip(r.t, log, written(r.t, log)-3900<<10)
			return m
		},
		"closed": func(r *rig, m *raid.Mirror) *raid.Mirror { r.close(m); return r.open() },
	} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t)
			resumed, release := r.gate()
			defer release()
			m := r.open()
			m.SetLag(4 << 20)
			keys := wide(t, m, 1000)
			first := r.crawl(m, 1, 16<<20)
			if first.Resumed || first.Total < 30<<20 || first.Rate <= 0 || first.Left <= 0 {
				t.Errorf("%+v", first)
			}
			remove(t, m, keys[3], keys[998])
			put(t, m, "k/004", "changed meanwhile", "k/997", "changed meanwhile", "k/new", "new")
			m = cut(r, m)
			m.SetLag(4 << 20)
			r.clock.start()
			select {
			case <-resumed:
			case <-time.After(patience):
				t.Fatalf("it is not gone on with: %+v", m.Status())
			}
			if p := m.Status().Volumes[1].Progress; p == nil || !p.Resumed || p.Done < 8<<20 || !p.Started.After(first.Started) {
				t.Errorf("it begins again: %+v", p)
			}
			release()
			insync(t, m)
			if m.Status().Volumes[1].Generation != 2 {
				t.Errorf("%+v", m.Status().Volumes[1])
			}
			everywhere(t, m, [][]byte{[]byte("k/000"), []byte("k/500"), []byte("k/999")}, big)
			everywhere(t, m, [][]byte{[]byte("k/004"), []byte("k/997")}, func(string) string { return "changed meanwhile" })
			for _, k := range []string{"k/003", "k/998"} {
				if v, err := m.GetFrom(t.Context(), 1, []byte(k)); err == nil {
					t.Errorf("%s was removed and reads %.20q", k, v)
				}
			}
			clean(t, m)
		})
	}
}

func remove(t testing.TB, m *raid.Mirror, keys ...[]byte) {
	t.Helper()
	var ops []raid.Op
	for _, k := range keys {
		ops = append(ops, raid.Op{Key: k, Delete: true})
	}
	if _, err := m.Write(t.Context(), ops); err != nil {
		t.Fatal(err)
	}
}

// said counts the events of a kind whose detail has a text in it.
func (e *events) said(kind raid.EventKind, text string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range e.list {
		if ev.Kind == kind && strings.Contains(ev.Detail, text) {
			n++
		}
	}
	return n
}

// Writers at work while a volume is filled: nothing is lost, and the manifests it needs are kept,
// though far more batches are written than are kept otherwise.
func TestFillUnderLoad(t *testing.T) {
	r := newRig(t)
	m := r.open()
	m.SetAway(32)
	wide(t, m, 600)
	r.clock.stop() // the copy gives way to the writers
	l := startLoad(m, "meanwhile", 8)
	before := m.Status().Sequence
	if err := m.Resilver(t.Context(), raid.Ref(r.c.Dirs[0]), true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "being filled", func() bool {
		r.clock.move(time.Millisecond)
		return r.ev.count(raid.EventRebuild) > 0
	})
	eventually(t, "many batches are written", func() bool { return m.Status().Sequence > before+100 })
	r.clock.start()
	insync(t, m)
	after := m.Status().Sequence
	l.end()
	if len(l.errs) > 0 {
		t.Errorf("a write failed: %v", l.errs[0])
	}
	if after-before < 100 || r.ev.count(raid.EventRebuild) != 1 {
		t.Errorf("%d batches were written meanwhile, %d fills were begun", after-before, r.ev.count(raid.EventRebuild))
	}
	l.check(t, m)
	for _, slot := range m.Slots() {
		for _, key := range findings(t, m, slot) {
			if key != "" { // the manifests were trimmed on purpose
				t.Errorf("volume %d: %q", slot, key)
			}
		}
	}
}

// A volume that claims to have been filled further than it was is not believed.
func TestForgedCursor(t *testing.T) {
	r := newRig(t)
	m := r.open()
	m.SetLag(4 << 20)
	keys := wide(t, m, 1000)
	r.crawl(m, 1, 16<<20)
	r.close(m)
	r.clock.start()
	sb, err := volume.ReadSuperblock(r.c.Dirs[1])
	if err != nil || sb.Filling == nil || len(sb.Filling.Cursor) == 0 {
		t.Fatalf("no cursor was noted: %+v, %v", sb, err)
	}
	sb.Filling.Cursor = keys[900]
	text, err := sb.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := volume.ReplaceFile(filepath.Join(r.c.Dirs[1], "superblock"), text); err != nil {
		t.Fatal(err)
	}
	m = r.open()
	insync(t, m)
	everywhere(t, m, [][]byte{keys[0], keys[500], keys[850], keys[999]}, big)
	clean(t, m)
}
