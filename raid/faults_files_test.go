package raid_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"casemate/raid"
	"casemate/raid/raidtest"
)

// harm is something done to one file of a volume that is closed, or was killed.
type harm struct {
	name string
	do   func(t *testing.T, path string)
}

var harms = []harm{
	{"missing", func(t *testing.T, path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}},
	{"first byte flipped", func(t *testing.T, path string) { raidtest.Flip(t, path, 0) }},
	{"byte flipped early", func(t *testing.T, path string) { raidtest.Flip(t, path, raidtest.Written(t, path)/5) }},
	{"byte flipped amid", func(t *testing.T, path string) { raidtest.Flip(t, path, raidtest.Written(t, path)/2) }},
	{"last byte flipped", func(t *testing.T, path string) { raidtest.Flip(t, path, max(1, raidtest.Written(t, path))-1) }},
	{"cut in half", func(t *testing.T, path string) {
		if err := os.Truncate(path, raidtest.Written(t, path)/2); err != nil {
			t.Fatal(err)
		}
	}},
	{"empty", func(t *testing.T, path string) {
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
	}},
}

// TestEachKindOfFileHarmed harms each kind of file of one volume that is not running: closed
// cleanly, or killed. The mirror opens with the other, loses nothing, and both are well again by
// themselves; a volume that has no superblock any more is replaced, as an administrator does, and one
// whose value log was harmed is scrubbed.
func TestEachKindOfFileHarmed(t *testing.T) {
	kinds := []string{}
	for kind := range raidtest.Kinds {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for side := range 4 {
		victim, clean := side%2, side < 2
		t.Run(fmt.Sprintf("%s/clean=%v", []string{"xfs", "ext4"}[victim], clean), func(t *testing.T) {
			t.Parallel()
			s := furnished(t)
			for i, kind := range kinds {
				for j, h := range harms {
					if os.Getenv("CASEMATE_LONG") != "" || (i+j)%4 == side { // each on one of the four
						s.harm(victim, clean, kind, h)
					}
				}
			}
			s.verify()
		})
	}
}

// harm does one harm to one file and has the mirror open over it.
func (s *site) harm(victim int, clean bool, kind string, h harm) {
	s.t.Helper()
	s.write(3)
	if clean {
		s.close()
	} else {
		s.crash()
	}
	files := raidtest.Files(s.t, s.c.Dirs[victim], kind)
	if len(files) == 0 || kind == "lock" && raidtest.Written(s.t, files[0]) == 0 && h.name != "missing" {
		s.open() // none of that kind, or nothing in it
		s.settled()
		return
	}
	which := files[len(files)-1]
	if kind == "value log" && s.runs%2 == 0 {
		which = files[0]
	}
	h.do(s.t, which)
	s.open()
	s.write(2)
	switch kind {
	case "superblock":
		s.replace(victim)
	case "value log":
		s.cure(victim) // an older one is not looked at when it opens
	}
	s.settled()
	if s.t.Failed() {
		s.t.Fatalf("with a %s that is harmed: %s, clean stop %v", kind, h.name, clean)
	}
}

// replace puts a new directory on the same disk in the place of a volume that cannot be used.
func (s *site) replace(victim int) {
	s.t.Helper()
	s.runs++
	old := s.c.Dirs[victim]
	fresh := filepath.Join(s.disks[victim].Dir, fmt.Sprintf("volume-%d", s.runs))
	if err := os.Mkdir(fresh, 0o700); err != nil {
		s.t.Fatal(err)
	}
	id, err := s.m.Replace(s.t.Context(), raid.Ref(old), fresh)
	if err != nil || id == "" {
		s.t.Fatalf("replacing %q: %v", old, err)
	}
	s.c.Dirs[victim] = fresh
	if err := os.RemoveAll(old); err != nil {
		s.t.Fatal(err)
	}
}
