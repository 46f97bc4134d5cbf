package raid_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"casemate/raid"
)

// rot damages the newest value log of a volume all over; every value of 40 KiB in it is bad then.
func rot(t testing.TB, dir string, values int) {
	t.Helper()
	path := newestLog(t, dir)
	for i := range values {
		flip(t, path, int64(20<<10+i*40<<10))
	}
}

// written is about how much of a log was written: the rest is hole.
func written(t testing.TB, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}

// keysOf are the names of values k/0, k/1 and so on.
func keysOf(n int) (keys [][]byte) {
	for i := range n {
		keys = append(keys, fmt.Appendf(nil, "k/%03d", i))
	}
	return keys
}

// fill puts values of 40 KiB under such keys.
func fill(t testing.TB, m *raid.Mirror, n int) (keys [][]byte) {
	t.Helper()
	keys = keysOf(n)
	for _, k := range keys {
		put(t, m, string(k), big(string(k)))
	}
	return keys
}

// everywhere checks that each volume in sync gives every value by itself.
func everywhere(t testing.TB, m *raid.Mirror, keys [][]byte, value func(string) string) {
	t.Helper()
	for _, slot := range m.Slots() {
		for _, k := range keys {
			v, err := m.GetFrom(t.Context(), slot, k)
			if err != nil || string(v) != value(string(k)) {
				t.Errorf("volume %d, %q: %.20q, %v", slot, k, v, err)
			}
		}
	}
}

func TestRepair(t *testing.T) {
	r := newRig(t)
	m := r.open()
	keys := fill(t, m, 40)
	rot(t, r.c.Dirs[1], 40)
	none := [][]byte{[]byte("k/none"), []byte("k/never")}
	got, err := m.Repair(t.Context(), 1, append(slices.Clone(keys), none...)...)
	if err != nil || got.Checked != 42 || got.Repaired < 39 || got.Lost != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	everywhere(t, m, keys, big)
	clean(t, m)
	// What is good stays as it is.
	if got, err := m.Repair(t.Context(), 1, keys...); err != nil || got.Repaired != 0 {
		t.Errorf("again: %+v, %v", got, err)
	}
	if s := m.Status(); s.Volumes[1].Faults < 39 || s.Volumes[0].Faults != 0 || s.State != raid.Healthy {
		t.Errorf("%+v", s)
	}
	var named int
	r.ev.mu.Lock()
	for _, e := range r.ev.list {
		if e.Kind == raid.EventRepaired {
			if named += len(e.Keys); e.Count != len(e.Keys) || e.Volume != 1 {
				t.Errorf("%+v", e)
			}
		}
	}
	r.ev.mu.Unlock()
	if named < 39 {
		t.Errorf("%d repaired keys were named", named)
	}
}

// Values bad on both volumes are said to be lost, and nothing is written over them.
func TestRepairOfWhatIsLost(t *testing.T) {
	r := newRig(t)
	m := r.open()
	keys := fill(t, m, 3)
	for _, dir := range r.c.Dirs {
		flip(t, newestLog(t, dir), 60<<10)
	}
	got, err := m.Repair(t.Context(), 0, keys...)
	if err != nil || got.Lost != 1 || got.Repaired != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := m.Get(t.Context(), keys[1]); err == nil {
		t.Error("a value that is bad everywhere reads")
	}
}

// Values that the database thinks good and that the mirror never sealed: only authentication tells.
func TestRepairOfWhatWasForged(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "one", "k/2", "two")
	forge := func(slot int, key string) {
		if err := m.Forge(t.Context(), slot, []byte(key), bytes.Repeat([]byte{1}, 60)); err != nil {
			t.Fatal(err)
		}
	}
	forge(0, "k/1")
	forge(0, "k/2")
	forge(1, "k/2")
	got, err := m.Repair(t.Context(), 0, []byte("k/1"), []byte("k/2"))
	if err != nil || got != (raid.Repairs{Checked: 2, Repaired: 1, Lost: 1}) {
		t.Errorf("%+v, %v", got, err)
	}
	everywhere(t, m, [][]byte{[]byte("k/1")}, func(string) string { return "one" })
	if _, err := m.Get(t.Context(), []byte("k/2")); !errors.Is(err, raid.ErrCorrupt) {
		t.Errorf("forged everywhere: %v", err)
	}
}

// Writers go on over the very keys that are being repaired: what they wrote last is what is there, on
// the volume that is repaired too.
func TestRepairAgainstWriters(t *testing.T) {
	r := newRig(t)
	r.c.ErrorBudget = raid.MaxErrorBudget
	begun, once := make(chan struct{}), sync.Once{} // the first values are repaired: else writers may be through before
	r.c.Event = func(e raid.Event) {
		if r.ev.add(e); e.Kind == raid.EventRepaired {
			once.Do(func() { close(begun) })
		}
	}
	m := r.open()
	keys := fill(t, m, 240)
	rot(t, r.c.Dirs[0], 240)
	last := make([]int, len(keys))
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for w := range 3 { // each its own keys
		writers.Go(func() {
			select {
			case <-begun:
			case <-stop:
			}
			for n := 1; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				i := (rand.IntN(len(keys)/3) * 3) + w
				v := fmt.Sprintf("%s of round %d", keys[i], n)
				if _, err := m.Write(context.Background(), []raid.Op{{Key: keys[i], Value: []byte(big(v))}}); err != nil {
					t.Error(err)
					return
				}
				last[i] = n
			}
		})
	}
	got, err := m.Repair(t.Context(), 0, keys...)
	close(stop)
	writers.Wait()
	if err != nil || got.Repaired == 0 || got.Lost != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	everywhere(t, m, keys, func(k string) string {
		i := slices.IndexFunc(keys, func(b []byte) bool { return string(b) == k })
		if last[i] == 0 {
			return big(k)
		}
		return big(fmt.Sprintf("%s of round %d", k, last[i]))
	})
	clean(t, m)
	t.Logf("%d of %d values were repaired before they were written over", got.Repaired, len(keys))
}

