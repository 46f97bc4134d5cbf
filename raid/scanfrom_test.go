package raid_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"casemate/raid"
	"casemate/raid/raidtest"
)

// TestScanFrom: one volume's items page by page, each the one written under its key; what is damaged
// there is left out, and stands on the other.
func TestScanFrom(t *testing.T) {
	c := raidtest.Config(t, 2)
	if err := raid.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	m := raidtest.Open(t, c)
	const keys = 300
	// The first lies alone at the beginning of the log: one batch's values lie there in no certain order.
	ops := []raid.Op{{Key: []byte("k/0000"), Value: []byte(big("the first"))}}
	if _, err := m.Write(t.Context(), ops); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < keys; i++ {
		ops = append(ops, raid.Op{Key: fmt.Appendf(nil, "k/%04d", i), Value: bytes.Repeat([]byte{byte(i)}, 2000)})
	}
	ops = append(ops, raid.Op{Key: []byte("l/other"), Value: []byte("x")})
	if _, err := m.Write(t.Context(), ops[1:]); err != nil {
		t.Fatal(err)
	}
	rot(t, c.Dirs[0], 1) // the first value; nobody reads it but a scan, which has nothing repaired
	for slot, want := range []int{keys - 1, keys} {
		got := 0
		for after := []byte(nil); ; {
			page, err := m.ScanFrom(t.Context(), slot, []byte("k/"), after, 50)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, it := range page {
				var i int
				if _, err := fmt.Sscanf(string(it.Key), "k/%d", &i); err != nil || !bytes.Equal(it.Value, ops[i].Value) || bytes.Compare(it.Key, after) <= 0 {
					t.Fatalf("%q after %q: %d bytes, %v", it.Key, after, len(it.Value), err)
				}
				after = it.Key
				got++
			}
		}
		if got != want {
			t.Errorf("volume %d gave %d items, want %d", slot, got, want)
		}
	}
	if _, err := m.ScanFrom(t.Context(), 7, []byte("k/"), nil, 1); !errors.Is(err, raid.ErrUnavailable) {
		t.Error(err)
	}
	if _, err := m.ScanFrom(t.Context(), 0, []byte{0}, nil, 1); !errors.Is(err, raid.ErrTooLarge) {
		t.Error(err)
	}
}
