package setup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// tree lists what lies below a folder.
func tree(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, _ os.FileInfo, err error) error {
		if rel, _ := filepath.Rel(dir, path); rel != "." {
			all = append(all, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func note(t *testing.T, r *Record, all ...Made) {
	t.Helper()
	for _, m := range all {
		if err := r.Note(m); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUndoTakesBackWhatWasMadeAndNothingElse, whether or not it came to be made.
func TestUndoTakesBackWhatWasMadeAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("etc/other"), "stays")
	write(t, in("volume/lost+found/x"), "stays")
	write(t, in("fstab"), "one\ntwo\n")
	before := strings.Join(tree(t, dir), " ")
	r, err := Begin(in("etc/record"))
	if err != nil {
		t.Fatal(err)
	}
	note(t, r, Made{Act: MadeFile, Path: in("etc/config")}, Made{Act: MadeDir, Path: in("state")}, Made{Act: Filled, Path: in("volume")},
		Made{Act: Fstab, Path: in("fstab"), Line: "UUID=1 /x"}, Made{Act: MadeFile, Path: in("etc/never")}, Made{Act: MadeDir, Path: in("never")},
		Made{Act: MadeFile, Path: in("etc/other/never")}, Made{Act: MadeDir, Path: in("etc/other/never")}, // below a file
		Made{Act: TokenTaken, Path: "safe"}, Made{Act: Mounted, Path: in("volume")})
	// Filled after it was made: only backwards do both come off.
	note(t, r, Made{Act: MadeDir, Path: in("disk")})
	if err := os.Mkdir(in("disk"), 0o755); err != nil {
		t.Fatal(err)
	}
	note(t, r, Made{Act: Filled, Path: in("disk")})
	write(t, in("disk/batch"), "x")
	write(t, in("etc/config"), "x")
	write(t, in("state/deep/er"), "x")
	write(t, in("volume/batch"), "x")
	if err := AddLine(in("fstab"), "UUID=1 /x"); err != nil {
		t.Fatal(err)
	}
	if _, err := Begin(in("etc/record")); !errors.Is(err, ErrUnfinished) {
		t.Errorf("a second set-up begins: %v", err)
	}
	if _, err := Undo(in("etc/record")); !errors.Is(err, ErrRunning) {
		t.Errorf("a set-up that runs is undone by another: %v", err)
	}
	left, err := r.Back()
	if err != nil || len(left) != 1 || left[0].Act != TokenTaken {
		t.Errorf("left %+v, %v", left, err)
	}
	if after := strings.Join(tree(t, dir), " "); after != before {
		t.Errorf("before %s\nafter  %s", before, after)
	}
	if text, _ := os.ReadFile(in("fstab")); string(text) != "one\ntwo\n" {
		t.Errorf("fstab is %q", text)
	}
}

// TestUndoAfterACut: a last line that is not whole tells of nothing that was begun; undoing may itself be
// broken off and begun again.
func TestUndoAfterACut(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	r, err := Begin(in("record"))
	if err != nil {
		t.Fatal(err)
	}
	note(t, r, Made{Act: MadeFile, Path: in("a")}, Made{Act: MadeFile, Path: in("b")})
	write(t, in("a"), "x")
	write(t, in("keep"), "x")
	if _, err := r.f.WriteString(`{"act":"file","path":"` + in("keep")); err != nil {
		t.Fatal(err)
	}
	if err := r.f.Close(); err != nil { // as the kernel does for a process that was killed
		t.Fatal(err)
	}
	if left, err := Undo(in("record")); err != nil || len(left) != 0 {
		t.Errorf("%v %v", left, err)
	}
	if got := strings.Join(tree(t, dir), " "); got != "keep" {
		t.Errorf("left: %s", got)
	}
}

// TestUndoKnowsItsFolder: another file system that lies at the path by now is not emptied.
func TestUndoKnowsItsFolder(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("old/.keep"), "")
	if err := os.Remove(in("old/.keep")); err != nil {
		t.Fatal(err)
	}
	r, err := Begin(in("record"))
	if err != nil {
		t.Fatal(err)
	}
	note(t, r, Made{Act: Filled, Path: in("old")})
	if err := os.Rename(in("old"), in("moved")); err != nil {
		t.Fatal(err)
	}
	write(t, in("old/somebody's"), "x")
	left, err := r.Back()
	if err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
	if _, err := os.Stat(in("old/somebody's")); err != nil {
		t.Error("a folder that is another by now was emptied")
	}
}

// TestAWholeSetUpIsNeverUndone: killed behind the last line, it stays, and only its record goes.
func TestAWholeSetUpIsNeverUndone(t *testing.T) {
	dir := t.TempDir()
	r, err := Begin(filepath.Join(dir, "record"))
	if err != nil {
		t.Fatal(err)
	}
	note(t, r, Made{Act: MadeFile, Path: filepath.Join(dir, "deed")}, Made{Act: Whole})
	write(t, filepath.Join(dir, "deed"), "x")
	if err := r.f.Close(); err != nil { // as the kernel does for a process that was killed
		t.Fatal(err)
	}
	if left, err := Undo(filepath.Join(dir, "record")); err != nil || len(left) != 0 {
		t.Errorf("%v %v", left, err)
	}
	if got := strings.Join(tree(t, dir), " "); got != "deed" {
		t.Errorf("left: %q", got)
	}
}

func TestKeepEndsIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "record")
	r, err := Begin(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Keep(); err != nil {
		t.Fatal(err)
	}
	if _, err := Undo(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
