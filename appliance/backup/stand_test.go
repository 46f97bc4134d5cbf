package backup_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"casemate/appliance/backup"
	"casemate/raid"
	"casemate/raid/raidtest"
)

// orphan takes a backup of whose end the safe hears nothing.
func (r *rig) orphan() backup.Taken {
	r.t.Helper()
	done := r.take()
	r.ended = slices.DeleteFunc(r.ended, func(e backup.Ended) bool { return e.Manifest == done.Digest })
	return done
}

// TestOrphan: a backup whose command died before the safe was told counts with the next one, and is its base, if every
// file of it is as it was written; else neither.
func TestOrphan(t *testing.T) {
	r := newRig(t)
	r.put("k/big", strings.Repeat("x", 200<<10))
	first := r.orphan()
	r.put("k/a", "two")
	second := r.take()
	if second.Whole || !slices.Equal(r.adopted, []string{first.Digest}) {
		t.Errorf("after one that the safe was not told of: whole %v, counted %v", second.Whole, r.adopted)
	}
	r.put("k/a", "three")
	third := r.orphan()
	if got := r.take(func(o *backup.Options) { o.Full = true }); got.Why != "" || !slices.Equal(r.adopted, []string{first.Digest, third.Digest}) {
		t.Errorf("where a whole one is wanted: %q, counted %v", got.Why, r.adopted)
	}
	r.put("k/a", "four")
	fifth := r.orphan()
	harm(t, filepath.Join(r.dir, fifth.Data[0].Name))
	got := r.take()
	if !got.Whole || got.Why != backup.WhyBroken || slices.Contains(r.adopted, fifth.Digest) {
		t.Errorf("after one that is not as it was written: whole %v, %q, counted %v", got.Whole, got.Why, r.adopted)
	}
	r.standing(0, "k/a", "four")
}

// harm flips a bit in the middle of a file.
func harm(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		b[len(b)/2] ^= 1
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestWhyWhole: whatever keeps an increment from being put on the backup before is said.
func TestWhyWhole(t *testing.T) {
	for want, harm := range map[string]func(r *rig, first backup.Taken) error{
		backup.WhyBroken: func(r *rig, first backup.Taken) error {
			return os.Truncate(filepath.Join(r.dir, first.Data[0].Name), 1)
		},
		"the batches after": func(r *rig, _ backup.Taken) error {
			for range 1100 { // manifests are kept for fewer
				r.put("k/n", "n")
			}
			return nil
		},
	} {
		r := newRig(t)
		if err := harm(r, r.take()); err != nil {
			t.Fatal(err)
		}
		if got := r.take(); !got.Whole || !strings.HasPrefix(got.Why, want) {
			t.Errorf("%s: whole %v, %q", want, got.Whole, got.Why)
		}
	}
}

// TestDamagedThenRepaired: a value that was damaged on every volume when a backup was taken, and is well again, is in
// the next one, which is whole since no batch brought the value back.
func TestDamagedThenRepaired(t *testing.T) {
	r := newRig(t)
	secret := strings.Repeat("the one ", 8<<10)
	r.put("k/hurt", secret)
	flip := r.inLogs("k/hurt")
	flip()
	first := r.take()
	if first.Damaged != 1 {
		t.Fatalf("%d values are damaged", first.Damaged)
	}
	m, err := r.restore(0)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := m.Get(t.Context(), []byte("k/hurt")); !errors.Is(err, raid.ErrCorrupt) {
		t.Errorf("what was damaged reads %.20q, %v", v, err)
	}
	flip()
	second := r.take()
	if !second.Whole || second.Why != backup.WhyDamaged || second.Damaged != 0 {
		t.Errorf("the next one: whole %v, %q, %d damaged", second.Whole, second.Why, second.Damaged)
	}
	r.standing(0, "k/hurt", secret)
	r.put("k/a", "two")
	if third := r.take(); third.Whole {
		t.Errorf("on one without damage: %q", third.Why)
	}
}

// inLogs finds a value in the logs of both volumes, and gives what flips a byte of it there, and back.
func (r *rig) inLogs(key string) (flip func()) {
	r.t.Helper()
	at := map[string]int64{}
	for _, dir := range r.c.Dirs {
		for _, path := range raidtest.Files(r.t, dir, "value log") {
			b, err := os.ReadFile(path)
			if err != nil {
				r.t.Fatal(err)
			}
			if i := bytes.Index(b, []byte(key)); i >= 0 {
				at[path] = int64(i + 1024)
			}
		}
	}
	if len(at) != len(r.c.Dirs) {
		r.t.Fatalf("%s lies in %v", key, at)
	}
	return func() {
		for path, offset := range at {
			raidtest.Flip(r.t, path, offset)
		}
	}
}

// TestSafeGivesUp: what keeps the safe from going on reaches whoever asked for the backup, by name; nothing of it
// stays on the medium.
func TestSafeGivesUp(t *testing.T) {
	r := newRig(t)
	r.put("W/long", strings.Repeat("wrapped", 1<<10))
	r.take()
	r.codeOf = func(err error) string {
		if errors.Is(err, raid.ErrCorrupt) {
			return "corrupt"
		}
		return ""
	}
	flip := r.inLogs("W/long")
	flip()
	_, err := backup.Take(t.Context(), r.options(), r)
	var gaveUp *backup.Failure
	if !errors.As(err, &gaveUp) || gaveUp.Code != "corrupt" || !strings.Contains(gaveUp.Said, "kept apart") {
		t.Errorf("keys that no volume has: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(r.dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	flip()
	if got := r.take(); got.Whole || got.Number != 2 {
		t.Errorf("the next one: %+v", got)
	}
}

// TestOneAtATime: a second backup into a folder is refused while one is being written there, and takes nothing of it away.
func TestOneAtATime(t *testing.T) {
	r := newRig(t)
	r.take()
	r.put("k/a", "two")
	second := *r
	r.before = func(string) {
		if got, err := backup.Take(t.Context(), second.options(), &second); !errors.Is(err, backup.ErrBusy) {
			t.Errorf("beside another: %+v, %v", got, err)
		}
	}
	if got := r.take(); got.Number != 2 || got.Whole {
		t.Errorf("the first of them: %+v", got)
	}
	r.standing(0, "k/a", "two")
}
