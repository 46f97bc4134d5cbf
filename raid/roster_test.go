package raid_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casemate/raid"
)

// volumeAt gives what the status says of the volume in a directory.
func volumeAt(m *raid.Mirror, dir string) (v raid.VolumeStatus) {
	for _, v := range m.Status().Volumes {
		if v.Dir == dir {
			return v
		}
	}
	return v
}

// state waits until the volume in a directory has a state.
func state(t testing.TB, m *raid.Mirror, dir string, want raid.VolumeState) {
	t.Helper()
	eventually(t, dir+" "+string(want), func() bool { return volumeAt(m, dir).State == want })
}

// onEach reads a key from every volume in sync, of which there must be n.
func onEach(t testing.TB, m *raid.Mirror, n int, key, value string) {
	t.Helper()
	slots := m.Slots()
	if len(slots) != n {
		t.Fatalf("%d volumes in sync, want %d: %+v", len(slots), n, m.Status())
	}
	for _, slot := range slots {
		if v, err := m.GetFrom(t.Context(), slot, []byte(key)); err != nil || string(v) != value {
			t.Fatalf("slot %d: %q = %.20q, %v", slot, key, v, err)
		}
	}
}

// sibling is a directory beside the rig's volumes, not there yet.
func (r *rig) sibling(name string) string { return filepath.Join(filepath.Dir(r.c.Dirs[0]), name) }

func TestAddReplaceRemove(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "one")
	third, fourth := r.sibling("volume-c"), r.sibling("volume-d")
	id, err := m.Add(t.Context(), third, false)
	if err != nil || len(id) != 32 {
		t.Fatalf("adding a volume: %q, %v", id, err)
	}
	state(t, m, third, raid.InSync)
	onEach(t, m, 3, "k/1", "one")

	// In the place of one in sync: it stays until the new one is.
	if _, err := m.Replace(t.Context(), raid.Ref(r.c.Dirs[0]), fourth); err != nil {
		t.Fatal(err)
	}
	state(t, m, fourth, raid.InSync)
	if v := volumeAt(m, r.c.Dirs[0]); v.ID != "" || len(m.Status().Volumes) != 3 {
		t.Errorf("the one replaced is still there: %+v", m.Status())
	}
	put(t, m, "k/2", "two")
	onEach(t, m, 3, "k/2", "two")

	if err := m.Remove(t.Context(), raid.Ref(id[:8])); err != nil {
		t.Fatal(err)
	}
	insync(t, m)
	onEach(t, m, 2, "k/2", "two")
	clean2(t, m)
	r.close(m)

	// What was retired is never taken back, though its directory is configured.
	m = r.open()
	onEach(t, m, 2, "k/2", "two")
	for _, dir := range []string{r.c.Dirs[0], third} {
		if v := volumeAt(m, dir); v.ID != "" {
			t.Errorf("retired and back: %+v", v)
		}
		if _, err := m.Add(t.Context(), dir, false); !errors.Is(err, raid.ErrDirectory) || !strings.Contains(err.Error(), "emptied") {
			t.Errorf("adding a retired volume: %v", err)
		}
	}
	if err := os.RemoveAll(third); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Add(t.Context(), third, false); err != nil {
		t.Errorf("adding it once emptied: %v", err)
	}
	state(t, m, third, raid.InSync)
	onEach(t, m, 3, "k/2", "two")
	if r.ev.count(raid.EventRoster) == 0 {
		t.Error("nothing was said of it")
	}
}

// clean2 audits the volumes in sync in full.
func clean2(t testing.TB, m *raid.Mirror) {
	t.Helper()
	for _, slot := range m.Slots() {
		rep, err := m.Audit(t.Context(), slot, func(f raid.Finding) {
			t.Errorf("volume %d, key %q, batch %d: %s", f.Volume, f.Key, f.Sequence, f.Detail)
		})
		if err != nil || rep.Manifests == 0 {
			t.Errorf("auditing volume %d: %+v, %v", slot, rep, err)
		}
	}
}

