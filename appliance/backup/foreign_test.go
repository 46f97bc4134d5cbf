package backup_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"casemate/appliance/backup"
)

// lying are the files of a folder with what is in them.
func lying(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	if err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[e.Name()] = string(text)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// another is another safe, that is backed up into the same folder.
func (r *rig) another() *rig {
	r.t.Helper()
	other := newRig(r.t)
	other.dir, other.mac = r.dir, backup.MACKey([32]byte{7})
	return other
}

// TestAnotherSafesFolder: nothing of another safe's folder is touched, not even what its broken backups left, whatever
// was asked for; and its backups restore.
func TestAnotherSafesFolder(t *testing.T) {
	r := newRig(t)
	r.take()
	r.put("k/a", "two")
	second := r.take()
	for _, name := range []string{".000003.data-001.part", "000003.data-001"} {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte("under way"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	other := r.another()
	refused := func(what string) {
		t.Helper()
		before := lying(t, r.dir)
		for _, full := range []bool{false, true} {
			o := other.options()
			o.Full = full
			if got, err := backup.Take(t.Context(), o, other); !errors.Is(err, backup.ErrForeign) {
				t.Errorf("%s: taken (full %v): %+v, %v", what, full, got, err)
			}
		}
		if !maps.Equal(before, lying(t, r.dir)) {
			t.Errorf("%s: the folder was changed", what)
		}
	}
	refused("the newest is another safe's")
	r.standing(0, "k/a", "two")
	harm(t, filepath.Join(r.dir, "000002.manifest"))
	refused("the newest does not read, and the one before is another safe's")
	harm(t, filepath.Join(r.dir, "000002.manifest"))
	if got := r.take(); got.Whole || got.Base.SHA256 != second.Digest {
		t.Errorf("its own safe's next one: whole %v, %q", got.Whole, got.Why)
	}
	r.standing(1, "k/a", "one")
}

// TestSupersedesItsOwn: in a folder where an earlier version put a backup on top of another safe's, the files of keys
// of this safe's own numbers go, and nobody else's.
func TestSupersedesItsOwn(t *testing.T) {
	r := newRig(t)
	r.take()
	theirs := lying(t, r.dir)
	other := r.another()
	other.dir = filepath.Join(t.TempDir(), "medium")
	other.take()
	full := func(o *backup.Options) { o.Full = true }
	other.take(full)
	for name, text := range lying(t, other.dir) {
		if name[:6] != "000002" {
			continue
		}
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	other.dir = r.dir
	if got := other.take(); got.Whole || got.Swept != 1 {
		t.Errorf("on its own number: whole %v, %q, %d files of keys taken away", got.Whole, got.Why, got.Swept)
	}
	now := lying(t, r.dir)
	for name, text := range theirs {
		if now[name] != text {
			t.Errorf("%s of another safe is gone", name)
		}
	}
	if _, there := now["000002.keys-001"]; there {
		t.Error("its own superseded keys lie there still")
	}
	other.standing(0, "k/a", "one")
}

// TestGivenUpHistory: a folder whose newest backup is of a history that was given up is not touched and counts nothing;
// it restores still.
func TestGivenUpHistory(t *testing.T) {
	r := newRig(t)
	r.take()
	r.put("k/a", "two")
	r.givenUp = []string{r.orphan().Digest}
	before := lying(t, r.dir)
	for _, full := range []bool{false, true} {
		o := r.options()
		o.Full = full
		if got, err := backup.Take(t.Context(), o, r); !errors.Is(err, backup.ErrGivenUp) {
			t.Errorf("taken (full %v): %+v, %v", full, got, err)
		}
	}
	if !maps.Equal(before, lying(t, r.dir)) || len(r.adopted) > 0 {
		t.Errorf("the folder was changed, or it counted: %v", r.adopted)
	}
	r.standing(0, "k/a", "two")
}
