package raidtest

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

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

// Starve makes every write to a block never written before fail with EIO when the kernel carries
// it out, after the write call returned: the file system is larger than what lies below it.
func (d *Image) Starve() {
	d.t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(d.file(), &st); err != nil {
		d.t.Fatal(err)
	}
	d.resize(strconv.FormatInt(st.Blocks*512+slack, 10))
}

// Feed ends Starve.
func (d *Image) Feed() {
	d.t.Helper()
	d.resize(storeSize)
}

// slack is what the image may still grow by: the kernel writes to it while we count.
const slack = 1 << 20

func (d *Image) resize(size string) {
	d.t.Helper()
	if err := unix.Mount("tmpfs", d.store, "tmpfs", unix.MS_REMOUNT, "size="+size); err != nil {
		d.t.Fatalf("changing what lies below %q to %s bytes: %v", d.Dir, size, err)
	}
}
