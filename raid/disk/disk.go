// Package disk tells what lies below a directory: the mount, its device, the drives under that,
// and how these say they are (S.M.A.R.T., through smartmontools where that is installed).
//
// It only looks. What it cannot find out is a sentence in the answer, never a reason to stop:
// a volume is judged by what comes back from it, and a drive's own word is a hint to a person.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Disk is what a directory lies on.
type Disk struct {
	Dir      string  `json:"dir"`              // asked about, links followed
	Mount    string  `json:"mount"`            // where its file system is mounted
	Source   string  `json:"source"`           // what is mounted there, in the kernel's words
	FSType   string  `json:"fsType"`           // "xfs", "ext4", "tmpfs"
	Device   string  `json:"device,omitempty"` // number of the file system, "254:1"
	ReadOnly bool    `json:"readOnly"`
	Drives   []Drive `json:"drives,omitempty"` // the whole drives below; none for tmpfs or a network
}

// Drive is one whole drive, real or virtual.
type Drive struct {
	Path    string `json:"path"` // "/dev/sda"
	Model   string `json:"model,omitempty"`
	Serial  string `json:"serial,omitempty"`
	Rotates bool   `json:"rotates"`           // as the kernel takes it
	Virtual bool   `json:"virtual,omitempty"` // loop, zram, brd: the kernel's own
	Backing string `json:"backing,omitempty"` // the file of a loop device, on whatever drives follow
	Bytes   int64  `json:"bytes"`
}

// machine is where the kernel tells; tests put a tree of their own in its place.
type machine struct{ proc, sys, dev string }

var here = machine{proc: "/proc", sys: "/sys", dev: "/dev"}

// Under says what a directory, which must exist, lies on.
func Under(dir string) (Disk, error) {
	d, err := here.under(dir)
	if err != nil {
		return Disk{}, fmt.Errorf("looking below %q: %w", dir, err)
	}
	return d, nil
}

func (m machine) under(dir string) (Disk, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return Disk{}, err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return Disk{}, err
	}
	// The kernel's own word on which mount a path is in: paths alone lie where one mount hides another.
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_SYNC_AS_STAT, unix.STATX_TYPE|unix.STATX_MNT_ID, &st); err != nil {
		return Disk{}, err
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return Disk{}, unix.ENOTDIR
	case st.Mask&unix.STATX_MNT_ID == 0:
		return Disk{}, errors.New("this kernel does not name a file's mount (it is older than 5.8)")
	}
	f, err := os.Open(filepath.Join(m.proc, "self/mountinfo"))
	if err != nil {
		return Disk{}, err
	}
	defer f.Close() //nolint:errcheck // only read
	mounts, err := parseMounts(f)
	if err != nil {
		return Disk{}, err
	}
	i := slices.IndexFunc(mounts, func(x mount) bool { return x.id == int(st.Mnt_id) })
	if i < 0 {
		return Disk{}, fmt.Errorf("mount %d is not in this process's list of mounts: %w", st.Mnt_id, fs.ErrNotExist)
	}
	on := mounts[i]
	d := Disk{
		Dir: path, Mount: on.point, Source: on.source, FSType: on.fsType,
		Device: on.device, ReadOnly: on.readOnly(),
	}
	d.Drives = m.drives(m.blockDevice(on))
	return d, nil
}

// Same tells whether two directories fall together: they share a file system or a drive. A loop
// device stands on the drives of its file.
func Same(a, b Disk) bool {
	if SameFileSystem(a, b) {
		return true
	}
	return slices.ContainsFunc(a.Drives, func(x Drive) bool {
		return slices.ContainsFunc(b.Drives, func(y Drive) bool { return x.Path == y.Path })
	})
}

// SameFileSystem tells whether two directories are in one file system, however it is mounted.
func SameFileSystem(a, b Disk) bool { return a.Device == b.Device }
