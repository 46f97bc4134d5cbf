package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func readAll(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// leftovers are the files of a folder besides the expected ones.
func leftovers(t *testing.T, dir string, expected ...string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var others []string
next:
	for _, e := range entries {
		for _, name := range expected {
			if e.Name() == name {
				continue next
			}
		}
		others = append(others, e.Name())
	}
	return others
}

func TestCreateIsAllOrNothing(t *testing.T) {
	errFill := errors.New("no more bytes")
	write := func(text string) func(*os.File) error {
		return func(f *os.File) error { _, err := f.WriteString(text); return err }
	}
	for _, c := range []struct {
		name   string
		before string // "" nothing there
		force  bool
		fill   func(target string) func(*os.File) error
		want   error
		after  string
	}{
		{"new", "", false, func(string) func(*os.File) error { return write("new") }, nil, "new"},
		{"replaced", "old", true, func(string) func(*os.File) error { return write("new") }, nil, "new"},
		{"kept", "old", false, func(string) func(*os.File) error { return write("new") }, fs.ErrExist, "old"},
		{"failed over another", "old", true, func(string) func(*os.File) error {
			return func(f *os.File) error { return errors.Join(write("half")(f), errFill) }
		}, errFill, "old"},
		{"another came meanwhile", "", false, func(target string) func(*os.File) error {
			return func(f *os.File) error {
				return errors.Join(os.WriteFile(target, []byte("theirs"), 0o600), write("new")(f))
			}
		}, fs.ErrExist, "theirs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			target := filepath.Join(dir, "target")
			if c.before != "" {
				if err := os.WriteFile(target, []byte(c.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			a := &app{t: &english}
			if err := a.create(target, c.force, c.fill(target)); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if got := readAll(t, target); got != c.after {
				t.Errorf("the target holds %q, want %q", got, c.after)
			}
			if others := leftovers(t, dir, "target"); len(others) > 0 {
				t.Errorf("left behind: %v", others)
			}
		})
	}
}

// full is a disk with room for a few bytes.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	if f.room < len(b) {
		return 0, errors.New("no space left on device")
	}
	f.room -= len(b)
	return len(b), nil
}

// TestALostResultIsAFailure also where no line looks at its own error.
func TestALostResultIsAFailure(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"version", "--json"}} {
		var stderr bytes.Buffer
		a := &app{stdout: &full{room: 3}, stderr: &stderr, getenv: func(string) string { return "" }}
		if code := a.run(t.Context(), args); code != exitGeneral || stderr.Len() == 0 {
			t.Errorf("%v: exit code %d, %q", args, code, stderr.String())
		}
	}
}