// A volume that used its budget up is filled anew beside itself; the second time it stays out until a
// person says otherwise.
func TestErrorBudget(t *testing.T) {
	r := newRig(t)
	r.c.ErrorBudget = 10
	m := r.open()
	keys := fill(t, m, 12)
	rot(t, r.c.Dirs[0], 9)
	for _, k := range keys { // whoever reads, finds
		_, _ = m.GetFrom(t.Context(), 0, k)
	}
	eventually(t, "repaired", func() bool { return len(findings(t, m, 0)) == 0 })
	if s := m.Status(); r.ev.count(raid.EventFaulted) != 0 || s.State != raid.Healthy || s.Volumes[0].Faults != 9 {
		t.Fatalf("within its budget: %+v", s)
	}
	more := keysOf(80)[12:]
	for _, k := range more {
		put(t, m, string(k), big(string(k)))
	}
	keys = append(keys, more...)
	flip(t, newestLog(t, r.c.Dirs[0]), 1700<<10)
	_, _ = m.Repair(t.Context(), 0, keys...)                                                   // the volume is put out under it
	eventually(t, "filled anew", func() bool { return m.Status().Volumes[0].Generation == 2 }) // not when it is told of
	insync(t, m)
	r.ev.told(t, raid.EventFaulted, 1)
	s := m.Status().Volumes[0]
	if s.Generation != 2 || s.Faults != 0 {
		t.Errorf("not filled anew: %+v", s)
	}
	everywhere(t, m, keys, big)
	clean(t, m)

	rot(t, r.c.Dirs[0], 30)
	_, _ = m.Repair(t.Context(), 0, keys...)
	state(t, m, r.c.Dirs[0], raid.Faulted)
	r.ev.told(t, raid.EventFaulted, 2)
	for range 2 { // a restart does not make it a good one
		for range 300 {
			put(t, m, "k/x", "one volume serves")
			if s := m.Status().Volumes[0]; s.State != raid.Faulted || s.Cause != raid.CauseErrors {
				t.Fatalf("a volume that was faulted twice: %+v", s)
			}
		}
		r.close(m)
		m = r.open()
	}
	if err := m.Resilver(t.Context(), raid.Ref(r.c.Dirs[0]), false); err != nil {
		t.Fatal(err)
	}
	insync(t, m)
	everywhere(t, m, keys, big)
	clean(t, m)
}

// The last volume in sync is never faulted: what it has is all there is.
func TestErrorBudgetOfTheLast(t *testing.T) {
	r := newRig(t)
	r.c.ErrorBudget = 3
	move(t, r.c.Dirs[1], r.c.Dirs[1]+".away")
	m := r.open()
	keys := fill(t, m, 12)
	rot(t, r.c.Dirs[0], 9)
	_, _ = m.Repair(t.Context(), 0, keys...)
	for _, k := range keys {
		_, _ = m.Get(t.Context(), k)
	}
	s := m.Status()
	if s.Volumes[0].State != raid.InSync || s.Volumes[0].Faults < 9 || r.ev.count(raid.EventFaulted) != 0 {
		t.Errorf("%+v", s)
	}
	put(t, m, "k/after", "it still takes writes")
}

// Badger cuts its newest log off at a damage whenever it opens, and with it what was repaired since:
// old values, of which the audit of the tail knows nothing. They are found and repaired unread.
func TestRepairedAndCutOff(t *testing.T) {
	for _, crash := range []bool{false, true} {
		t.Run(fmt.Sprintf("crash=%v", crash), func(t *testing.T) {
			r := newRig(t)
			m := r.open()
			keys := fill(t, m, 12)
			r.close(m)
			m = r.open()
			for i := range 70 {
				put(t, m, fmt.Sprintf("l/%d", i), big("later"))
			}
			old := files(t, r.c.Dirs[0], "*.vlog")[0]
			for i := range 12 {
				flip(t, old, int64(20<<10+i*40<<10))
			}
			if got, err := m.Repair(t.Context(), 0, keys...); err != nil || got.Repaired < 11 {
				t.Fatalf("%+v, %v", got, err)
			}
			flip(t, newestLog(t, r.c.Dirs[0]), int64(70*41050+60<<10)) // in the second that was repaired
			if crash {
				r.crash(m)
			} else {
				r.close(m)
			}
			m = r.open()
			if n := len(findings(t, m, 0)); n < 5 && r.ev.count(raid.EventRepaired) < 2 {
				t.Fatalf("only %d values were cut off: the test does not test", n)
			}
			eventually(t, "repaired by itself", func() bool { return len(findings(t, m, 0)) == 0 })
			everywhere(t, m, keys, big)
		})
	}
}
