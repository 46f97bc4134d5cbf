package raid_test

import (
	"slices"
	"testing"

	"casemate/raid/volume"
)

// TestRecallGoesNoFurther: manifests are read back to the last that names a key, and beyond it only for keys that
// none has named so far.
func TestRecallGoesNoFurther(t *testing.T) {
	r := newRig(t)
	m := r.open()
	first := put(t, m, "k/a", "one", "k/b", "one", "k/c", "one")
	gone := put(t, m, "k/other", "one")
	b := put(t, m, "k/b", "two")
	a := put(t, m, "k/a", "two")
	put(t, m, "k/other", "two")
	for slot := range 2 {
		if err := m.Unlist(t.Context(), slot, volume.ManifestKey(gone)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		keys    []string
		last    []uint64
		trimmed []bool
	}{
		{[]string{"k/a"}, []uint64{a}, []bool{false}},
		{[]string{"k/a", "k/b"}, []uint64{a, b}, []bool{false, false}},
		{[]string{"k/a", "k/c"}, []uint64{a, 0}, []bool{true, true}},
	} {
		last, trimmed, err := m.Recall(t.Context(), first, c.keys...)
		if err != nil || !slices.Equal(last, c.last) || !slices.Equal(trimmed, c.trimmed) {
			t.Errorf("%q: %d, %v, %v", c.keys, last, trimmed, err)
		}
	}
	if last, trimmed, err := m.Recall(t.Context(), gone, "k/c"); err != nil || last[0] != 0 || trimmed[0] {
		t.Errorf("what was not put since: %d, %v, %v", last, trimmed, err)
	}
}
