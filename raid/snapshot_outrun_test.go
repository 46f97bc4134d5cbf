package raid_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"casemate/raid"
	"casemate/raid/volume"
)

// bigBatch is the values of a batch of putBig.
const bigBatch = 8 * raid.MaxValue

// putBig writes a batch of that size.
func putBig(t *testing.T, m *raid.Mirror, n int) {
	t.Helper()
	ops := make([]raid.Op, bigBatch/raid.MaxValue)
	for i := range ops {
		ops[i] = raid.Op{Key: fmt.Appendf(nil, "k/%03d/%d", n, i), Value: bytes.Repeat([]byte{byte(n)}, raid.MaxValue)}
	}
	if _, err := m.Write(t.Context(), ops); err != nil {
		t.Fatalf("writing: %v", err)
	}
}

// TestSnapshotOutrun has more written than is taken, for as long as it lasts: the snapshot gives up, and writers go on.
func TestSnapshotOutrun(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/first", "one")
	n := 0
	_, err := m.Snapshot(t.Context(), raid.SnapshotOptions{}, func(op volume.Op) error {
		again := 0
		switch _, manifest := volume.ParseManifestKey(op.Key); {
		case string(op.Key) == "k/first":
			again = 5 // more than is held
		case manifest && n > 0: // for each batch that is given another is written
			again = 1
		}
		for range again {
			putBig(t, m, n)
			n++
		}
		return nil
	})
	if !errors.Is(err, raid.ErrOutrun) {
		t.Fatalf("it was outrun, and %v", err)
	}
	put(t, m, "k/last", "two")
	if s := take(t, m, raid.SnapshotOptions{}); !s.Whole {
		t.Error("the next is not whole")
	}
}

// TestSnapshotHoldsBounded has a lot written when all but the last batches were given: it is not read into memory
// while writers wait, but followed in another round.
func TestSnapshotHoldsBounded(t *testing.T) {
	r0 := newRig(t)
	m, c := r0.open(), r0.c
	put(t, m, "k/first", "one")
	settled, held, given := 0, 0, 0
	o := raid.SnapshotOptions{Settle: func() func() {
		if settled++; settled == 1 {
			for i := range 18 {
				putBig(t, m, i)
			}
		}
		held = given
		return func() { given = 0 }
	}}
	var s taken
	var err error
	s.Snapshot, err = m.Snapshot(t.Context(), o, func(op volume.Op) error {
		s.ops, given = append(s.ops, op), given+len(op.Value)
		return nil
	})
	if err != nil || settled != 2 || held < 18*bigBatch || given > bigBatch {
		t.Fatalf("writers were held %d times, %d bytes were given before, %d after the last: %v", settled, held, given, err)
	}
	r := implanted(t, c.Key, 1, s.Point, s.ops)
	want(t, r, "k/first", "one")
	want(t, r, "k/017/0", strings.Repeat("\x11", raid.MaxValue))
	want(t, r, "k/017/7", strings.Repeat("\x11", raid.MaxValue))
}
