package raid

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"casemate/raid/volume"
)

// A mirror of the most volumes, each with the largest budget used up twice, remembers all of it; what was
// retired is forgotten.
func TestFaultsAreBounded(t *testing.T) {
	c := Config{StateDir: t.TempDir(), ErrorBudget: MaxErrorBudget, Command: []string{"x"}, Dirs: []string{"x"}, Key: [32]byte{1}}
	if err := c.fill(); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 1, 2, 3, 987654321, time.UTC)
	var roster volume.Roster
	b := openBudget(&c)
	for n := range volume.MaxVolumes + 3 {
		id := volume.ID{byte(n + 1), 0xff}
		if n < volume.MaxVolumes {
			roster.Seats = append(roster.Seats, volume.Seat{ID: id, Dir: fmt.Sprintf("/%d", n)})
		}
		for range 9 {
			if _, err := b.fault(id, anyGeneration, now); err != nil {
				t.Fatal(err)
			}
		}
		r := b.Volumes[id]
		for i := range MaxErrorBudget - 1 { // as add does, without writing each
			r.Values = append(r.Values, strike{fmt.Sprintf("%016x", i), now.Truncate(time.Second)})
		}
	}
	b.retain(roster)
	for _, seat := range roster.Seats {
		for i := range 2 {
			if over, err := b.add(seat.ID, []byte{byte(i)}, now); err != nil || !over {
				t.Fatalf("one more at the bound: over %v, %v", over, err)
			}
		}
	}
	fi, err := os.Stat(filepath.Join(c.StateDir, faultsFile))
	if err != nil {
		t.Fatal(err)
	}
	again := openBudget(&c)
	for _, seat := range roster.Seats {
		if n := again.count(seat.ID, now); n != MaxErrorBudget || !again.held(seat.ID) {
			t.Errorf("volume %s: %d of %d values remembered in %d bytes, held %v", seat.ID, n, MaxErrorBudget, fi.Size(), again.held(seat.ID))
		}
	}
	if len(again.Volumes) != volume.MaxVolumes {
		t.Errorf("%d volumes are remembered", len(again.Volumes))
	}
	c.ErrorBudget++
	if err := c.fill(); err == nil {
		t.Errorf("a budget beyond what is remembered: %v", err)
	}
}
