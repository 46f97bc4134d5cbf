package raid_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"casemate/raid"
	"casemate/raid/raidtest"
)

// TestTableRotsUnderReaders rots the table of a volume that runs all over: Badger looks at its
// checksums when it opens a table, and serves what it finds there afterwards. No reader ever gets a
// byte that was not written, from the mirror he gets every value, and both volumes are well again.
func TestTableRotsUnderReaders(t *testing.T) {
	s := newSite(t, diskSize)
	s.open()
	name := func(i int) string { return fmt.Sprintf("k/small/%04d", i) }
	const keys = 400
	for i := 0; i < keys; i += 20 {
		var kv []string
		for j := i; j < i+20; j++ {
			kv = append(kv, name(j), strings.Repeat(name(j), 20))
		}
		put(t, s.m, kv...)
	}
	s.close() // what is in memory becomes a table
	s.open()
	table := s.newest(0, "table")
	for at, end := int64(4000), raidtest.Written(t, table)*3/5; at < end; at += 449 {
		raidtest.Flip(t, table, at)
	}
	damaged := 0
	for i := range keys {
		v, err := s.m.GetFrom(t.Context(), 0, []byte(name(i)))
		if err == nil && string(v) != strings.Repeat(name(i), 20) {
			t.Errorf("%s is served wrong: %.40q", name(i), v)
		}
		if err != nil {
			damaged++
		}
		if errors.Is(err, raid.ErrUnavailable) {
			break // it died over it
		}
		want(t, s.m, name(i), strings.Repeat(name(i), 20))
	}
	if damaged == 0 {
		t.Error("nothing that was read was damaged")
	}
	s.cure(0)
	s.healthy()
	for _, slot := range s.m.Slots() {
		for i := range keys {
			if v, err := s.m.GetFrom(t.Context(), slot, []byte(name(i))); err != nil || string(v) != strings.Repeat(name(i), 20) {
				t.Fatalf("volume %d, %s: %.40q, %v", slot, name(i), v, err)
			}
		}
	}
	s.verify()
}

// TestMountedOver has another file system mounted over a volume that runs: what it writes nobody
// would see, and it is out with the very next batch, until its own is back.
func TestMountedOver(t *testing.T) {
	s := furnished(t)
	if err := unix.Mount("tmpfs", s.disks[0].Dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.c.Dirs[0], 0o700); err != nil { // it looks like a volume
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.c.Dirs[0], "lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := s.led.write(s.m, s.led.add("k/over"), false)
	state := s.volume(0).State
	if uerr := unix.Unmount(s.disks[0].Dir, unix.MNT_DETACH); uerr != nil {
		t.Fatal(uerr)
	}
	if err != nil || state == raid.InSync {
		t.Fatalf("the batch ended in %v, the volume is %q", err, state)
	}
	s.healthy()
	s.verify()
}
