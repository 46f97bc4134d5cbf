package raid_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"casemate/raid"
	"casemate/raid/raidtest"
	"casemate/raid/volume"
)

// taken is a snapshot held in memory.
type taken struct {
	raid.Snapshot
	ops []volume.Op
	why string
}

func take(t testing.TB, m *raid.Mirror, o raid.SnapshotOptions) taken {
	t.Helper()
	var s taken
	o.Began = func(_ bool, why string) error { s.why = why; return nil }
	var err error
	s.Snapshot, err = m.Snapshot(context.Background(), o, func(op volume.Op) error { s.ops = append(s.ops, op); return nil })
	if err != nil {
		t.Fatalf("taking a snapshot: %v", err)
	}
	return s
}

// feed gives operations one after the other.
func feed(lists ...[]volume.Op) func() (volume.Op, error) {
	var all []volume.Op
	for _, list := range lists {
		all = append(all, list...)
	}
	return func() (op volume.Op, err error) {
		if len(all) == 0 {
			return op, io.EOF
		}
		op, all = all[0], all[1:]
		return op, nil
	}
}

// implanted restores operations into n new volumes, and opens them with nothing on record.
func implanted(t *testing.T, key [32]byte, n int, p raid.Point, ops ...[]volume.Op) *raid.Mirror {
	t.Helper()
	c := raidtest.Config(t, n)
	c.Key = key
	if _, err := raid.Restore(t.Context(), c, p, feed(ops...)); err != nil {
		t.Fatalf("restoring: %v", err)
	}
	if err := os.MkdirAll(c.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	return raidtest.Open(t, c)
}

// TestSnapshotUnderLoad takes snapshots, whole and of what was changed since, while writers replace and
// remove: each restored one is the mirror after one batch, with every batch acknowledged before the call.
func TestSnapshotUnderLoad(t *testing.T) {
	c := raidtest.Config(t, 2)
	if err := raid.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	m := raidtest.Open(t, c)
	big := strings.Repeat("x", 300<<10)
	for i := range 40 {
		put(t, m, fmt.Sprintf("old/%03d", i), big)
	}
	ctx, stop := context.WithCancel(context.Background())
	var acked [3]atomic.Int64
	var wg sync.WaitGroup
	for w := range acked {
		wg.Go(func() {
			for n := int64(1); ctx.Err() == nil; n++ {
				v := []byte(fmt.Sprint(n))
				ops := []raid.Op{
					{Key: fmt.Appendf(nil, "count/%d/a", w), Value: v}, {Key: fmt.Appendf(nil, "count/%d/b", w), Value: v},
					{Key: fmt.Appendf(nil, "kept/%d/%06d", w, n), Value: []byte(big[:4096])},
					{Key: fmt.Appendf(nil, "gone/%d/%06d", w, n-1), Delete: true}, {Key: fmt.Appendf(nil, "gone/%d/%06d", w, n), Value: v},
				}
				if _, err := m.Write(ctx, ops); err != nil {
					if ctx.Err() == nil {
						t.Errorf("writing: %v", err)
					}
					return
				}
				acked[w].Store(n)
			}
		})
	}
	var before [2][3]int64
	var snaps [2]taken
	o := raid.SnapshotOptions{}
	m.KeepSince(m.Status().Sequence) // however much is written between the two
	for i := range snaps {
		for w := range acked {
			before[i][w] = acked[w].Load()
		}
		snaps[i] = take(t, m, o)
		o.Since = &snaps[i].Point.Head
	}
	stop()
	wg.Wait()
	if !snaps[0].Whole || snaps[1].Whole || snaps[1].why != "" {
		t.Fatalf("whole: %v, %v (%s)", snaps[0].Whole, snaps[1].Whole, snaps[1].why)
	}
	for i, list := range [][][]volume.Op{{snaps[0].ops}, {snaps[0].ops, snaps[1].ops}} {
		r := implanted(t, c.Key, 1, snaps[i].Point, list...)
		if got := r.Status().Sequence; got < snaps[i].Point.Head.Sequence {
			t.Errorf("restored at batch %d, want %d", got, snaps[i].Point.Head.Sequence)
		}
		consistent(t, r, before[i])
		want(t, r, "old/039", big)
		clean(t, r)
	}
}

// consistent demands that a restored mirror is one that was: no half batch, nothing acknowledged missing.
func consistent(t *testing.T, r *raid.Mirror, acked [3]int64) {
	t.Helper()
	for w, least := range acked {
		a, err := r.Get(t.Context(), fmt.Appendf(nil, "count/%d/a", w))
		if err != nil {
			t.Fatal(err)
		}
		want(t, r, fmt.Sprintf("count/%d/b", w), string(a))
		var n int64
		if _, err := fmt.Sscan(string(a), &n); err != nil || n < least {
			t.Errorf("writer %d is at %s, %d was acknowledged", w, a, least)
		}
		for i := int64(1); i <= n; i++ {
			if _, err := r.Get(t.Context(), fmt.Appendf(nil, "kept/%d/%06d", w, i)); err != nil {
				t.Fatalf("writer %d, value %d of %d: %v", w, i, n, err)
			}
			_, err := r.Get(t.Context(), fmt.Appendf(nil, "gone/%d/%06d", w, i))
			if i < n && !errors.Is(err, raid.ErrNotFound) || i == n && err != nil {
				t.Fatalf("writer %d at %d: what was removed at %d reads %v", w, n, i, err)
			}
		}
	}
}

func TestSnapshotSince(t *testing.T) {
	r0 := newRig(t)
	m, c := r0.open(), r0.c
	put(t, m, "k/a", "one", "k/b", "two", "w/key", "wrapped")
	first := take(t, m, raid.SnapshotOptions{Apart: [][]byte{[]byte("w/")}})
	m.KeepSince(first.Point.Head.Sequence, first.Point.Head.Sequence+1)
	for i := range 1100 { // more than are kept by themselves
		put(t, m, "k/a", fmt.Sprint(i), "w/key", fmt.Sprint("wrapped ", i))
	}
	if _, err := m.Write(t.Context(), []raid.Op{{Key: []byte("k/b"), Delete: true}}); err != nil {
		t.Fatal(err)
	}
	second := take(t, m, raid.SnapshotOptions{Since: &first.Point.Head, Apart: [][]byte{[]byte("w/")}})
	if second.Whole {
		t.Fatalf("all was given again: %s", second.why)
	}
	for _, s := range []taken{first, second} {
		if len(s.Apart) != 1 || string(s.Apart[0].Key) != "w/key" {
			t.Fatalf("apart came %v", s.Apart)
		}
		for _, op := range s.ops {
			if strings.HasPrefix(string(op.Key), "w/") {
				t.Fatal("what is kept apart came in its order as well")
			}
		}
	}
	r := implanted(t, c.Key, 2, second.Point, first.ops, second.ops, second.Apart)
	want(t, r, "k/a", "1099")
	want(t, r, "w/key", "wrapped 1099")
	if _, err := r.Get(t.Context(), []byte("k/b")); !errors.Is(err, raid.ErrNotFound) {
		t.Errorf("what was removed reads %v", err)
	}
	eventually(t, "both volumes in sync", func() bool { return r.Status().State == raid.Healthy }) // the second is filled by itself
	clean(t, r)

	m.KeepSince()
	for i := range 1100 {
		put(t, m, "k/a", fmt.Sprint(i))
	}
	if s := take(t, m, raid.SnapshotOptions{Since: &first.Point.Head}); !s.Whole || s.why == "" {
		t.Errorf("a state no longer known is whole %v, said %q", s.Whole, s.why)
	}
	other := first.Point.Head
	other.Digest[0] ^= 1
	other.Sequence = m.Status().Sequence
	if s := take(t, m, raid.SnapshotOptions{Since: &other}); !s.Whole || s.why == "" {
		t.Errorf("a state of another history is whole %v, said %q", s.Whole, s.why)
	}
}

// TestSnapshotFromTheTwin has one volume lose values in silence, and hold others damaged: the snapshot has them
// from the other, whichever is read; one that no volume has is counted.
func TestSnapshotFromTheTwin(t *testing.T) {
	r0 := newRig(t)
	m, c := r0.open(), r0.c
	put(t, m, "k/a", "one", "k/b", "two", "k/c", "three", "w/key", "wrapped", "w/lost", "wrapped too")
	base := take(t, m, raid.SnapshotOptions{})
	put(t, m, "k/later", "four", "k/later too", "five")
	// What a snapshot finds is repaired behind it: nothing is harmed again before that is over, or what was repaired
	// would not read back, and the volume be put out for it.
	bad := func(slot int, keys ...string) {
		for _, k := range keys {
			if err := m.Forge(t.Context(), slot, []byte(k), []byte(strings.Repeat("rot", 40))); err != nil {
				t.Fatal(err)
			}
		}
	}
	lose := func(slot int, keys ...string) {
		for _, k := range keys {
			if err := m.Unlist(t.Context(), slot, []byte(k)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 4 { // in turn the one and the other is read
		quiet(t, m)
		lose(0, "k/b", "w/lost", "k/later too")
		whole := take(t, m, raid.SnapshotOptions{Apart: [][]byte{[]byte("w/")}})
		if whole.Damaged != 0 || len(whole.Apart) != 2 {
			t.Errorf("lost in silence: %d values left out, apart %d", whole.Damaged, len(whole.Apart))
		}
		r := implanted(t, c.Key, 1, whole.Point, whole.ops, whole.Apart)
		want(t, r, "k/b", "two")
		want(t, r, "k/later too", "five")
		quiet(t, m)
		lose(0, "k/later too")
		since := take(t, m, raid.SnapshotOptions{Since: &base.Point.Head})
		if !slices.ContainsFunc(since.ops, func(op volume.Op) bool { return string(op.Key) == "k/later too" }) {
			t.Error("what one volume lost in silence is not in what was changed")
		}
	}
	for range 3 {
		quiet(t, m)
		bad(0, "k/a", "w/key", "k/later")
		whole := take(t, m, raid.SnapshotOptions{Apart: [][]byte{[]byte("w/")}})
		if whole.Damaged != 0 || len(whole.Apart) != 2 {
			t.Errorf("%d values left out, apart %d", whole.Damaged, len(whole.Apart))
		}
		r := implanted(t, c.Key, 1, whole.Point, whole.ops, whole.Apart)
		want(t, r, "k/a", "one")
		want(t, r, "w/key", "wrapped")
	}
	for range 4 {
		quiet(t, m)
		bad(0, "k/later")
		since := take(t, m, raid.SnapshotOptions{Since: &base.Point.Head})
		if since.Damaged != 0 || !slices.ContainsFunc(since.ops, func(op volume.Op) bool { return string(op.Key) == "k/later" }) {
			t.Errorf("%d values left out of what was changed", since.Damaged)
		}
	}
	quiet(t, m)
	bad(0, "k/c", "k/later")
	bad(1, "k/c", "k/later")
	if s := take(t, m, raid.SnapshotOptions{}); s.Damaged < 2 {
		t.Errorf("two values lost on both volumes: %d left out", s.Damaged)
	}
	if s := take(t, m, raid.SnapshotOptions{Since: &base.Point.Head}); s.Damaged != 1 {
		t.Errorf("a value lost on both volumes: %d left out", s.Damaged)
	}
}

// TestSnapshotOfWhatIsDamaged: a value that no volume has whole reads as damaged in what is restored, of a whole
// snapshot and of one of what was changed, never as missing and never as what it was before. One whose damage
// claims to be of a batch to come is the twin's to give, and while the twin does not answer there is no snapshot.
func TestSnapshotOfWhatIsDamaged(t *testing.T) {
	r0 := newRig(t)
	m, c := r0.open(), r0.c
	put(t, m, "k/lost", "one", "k/stale", "before", "k/claims", "two")
	base := take(t, m, raid.SnapshotOptions{})
	put(t, m, "k/stale", "after")
	spoil(t, m, "k/lost", 0, 1)
	spoil(t, m, "k/stale", 0, 1)
	claim := append([]byte{1, 0x7f}, make([]byte, 60)...)
	if err := m.Forge(t.Context(), 0, []byte("k/claims"), claim); err != nil {
		t.Fatal(err)
	}
	for range 2 { // whichever is read
		if s := take(t, m, raid.SnapshotOptions{}); s.Damaged != 2 {
			t.Errorf("%d values counted as damaged", s.Damaged)
		}
		quiet(t, m)
		if err := m.Forge(t.Context(), 0, []byte("k/claims"), claim); err != nil { // a reader had it repaired
			t.Fatal(err)
		}
	}
	whole := take(t, m, raid.SnapshotOptions{})
	since := take(t, m, raid.SnapshotOptions{Since: &base.Point.Head})
	for _, list := range [][][]volume.Op{{whole.ops}, {base.ops, since.ops}} {
		r := implanted(t, c.Key, 2, whole.Point, list...)
		want(t, r, "k/claims", "two")
		insync(t, r)
		for slot := range 2 {
			damaged(t, r, slot, "k/stale")
		}
		if len(list) == 1 {
			damaged(t, r, 0, "k/lost")
		}
	}
	quiet(t, m)
	m = r0.impatient(m)
	spoil(t, m, "k/claims", 0)
	signal(t, m, 1, syscall.SIGSTOP)
	defer signal(t, m, 1, syscall.SIGCONT)
	for range 2 { // whichever is to be read; the second time it is known to be slow, and is not
		s, err := m.Snapshot(t.Context(), raid.SnapshotOptions{}, func(volume.Op) error { return nil })
		if !errors.Is(err, raid.ErrUnavailable) {
			t.Errorf("while the twin hangs: %d damaged, %v", s.Damaged, err)
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	r0 := newRig(t)
	m, c := r0.open(), r0.c
	put(t, m, "k/a", "one")
	s := take(t, m, raid.SnapshotOptions{})
	put(t, m, "k/a", "two")
	later := take(t, m, raid.SnapshotOptions{})
	at := func(key string, ops []volume.Op) int {
		for i, op := range ops {
			if string(op.Key) == key {
				return i
			}
		}
		t.Fatalf("no %q among %d operations", key, len(ops))
		return 0
	}
	with := func(change func(ops []volume.Op) []volume.Op) []volume.Op {
		return change(append([]volume.Op(nil), s.ops...))
	}
	manifest := string(volume.ManifestKey(s.Point.Head.Sequence))
	for name, ops := range map[string][]volume.Op{
		"an altered value": with(func(ops []volume.Op) []volume.Op {
			i := at("k/a", ops)
			v := append([]byte(nil), ops[i].Value...)
			v[len(v)-1] ^= 1
			ops[i].Value = v
			return ops
		}),
		"a value under another key": with(func(ops []volume.Op) []volume.Op {
			return append(ops, volume.Op{Key: []byte("k/z"), Value: ops[at("k/a", ops)].Value})
		}),
		"a value of a later batch": with(func(ops []volume.Op) []volume.Op {
			return append(ops, later.ops[at("k/a", later.ops)])
		}),
		"a gap for a manifest": with(func(ops []volume.Op) []volume.Op {
			return append(ops, volume.Op{Key: volume.ManifestKey(1), Value: []byte{0}})
		}),
		"no manifest of the last batch": with(func(ops []volume.Op) []volume.Op {
			i := at(manifest, ops)
			return append(ops[:i], ops[i+1:]...)
		}),
		"a head of its own":              append(with(func(ops []volume.Op) []volume.Op { return ops }), volume.Op{Key: []byte{0, 'h'}, Value: []byte("head")}),
		"a key without value or removal": append(with(func(ops []volume.Op) []volume.Op { return ops }), volume.Op{Key: []byte("k/z")}),
	} {
		t.Run(name, func(t *testing.T) {
			c2 := raidtest.Config(t, 1)
			c2.Key = c.Key
			if _, err := raid.Restore(t.Context(), c2, s.Point, feed(ops)); !errors.Is(err, raid.ErrCorrupt) {
				t.Fatalf("restored, %v", err)
			}
			if again, err := raid.Open(t.Context(), c2); err == nil {
				_ = again.Close()
				t.Error("what was half restored opens")
			}
		})
	}
	p := s.Point
	p.Head.Digest[0] ^= 1
	c2 := raidtest.Config(t, 1)
	c2.Key = c.Key
	if _, err := raid.Restore(t.Context(), c2, p, feed(s.ops)); !errors.Is(err, raid.ErrCorrupt) {
		t.Errorf("another last batch: %v", err)
	}
	c2 = raidtest.Config(t, 3)
	c2.Key = c.Key
	if _, err := raid.Restore(t.Context(), c2, s.Point, feed(s.ops)); !errors.Is(err, raid.ErrDirectory) {
		t.Errorf("three volumes of a mirror of two: %v", err)
	}
	if _, err := raid.Restore(t.Context(), c, s.Point, feed(s.ops)); !errors.Is(err, raid.ErrExists) {
		t.Errorf("over volumes that are there: %v", err)
	}
}

// TestRestoredIsNoticed restores beside a state directory that saw later batches: persons decide, and
// the safe goes on from what was restored.
func TestRestoredIsNoticed(t *testing.T) {
	r0 := newRig(t)
	m, c := r0.open(), r0.c
	put(t, m, "k/a", "one")
	s := take(t, m, raid.SnapshotOptions{})
	put(t, m, "k/a", "two")
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	c.Dirs = []string{filepath.Join(base, "a"), filepath.Join(base, "b")}
	if _, err := raid.Restore(t.Context(), c, s.Point, feed(s.ops)); err != nil {
		t.Fatal(err)
	}
	_, err := raid.Open(t.Context(), c)
	var undecided *raid.Undecided
	if !errors.As(err, &undecided) || !errors.Is(err, raid.ErrRolledBack) || len(undecided.Choices) == 0 {
		t.Fatalf("an older state opened: %v", err)
	}
	choice := ""
	for _, one := range undecided.Choices {
		if one.Dir == c.Dirs[0] {
			choice = one.ID
		}
	}
	if err := raid.Decide(t.Context(), c, choice, "two officers"); err != nil {
		t.Fatal(err)
	}
	r := raidtest.Open(t, c)
	want(t, r, "k/a", "one")
	eventually(t, "both volumes in sync", func() bool { return r.Status().State == raid.Healthy })
	put(t, r, "k/a", "three")
}