func TestActsRefused(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "one")
	full := r.sibling("full")
	if err := os.MkdirAll(filepath.Join(full, "photos"), 0o700); err != nil {
		t.Fatal(err)
	}
	other := newRig(t)
	for name, dir := range map[string]string{
		"not absolute": "volume-x", "with detours": r.sibling("x") + "/../y", "not empty": full,
		"a volume of it": r.c.Dirs[0], "within a volume": filepath.Join(r.c.Dirs[0], "x"), "around one": filepath.Dir(r.c.Dirs[0]),
		"the state directory": r.c.StateDir, "another mirror's": other.c.Dirs[0],
	} {
		if _, err := m.Add(t.Context(), dir, false); !errors.Is(err, raid.ErrDirectory) {
			t.Errorf("adding %s: %v", name, err)
		}
	}
	for _, ref := range []raid.Ref{"nowhere", raid.Ref(volumeAt(m, r.c.Dirs[0]).ID[:7]), ""} {
		if err := m.Remove(t.Context(), ref); !errors.Is(err, raid.ErrNoVolume) {
			t.Errorf("removing %q: %v", ref, err)
		}
	}
	if err := m.Detach(t.Context(), raid.Ref(r.c.Dirs[0])); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"removing":  m.Remove(t.Context(), raid.Ref(r.c.Dirs[1])),
		"detaching": m.Detach(t.Context(), raid.Ref(r.c.Dirs[1])),
		"refilling": m.Resilver(t.Context(), raid.Ref(r.c.Dirs[1]), true),
	} {
		if !errors.Is(err, raid.ErrLast) {
			t.Errorf("%s the last volume in sync: %v", name, err)
		}
	}
	want(t, m, "k/1", "one")
	if err := m.Resilver(t.Context(), raid.Ref(r.c.Dirs[0]), false); err != nil {
		t.Fatal(err)
	}
	insync(t, m)
	for _, dir := range r.c.Dirs {
		if _, err := os.Stat(filepath.Join(other.c.Dirs[0], "superblock")); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

func TestDetachAndBack(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "one")
	dir := r.c.Dirs[1]
	if err := m.Detach(t.Context(), raid.Ref(dir)); err != nil {
		t.Fatal(err)
	}
	if v := volumeAt(m, dir); v.State != raid.Detached || m.Status().State != raid.Degraded {
		t.Errorf("detached: %+v", v)
	}
	put(t, m, "k/2", "two")
	move(t, dir, dir+".courier")
	r.close(m)
	m = r.open()
	put(t, m, "k/3", "three")
	if v := volumeAt(m, dir); v.State != raid.Detached {
		t.Errorf("detached, after a restart: %+v", v)
	}
	if err := m.Resilver(t.Context(), raid.Ref(dir), false); err == nil {
		t.Error("a volume that is not there is brought up")
	}
	move(t, dir+".courier", dir)
	if v := volumeAt(m, dir); v.State != raid.Detached {
		t.Errorf("it came back by itself: %+v", v)
	}
	if err := m.Resilver(t.Context(), raid.Ref(dir), false); err != nil {
		t.Fatal(err)
	}
	insync(t, m)
	onEach(t, m, 2, "k/3", "three")
	if r.ev.count(raid.EventRebuild) != 0 {
		t.Error("it was filled anew though the manifests were kept")
	}
	if err := m.Resilver(t.Context(), raid.Ref(dir), true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "filled anew", func() bool { return volumeAt(m, dir).State == raid.InSync && volumeAt(m, dir).Generation == 2 })
	onEach(t, m, 2, "k/3", "three")
	clean2(t, m)
}

