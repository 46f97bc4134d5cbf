package storage

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"casemate/raid"
	"casemate/raid/raidtest"
)

// mirror is one that has volumes and does nothing.
type mirror struct {
	Mirror
	volumes []raid.VolumeStatus
}

func (m mirror) Status() raid.Status { return raid.Status{Volumes: m.volumes} }

// TestWhereAVolumeMayBe judges folders on disks of their own.
func TestWhereAVolumeMayBe(t *testing.T) {
	a, b := raidtest.MakeImage(t, "xfs", 400<<20), raidtest.MakeImage(t, "ext4", 100<<20)
	folder := func(parts ...string) string {
		t.Helper()
		dir := filepath.Join(parts...)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	held := folder(a.Dir, "held")
	if err := os.WriteFile(filepath.Join(held, "value.log"), make([]byte, 150<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	first := raid.VolumeStatus{ID: "first", Dir: held, State: raid.InSync}
	lost := raid.VolumeStatus{ID: "lost", Dir: b.Dir, State: raid.Missing}
	own := folder(t.TempDir(), "state")
	locked := folder(t.TempDir(), "x") // on the system's disk, where nobody may write
	if err := errors.Join(unix.Mount(locked, locked, "", unix.MS_BIND, ""), unix.Mount("", locked, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(locked, unix.MNT_DETACH) })
	for _, c := range []struct {
		name    string
		place   Place
		instead string
		volumes []raid.VolumeStatus
		free    int64
		want    error
	}{
		{"a disk of its own, with lost+found", Place{Dir: b.Dir}, "", nil, 1 << 20, nil},
		{"a disk too small for what there is", Place{Dir: b.Dir}, "", []raid.VolumeStatus{first}, 1 << 20, ErrNoSpace},
		{"a disk smaller than the floor", Place{Dir: b.Dir}, "", nil, 200 << 20, ErrNoSpace},
		{"the disk of another volume", Place{Dir: folder(a.Dir, "other")}, "", []raid.VolumeStatus{first}, 1 << 20, ErrSameDisk},
		{"the same, knowingly", Place{Dir: folder(a.Dir, "other"), SameDisk: true}, "", []raid.VolumeStatus{first}, 1 << 20, nil},
		{"the system's disk", Place{Dir: folder(t.TempDir(), "x")}, "", nil, 1 << 20, ErrNotMounted},
		{"the system's disk, knowingly", Place{Dir: folder(t.TempDir(), "x"), SameDisk: true}, "", nil, 1 << 20, nil},
		{"nothing mounted, and no right to write either", Place{Dir: locked}, "", nil, 1 << 20, ErrNotMounted},
		{"the same, knowingly there", Place{Dir: locked, SameDisk: true}, "", nil, 1 << 20, ErrLocked},
		{"around a volume", Place{Dir: folder(t.TempDir()), SameDisk: true}, "", []raid.VolumeStatus{{ID: "x", Dir: "/"}}, 1 << 20, ErrInside},
		{"in the safe's own folder", Place{Dir: folder(own, "in"), SameDisk: true}, "", nil, 1 << 20, ErrInside},
		{"a volume's own folder", Place{Dir: b.Dir}, "", []raid.VolumeStatus{lost}, 1 << 20, ErrInside},
		{"the folder of the volume that is replaced", Place{Dir: b.Dir}, "lost", []raid.VolumeStatus{lost}, 1 << 20, nil},
		{"a path with a link in it", Place{Dir: "/proc/self/cwd"}, "", nil, 1 << 20, ErrBadDir},
		{"the root", Place{Dir: "/"}, "", nil, 1 << 20, ErrNotEmpty},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Storage{Mirror: mirror{volumes: c.volumes}, Own: []string{own}, MinFree: c.free}
			if err := s.judge(c.place, c.instead); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// TestFind takes an identity, eight digits of it or a folder, and nothing that could mean two.
func TestFind(t *testing.T) {
	s := Storage{Mirror: mirror{volumes: []raid.VolumeStatus{{ID: "aaaaaaaabbbb", Dir: "/a"}, {ID: "aaaaaaaacccc", Dir: "/b"}, {ID: "dddddddd1111", Dir: "/c"}}}}
	for name, dir := range map[string]string{"aaaaaaaabbbb": "/a", "/b": "/b", "dddddddd": "/c", "aaaaaaaa": "", "dddd": "", "": "", "/": ""} {
		v, err := s.Find(name)
		if v.Dir != dir || (dir == "") != errors.Is(err, ErrUnknownVolume) {
			t.Errorf("%q: %q, %v", name, v.Dir, err)
		}
	}
}
