package raid

import (
	"fmt"
	"testing"
	"time"
)

// What was taken off a full list and could not be repaired finds its room again, whatever was found meanwhile.
func TestSuspectsComeBack(t *testing.T) {
	s, now := newSuspects(), time.Unix(0, 0)
	for i := range suspectsKept {
		if !s.add(0, fmt.Append(nil, i), now) {
			t.Fatalf("key %d does not fit in", i)
		}
	}
	slot, keys := s.take()
	_, others := s.take()
	if len(keys) != repairKeys || len(others) != repairKeys || s.add(1, []byte("new"), now) {
		t.Fatalf("%d and %d keys were taken, or their room was", len(keys), len(others))
	}
	s.back(slot, keys)
	s.done(others)
	for range others {
		if !s.add(1, fmt.Append(nil, "new ", len(s.list)), now) {
			t.Fatal("the room of those that are done with is lost")
		}
	}
	if s.add(1, []byte("one more"), now) || len(s.list) != suspectsKept || s.away != 0 {
		t.Errorf("%d are listed, %d away", len(s.list), s.away)
	}
	for _, key := range keys {
		if !s.list[suspect{slot, string(key)}] {
			t.Errorf("%s was given back, and is lost", key)
		}
	}
}