// A dead disk is replaced by one at its own mount point.
func TestReplaceAtItsPlace(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "one")
	r.close(m)
	dir := r.c.Dirs[0]
	move(t, dir, dir+".dead")
	m = r.open()
	old := volumeAt(m, dir).ID
	if err := os.MkdirAll(filepath.Join(dir, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	id, err := m.Replace(t.Context(), raid.Ref(dir), dir)
	if err != nil || id == old {
		t.Fatalf("replacing it: %q, %v", id, err)
	}
	insync(t, m)
	onEach(t, m, 2, "k/1", "one")
	r.close(m)

	// The dead one, mounted elsewhere and configured, is none of the mirror's any more.
	r.c.Dirs = append(r.c.Dirs, dir+".dead")
	m = r.open()
	insync(t, m)
	if v := volumeAt(m, dir); v.ID != id || len(m.Status().Volumes) != 2 {
		t.Errorf("%+v", m.Status())
	}
	clean(t, m)
}

// An epoch that a crash left on one volume alone, under which nothing was ever written, is none: the
// volume that has it is brought up when the other went on without it.
func TestEpochOnOneOnly(t *testing.T) {
	for _, wrote := range []bool{false, true} {
		r := newRig(t)
		m := r.open()
		put(t, m, "k/1", "one")
		if err := m.DeclareOne(0); err != nil {
			t.Fatal(err)
		}
		r.crash(m)
		if wrote { // with the same state directory: it was taken for the survivor
			copyDir(t, r.c.StateDir, r.c.StateDir+".old")
			move(t, r.c.Dirs[1], r.c.Dirs[1]+".away")
			m = r.open()
			put(t, m, "k/2", "the first alone")
			r.close(m)
			move(t, r.c.Dirs[1]+".away", r.c.Dirs[1])
			copyDir(t, r.c.StateDir+".old", r.c.StateDir)
		}
		move(t, r.c.Dirs[0], r.c.Dirs[0]+".away")
		m = r.open()
		put(t, m, "k/2", "two")
		move(t, r.c.Dirs[0]+".away", r.c.Dirs[0])
		if wrote {
			r.close(m)
			r.refused(raid.ErrFork)
			continue
		}
		if err := m.Resilver(t.Context(), raid.Ref(r.c.Dirs[0]), false); err != nil {
			t.Fatal(err)
		}
		insync(t, m)
		onEach(t, m, 2, "k/2", "two")
		r.close(m)
		m = r.open()
		insync(t, m)
		onEach(t, m, 2, "k/2", "two")
		clean(t, m)
	}
}

// A retired volume alone is never the truth by itself, whatever it holds. When nothing else is left persons
// may choose it, and it says what that loses; what comes back afterwards is filled anew from it.
func TestRetiredAlone(t *testing.T) {
	for _, told := range []bool{true, false} {
		r := newRig(t)
		m := r.open()
		put(t, m, "k/1", "one")
		if !told { // away when it is removed: its own superblock knows nothing of it
			r.close(m)
			move(t, r.c.Dirs[0], r.c.Dirs[0]+".away")
			m = r.open()
		}
		if err := m.Remove(t.Context(), raid.Ref(r.c.Dirs[0])); err != nil {
			t.Fatal(err)
		}
		put(t, m, "k/2", "two")
		r.close(m)
		if !told {
			move(t, r.c.Dirs[0]+".away", r.c.Dirs[0])
		}
		if m := r.open(); len(m.Slots()) != 1 {
			t.Errorf("told=%v: beside the other: %+v", told, m.Status())
		} else {
			r.close(m)
		}
		move(t, r.c.Dirs[1], r.c.Dirs[1]+".away")
		choices := r.refused(raid.ErrNotWitnessed)
		if len(choices) != 1 || choices[0].Dir != r.c.Dirs[0] || !choices[0].Doubt || !strings.Contains(choices[0].Loses, "after it was retired") {
			t.Fatalf("told=%v: %+v", told, choices)
		}
		r.refused(raid.ErrNotWitnessed) // nobody decided
		r.choose(choices, r.c.Dirs[0])
		m = r.decided()
		want(t, m, "k/1", "one")
		put(t, m, "k/3", "three")
		m = r.again(m)
		want(t, m, "k/3", "three")
		move(t, r.c.Dirs[1]+".away", r.c.Dirs[1]) // what it was the survivor of was decided on
		m = r.again(m)
		insync(t, m)
		onEach(t, m, 2, "k/3", "three")
		if _, err := m.Get(t.Context(), []byte("k/2")); !errors.Is(err, raid.ErrNotFound) {
			t.Errorf("told=%v: what was given up: %v", told, err)
		}
		clean(t, m)
	}
}

// Volumes are known by their identity: disks may come up under each other's names, or elsewhere.
func TestMountPointsSwapped(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "one")
	first := volumeAt(m, r.c.Dirs[0]).ID
	r.close(m)
	move(t, r.c.Dirs[0], r.c.Dirs[0]+".x")
	move(t, r.c.Dirs[1], r.c.Dirs[0])
	move(t, r.c.Dirs[0]+".x", r.c.Dirs[1])
	m = r.open()
	insync(t, m)
	if v := m.Status().Volumes[0]; v.ID != first || v.Dir != r.c.Dirs[1] {
		t.Errorf("after the exchange: %+v", v)
	}
	put(t, m, "k/2", "two")
	r.close(m)
	elsewhere := r.sibling("elsewhere")
	move(t, r.c.Dirs[1], elsewhere)
	m = r.open() // the other alone, its twin missing
	put(t, m, "k/3", "three")
	if s := m.Status(); s.State != raid.Degraded || s.Volumes[0].State != raid.Missing || s.Volumes[0].Cause != raid.CauseGone {
		t.Errorf("with a volume missing: %+v", s)
	}
	r.close(m)
	r.c.Dirs = append(r.c.Dirs, elsewhere)
	m = r.open()
	insync(t, m)
	onEach(t, m, 2, "k/3", "three")
	clean2(t, m)
}

