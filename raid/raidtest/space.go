package raidtest

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Free is how many bytes of the image are free.
func (d *Image) Free() int64 {
	d.t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(d.Dir, &st); err != nil {
		d.t.Fatal(err)
	}
	return int64(st.Bavail) * st.Bsize
}

func (d *Image) filler() string { return filepath.Join(d.Dir, "filler") }

// Fill takes all but so many bytes of the image, as somebody else's file would; again to take more.
func (d *Image) Fill(leave int64) {
	d.t.Helper()
	f, err := os.OpenFile(d.filler(), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for step := int64(64 << 20); step >= 4096; {
		fi, err := f.Stat()
		if err != nil {
			d.t.Fatal(err)
		}
		if d.Free()-leave < step {
			step /= 2
			continue
		}
		switch err := unix.Fallocate(int(f.Fd()), 0, fi.Size(), step); {
		case errors.Is(err, unix.ENOSPC):
			step /= 2
		case err != nil:
			d.t.Fatalf("filling %q: %v", d.Dir, err)
		}
	}
}

// Empty gives what Fill took back.
func (d *Image) Empty() {
	d.t.Helper()
	if err := os.Remove(d.filler()); err != nil {
		d.t.Fatal(err)
	}
}
