package raid_test

import (
	"errors"

	"strconv"
	"strings"
	"testing"

	"casemate/raid"
)

// lostMark has one volume lose that a key was removed: the value from before is there again.
func lostMark(t *testing.T, m *raid.Mirror, slot int, key string) {
	t.Helper()
	stored, err := m.Stored(t.Context(), slot, []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	remove(t, m, []byte(key))
	if err := m.Forge(t.Context(), slot, []byte(key), stored); err != nil {
		t.Fatal(err)
	}
}

// gone waits until no volume has a key, looking for it again and again.
func gone(t *testing.T, m *raid.Mirror, key string, find func(*raid.Mirror, string) error) {
	t.Helper()
	eventually(t, key+" is removed", func() bool {
		if err := find(m, key); err != nil {
			t.Fatal(err)
		}
		for _, slot := range m.Slots() {
			if _, err := m.Stored(t.Context(), slot, []byte(key)); !errors.Is(err, raid.ErrNotFound) {
				return false
			}
		}
		return true
	})
}

// A volume that lost the mark of a removal does not bring the value back to its twin: whoever finds it, it is
// removed there again. A value that was never removed is brought back.
func TestRemovedOrLost(t *testing.T) {
	for name, find := range map[string]func(*raid.Mirror, string) error{
		"a reader": func(m *raid.Mirror, key string) error { _, _ = m.Get(t.Context(), []byte(key)); return nil },
		"a repair of the one that lacks it": func(m *raid.Mirror, key string) error {
			_, err := m.Repair(t.Context(), 1, []byte(key))
			return err
		},
		"a repair of the one that has it": func(m *raid.Mirror, key string) error {
			_, err := m.Repair(t.Context(), 0, []byte(key))
			return err
		},
		"a scrub": func(m *raid.Mirror, _ string) error {
			_, _, err := m.AuditPage(t.Context(), 1, nil, 1<<30, true, func(raid.Finding) {})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			m := r.open()
			put(t, m, "k/removed", "then removed", "k/lost", "never removed")
			put(t, m, "k/removed", "the second of them")
			lostMark(t, m, 0, "k/removed")
			if err := m.Unlist(t.Context(), 1, []byte("k/lost")); err != nil {
				t.Fatal(err)
			}
			put(t, m, "k/after", "after")
			if name == "a repair of the one that has it" {
				if got, err := m.Repair(t.Context(), 1, []byte("k/lost")); err != nil || got.Repaired != 1 {
					t.Errorf("the lost one: %+v, %v", got, err)
				}
			}
			gone(t, m, "k/removed", find) // a reader may ask the one that is right, each time it is tried
			eventually(t, "the lost one is back", func() bool {
				if err := find(m, "k/lost"); err != nil {
					t.Fatal(err)
				}
				_, err := m.Stored(t.Context(), 1, []byte("k/lost"))
				return err == nil
			})
			onEach(t, m, 2, "k/lost", "never removed")
			clean(t, m)
		})
	}
}

// When the manifests that would tell are trimmed, a volume that still bears the mark of a removal is not given
// the value again; the other keeps it, and an audit says so.
func TestRemovedLongAgo(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/removed", "then removed")
	lostMark(t, m, 0, "k/removed")
	for n := range 1024 + 8 {
		put(t, m, "k/n", strconv.Itoa(n))
	}
	for range 2 {
		if got, err := m.Repair(t.Context(), 1, []byte("k/removed")); err != nil || got != (raid.Repairs{Checked: 1}) {
			t.Errorf("removed long ago: %+v, %v", got, err)
		}
	}
	if _, err := m.Stored(t.Context(), 1, []byte("k/removed")); !errors.Is(err, raid.ErrNotFound) {
		t.Errorf("it came back: %v", err)
	}
	if n := len(findings(t, m, 1)); n != 1 || r.ev.said(raid.EventLostValue, "once removed") == 0 || r.ev.count(raid.EventRepaired) != 0 {
		t.Errorf("%d findings", n)
	}
	remove(t, m, []byte("k/removed")) // as the store does, which knows
	clean(t, m)
}