func TestSparePromoted(t *testing.T) {
	r := newRig(t)
	r.c.SpareAfter = 200 * time.Millisecond
	m := r.open()
	put(t, m, "k/1", "one")
	spare, lost := r.sibling("spare"), r.c.Dirs[0]
	if _, err := m.Add(t.Context(), spare, true); err != nil {
		t.Fatal(err)
	}
	if s := m.Status(); s.State != raid.Healthy || volumeAt(m, spare).State != raid.Spare {
		t.Errorf("with a spare: %+v", s)
	}
	r.close(m)
	m = r.open()
	if s := m.Status(); s.State != raid.Healthy || volumeAt(m, spare).State != raid.Spare {
		t.Errorf("with a spare, opened again: %+v", s)
	}
	r.close(m)
	move(t, lost, lost+".away")
	m = r.open()
	state(t, m, spare, raid.InSync)
	r.ev.told(t, raid.EventPromoted, 1)
	onEach(t, m, 2, "k/1", "one")
	if v := volumeAt(m, lost); v.State != raid.Missing {
		t.Errorf("the lost one: %+v", v)
	}
	r.close(m)

	// It comes back as the spare, and is emptied.
	move(t, lost+".away", lost)
	m = r.open()
	state(t, m, lost, raid.Spare)
	eventually(t, "emptied", func() bool {
		left, err := filepath.Glob(filepath.Join(lost, "db.*"))
		return err == nil && len(left) == 0
	})
	eventually(t, "healthy", func() bool { return m.Status().State == raid.Healthy })
	onEach(t, m, 2, "k/1", "one")
	put(t, m, "k/2", "two")
	clean2(t, m)
}

// A volume whose sync failed is replaced by a spare at once.
func TestSparePromotedAtOnce(t *testing.T) {
	r := newRig(t)
	r.c.SpareAfter = time.Hour
	m := r.open()
	put(t, m, "k/1", "one")
	spare := r.sibling("spare")
	if _, err := m.Add(t.Context(), spare, true); err != nil {
		t.Fatal(err)
	}
	detach := inject(t, m.Status().Volumes[0].PID, "fdatasync", "when=1+")
	put(t, m, "k/2", "two")
	eventually(t, "promoted", func() bool { return r.ev.count(raid.EventPromoted) == 1 })
	detach()
	state(t, m, spare, raid.InSync)
	onEach(t, m, 2, "k/2", "two")
}

// With MinCopies 2 the mirror is read-only while a volume is away, and heals by itself.
func TestMinCopies(t *testing.T) {
	r := newRig(t)
	r.c.MinCopies = 2
	m := r.open()
	put(t, m, "k/1", "one")
	kill(t, m, 0)
	r.ev.told(t, raid.EventFenced, 1)
	insync(t, m)
	put(t, m, "k/2", "two")
	if err := m.Detach(t.Context(), raid.Ref(r.c.Dirs[0])); !errors.Is(err, raid.ErrLast) {
		t.Errorf("detaching one of two that are needed: %v", err)
	}
	r.close(m)
	move(t, r.c.Dirs[0], r.c.Dirs[0]+".away")
	m = r.open()
	if s := m.Status(); s.State != raid.ReadOnly || !s.ReadOnly || s.Why == "" {
		t.Errorf("with too few copies: %+v", s)
	}
	want(t, m, "k/2", "two")
	if _, err := m.Write(t.Context(), []raid.Op{{Key: []byte("k/3"), Value: []byte("v")}}); !errors.Is(err, raid.ErrReadOnly) {
		t.Errorf("a write with too few copies: %v", err)
	}
	move(t, r.c.Dirs[0]+".away", r.c.Dirs[0])
	insync(t, m)
	put(t, m, "k/3", "three")
	onEach(t, m, 2, "k/3", "three")
}

// Whatever a volume is doing when it is taken out or removed, it stays out.
func TestDetachedWhileFilled(t *testing.T) {
	r := newRig(t)
	m := r.open()
	l := startLoad(m, "load", 2)
	defer l.end()
	eventually(t, "something to fill", func() bool { return m.Status().Sequence > 60 })
	dir := r.c.Dirs[1]
	for i := range 8 {
		if err := m.Resilver(t.Context(), raid.Ref(dir), true); err != nil {
			t.Fatal(err)
		}
		eventually(t, "being filled", func() bool { return volumeAt(m, dir).Generation > 0 && r.ev.count(raid.EventRebuild) > i })
		time.Sleep(time.Duration(i*i) * 2 * time.Millisecond) // at another moment each time
		if err := m.Detach(t.Context(), raid.Ref(dir)); err != nil {
			t.Fatal(err)
		}
		at := m.Status().Sequence
		eventually(t, "writing goes on", func() bool { return m.Status().Sequence > at+20 })
		if v := volumeAt(m, dir); v.State != raid.Detached || len(m.Slots()) != 1 {
			t.Fatalf("round %d: %+v", i, v)
		}
	}
	if err := m.Resilver(t.Context(), raid.Ref(dir), true); err != nil {
		t.Fatal(err)
	}
	if err := m.Remove(t.Context(), raid.Ref(dir)); err != nil {
		t.Fatal(err)
	}
	at := m.Status().Sequence
	eventually(t, "writing goes on", func() bool { return m.Status().Sequence > at+20 })
	if s := m.Status(); s.State != raid.Healthy || len(s.Volumes) != 1 || len(m.Slots()) != 1 {
		t.Errorf("once removed: %+v", s)
	}
}
