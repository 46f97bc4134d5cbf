package raid_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"casemate/raid"
	"casemate/raid/volume"
)

// TestSnapshotOfWhatWasRemoved: what was removed and came back on one volume, since that lost the mark of its removal,
// is in no snapshot; what one volume lost is; and where the newest is lost on all, nothing older stands for it.
// So also for what is kept apart.
func TestSnapshotOfWhatWasRemoved(t *testing.T) {
	r0 := newRig(t)
	m, c := r0.open(), r0.c
	for i := range 4 { // whichever is read
		key := func(name string) string { return fmt.Sprintf("%s/%d", name, i) }
		put(t, m, key("k/removed"), "one", key("k/lost"), "two", key("k/spoilt"), "three", key("k/stale"), "old", key("w/removed"), "four", key("w/lost"), "five")
		old, err := m.Stored(t.Context(), i%2, []byte(key("k/stale")))
		if err != nil {
			t.Fatal(err)
		}
		put(t, m, key("k/stale"), "new")
		for _, k := range []string{"k/removed", "k/spoilt", "w/removed"} {
			lostMark(t, m, i%2, key(k))
		}
		spoil(t, m, key("k/spoilt"), i%2)
		err = errors.Join(m.Unlist(t.Context(), i%2, []byte(key("k/lost"))), m.Unlist(t.Context(), i%2, []byte(key("w/lost"))),
			m.Forge(t.Context(), i%2, []byte(key("k/stale")), old), m.Unlist(t.Context(), 1-i%2, []byte(key("k/stale"))))
		if err != nil {
			t.Fatal(err)
		}
		s := take(t, m, raid.SnapshotOptions{Apart: [][]byte{[]byte("w/")}})
		if s.Damaged != uint64(i+1) { // the stale ones of before too
			t.Errorf("%d values counted as damaged", s.Damaged)
		}
		for _, op := range slices.Concat(s.ops, s.Apart) {
			if k := string(op.Key); !op.Delete && (strings.Contains(k, "/removed/") || strings.Contains(k, "/spoilt/")) {
				t.Errorf("%s was removed, and is given", k)
			}
		}
		if !slices.ContainsFunc(s.Apart, func(op volume.Op) bool { return string(op.Key) == key("w/lost") }) {
			t.Error("what is kept apart and one volume lost is not given")
		}
		r := implanted(t, c.Key, 1, s.Point, s.ops, s.Apart)
		want(t, r, key("k/lost"), "two")
		damaged(t, r, 0, key("k/stale"))
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