// A value that was put again after it was removed is not removed, nor is one whose newest state is lost on all
// taken for what it was before.
func TestPutAgain(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/again", "one")
	remove(t, m, []byte("k/again"))
	put(t, m, "k/again", "two", "k/stale", "one")
	if err := m.Unlist(t.Context(), 1, []byte("k/again")); err != nil {
		t.Fatal(err)
	}
	if got, err := m.Repair(t.Context(), 1, []byte("k/again")); err != nil || got.Repaired != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	onEach(t, m, 2, "k/again", "two")

	stored, err := m.Stored(t.Context(), 0, []byte("k/stale"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, m, "k/stale", "two")
	if err := errors.Join(m.Forge(t.Context(), 0, []byte("k/stale"), stored), m.Unlist(t.Context(), 1, []byte("k/stale"))); err != nil {
		t.Fatal(err)
	}
	for slot := range 2 {
		if got, err := m.Repair(t.Context(), slot, []byte("k/stale")); err != nil || got.Lost != 1 {
			t.Errorf("volume %d: %+v, %v", slot, got, err)
		}
	}
	if v, err := m.Get(t.Context(), []byte("k/stale")); !errors.Is(err, raid.ErrCorrupt) {
		t.Errorf("lost on both: %q, %v", v, err)
	}
}

// spoil damages a value on a volume.
func spoil(t *testing.T, m *raid.Mirror, key string, slots ...int) {
	t.Helper()
	for _, slot := range slots {
		if err := m.Forge(t.Context(), slot, []byte(key), []byte(strings.Repeat("\xff", 60))); err != nil {
			t.Fatal(err)
		}
	}
}

// damaged says that a key reads as damaged, from one volume or all.
func damaged(t *testing.T, m *raid.Mirror, slot int, key string) {
	t.Helper()
	if v, err := m.Get(t.Context(), []byte(key)); !errors.Is(err, raid.ErrCorrupt) {
		t.Errorf("%s reads %q, %v", key, v, err)
	}
	if v, err := m.GetFrom(t.Context(), slot, []byte(key)); !errors.Is(err, raid.ErrCorrupt) {
		t.Errorf("%s of volume %d reads %q, %v", key, slot, v, err)
	}
	listed := false
	if _, err := m.Audit(t.Context(), slot, func(f raid.Finding) { listed = listed || string(f.Key) == key }); err != nil || !listed {
		t.Errorf("an audit of volume %d does not find %s: %v", slot, key, err)
	}
}

// A value damaged on every volume stays known as damaged when the volumes that hold the damage are filled
// anew and retired, and is repaired by a volume that was away and has it.
func TestDamagedEverywhere(t *testing.T) {
	r := newRig(t)
	courier := r.sibling("courier")
	m := r.open()
	put(t, m, "k/1", "one", "k/2", "two")
	if _, err := m.Add(t.Context(), courier, false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "three in sync", func() bool { return len(m.Slots()) == 3 })
	if err := m.Detach(t.Context(), raid.Ref(courier)); err != nil {
		t.Fatal(err)
	}
	put(t, m, "k/3", "three")
	spoil(t, m, "k/1", 0, 1)
	if err := m.Resilver(t.Context(), raid.Ref(r.c.Dirs[1]), true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "filled anew", func() bool { return m.Status().Volumes[1].Generation == 2 && len(m.Slots()) == 2 })
	damaged(t, m, 1, "k/1")
	fresh := r.sibling("fresh")
	if _, err := m.Replace(t.Context(), raid.Ref(r.c.Dirs[0]), fresh); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the source is retired", func() bool { s := m.Slots(); return len(s) == 2 && s[0] == 1 })
	damaged(t, m, 1, "k/1")
	damaged(t, m, m.Slots()[1], "k/1")
	if n := m.Status().Volumes[0].Faults; n != 0 {
		t.Errorf("%d faults are laid to a disk that was given the damage", n)
	}
	if err := m.Resilver(t.Context(), raid.Ref(courier), false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the courier is back", func() bool { return len(m.Slots()) == 3 })
	for _, slot := range m.Slots() {
		if _, err := m.Repair(t.Context(), slot, []byte("k/1")); err != nil {
			t.Error(err)
		}
	}
	onEach(t, m, 3, "k/1", "one")
}

// A value damaged at its only source when a volume is caught up is damaged there as well: what the volume
// had before does not stand for it. Nor is one lost by one volume and bad on the other forgotten.
func TestDamagedInCatchingUp(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "before", "k/2", "two", "k/3", "three")
	if err := m.Detach(t.Context(), raid.Ref(r.c.Dirs[1])); err != nil {
		t.Fatal(err)
	}
	put(t, m, "k/1", "after")
	spoil(t, m, "k/1", 0)
	if err := m.Resilver(t.Context(), raid.Ref(r.c.Dirs[1]), false); err != nil {
		t.Fatal(err)
	}
	insync(t, m)
	damaged(t, m, 1, "k/1")

	spoil(t, m, "k/2", 0)
	if err := m.Unlist(t.Context(), 1, []byte("k/2")); err != nil {
		t.Fatal(err)
	}
	if got, err := m.Repair(t.Context(), 1, []byte("k/2")); err != nil || got.Lost != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	damaged(t, m, 1, "k/2")
}

// What a repair wrote is read back: bytes that do not come back as a sealed value are no repair.
func TestRepairIsReadBack(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "one")
	good, err := m.Stored(t.Context(), 1, []byte("k/1"))
	if err != nil {
		t.Fatal(err)
	}
	for stored, want := range map[string]int{string(good): 1, strings.Repeat("x", 60): 0} {
		if n, err := m.CureWith(t.Context(), 0, []byte("k/1"), []byte(stored)); err != nil || n != want {
			t.Errorf("%d bytes written, %d read back right, %v", len(stored), n, err)
		}
	}
}

// A value that is damaged on the source of a volume that is caught up is not taken for one that this volume
// lost off its tail: it is not filled anew, again and again, from what may have lost more than it.
func TestGapsAreNoLostTail(t *testing.T) {
	r := newRig(t)
	m := r.open()
	for n := range 1024 + 8 { // the first manifests are trimmed
		put(t, m, "k/n", strconv.Itoa(n))
	}
	put(t, m, "k/tail", big("on both"))
	if err := m.Detach(t.Context(), raid.Ref(r.c.Dirs[1])); err != nil {
		t.Fatal(err)
	}
	put(t, m, "k/1", big("one"))
	spoil(t, m, "k/1", 0)
	if err := m.Resilver(t.Context(), raid.Ref(r.c.Dirs[1]), false); err != nil {
		t.Fatal(err)
	}
	insync(t, m)
	damaged(t, m, 1, "k/1")
	onEach(t, m, 2, "k/tail", big("on both"))
	if g := m.Status().Volumes[1].Generation; g != 1 {
		t.Errorf("it was filled anew: generation %d", g)
	}
}
