package raidtest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// Kinds are the kinds of files of a volume, Badger's and ours, each with a pattern below its
// directory. before/ is there after an unclean stop only.
var Kinds = map[string]string{
	"value log":       "db.*/*.vlog",
	"write-ahead log": "db.*/*.mem",
	"table":           "db.*/*.sst",
	"MANIFEST":        "db.*/MANIFEST",
	"DISCARD":         "db.*/DISCARD",
	"KEYREGISTRY":     "db.*/KEYREGISTRY",
	"superblock":      "superblock",
	"heads":           "heads",
	"ballast":         "ballast",
	"lock":            "lock",
}

// Files gives a volume's files of a kind that is in Kinds, oldest first.
func Files(t testing.TB, dir, kind string) []string {
	t.Helper()
	pattern, ok := Kinds[kind]
	if !ok {
		t.Fatalf("no such kind of file: %q", kind)
	}
	list, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// Flip turns every bit of one byte of a file over, in place, past whoever has it mapped.
func Flip(t testing.TB, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	b[0] ^= 0xff
	_, err2 := f.WriteAt(b[:], at)
	if err := errors.Join(err, err2, f.Close()); err != nil {
		t.Fatalf("flipping byte %d of %q: %v", at, path, err)
	}
}

// Written gives where the data of a file ends: Badger's logs are mostly holes and zeros. Zero is a
// file without any.
func Written(t testing.TB, path string) int64 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := len(b); n > 0; n-- {
		if b[n-1] != 0 {
			return int64(n)
		}
	}
	return 0
}

// CopyDir makes to a copy of from, holes left out.
func CopyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := command("cp", "-a", "--sparse=always", from, to); err != nil {
		t.Fatal(err)
	}
}

// Used gives the bytes that a directory's files take on the disk.
func Used(t testing.TB, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		n += st.Blocks * 512
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
