package raidtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Image is a disk that a test may hurt: a file system of its own in a file, mounted through a loop
// device. The file lies in memory, so that a sync costs little; what the file system has not been
// made to write to it is lost in a Cut as it would be on a disk. Needs root.
type Image struct {
	Dir    string // where it is mounted
	FSType string
	t      testing.TB
	store  string // a tmpfs that holds the file alone
	frozen bool
}

// storeSize bounds the memory an image can take; it is sparse and takes far less.
const storeSize = "4G"

// MakeImage makes a file system of a type ("xfs" or "ext4") and size in bytes and mounts it. It is
// taken apart when the test ends, whatever was done to it. XFS wants 300 MiB at least.
func MakeImage(t testing.TB, fstype string, size int64) *Image {
	t.Helper()
	base := t.TempDir()
	d := &Image{Dir: filepath.Join(base, fstype), FSType: fstype, t: t, store: filepath.Join(base, "store")}
	for _, dir := range []string{d.Dir, d.store} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mount("tmpfs", d.store, "tmpfs", 0, "size="+storeSize); err != nil {
		t.Fatalf("mounting memory for an image (needs root): %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(d.store, unix.MNT_DETACH) })
	if err := os.WriteFile(d.file(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.file(), size); err != nil {
		t.Fatal(err)
	}
	mkfs := []string{"mkfs.xfs", "-q"}
	if fstype == "ext4" {
		mkfs = []string{"mkfs.ext4", "-q", "-F", "-m", "0"}
	}
	d.must(append(mkfs, d.file())...)
	t.Cleanup(d.end)
	d.Mount()
	return d
}

func (d *Image) file() string { return filepath.Join(d.store, "image") }

// Mount mounts the image again, as an administrator would: an ext4 that noted errors is checked.
func (d *Image) Mount() {
	d.t.Helper()
	args := []string{"mount", "-o", "loop"}
	if d.FSType == "ext4" {
		_ = command("e2fsck", "-p", d.file()) // its status tells what it mended
		args = []string{"mount", "-o", "loop,errors=remount-ro"}
	}
	d.must(append(args, d.file(), d.Dir)...)
	// Whoever copies all mounts into a namespace of his own loses this one with us.
	if err := unix.Mount("", d.Dir, "", unix.MS_SHARED, ""); err != nil {
		d.t.Fatal(err)
	}
}

// Unmount unmounts it once nobody uses it any more; it fails the test if that never happens.
func (d *Image) Unmount() {
	d.t.Helper()
	d.poll("unmounted", func() error {
		err := unix.Unmount(d.Dir, 0)
		if errors.Is(err, unix.EINVAL) { // it was not mounted
			return nil
		}
		return err
	})
	d.Gone()
}

// Remount is Unmount and Mount: what was on the disk is there, and nothing else.
func (d *Image) Remount() {
	d.t.Helper()
	d.Unmount()
	d.Mount()
}

// Cut cuts the power: nothing that was not on the disk will be, and every call fails from now on.
func (d *Image) Cut() {
	d.t.Helper()
	d.must("xfs_io", "-x", "-c", "shutdown", d.Dir)
}

// Detach takes the mount away under whoever uses it (umount -l).
func (d *Image) Detach() {
	d.t.Helper()
	if err := unix.Unmount(d.Dir, unix.MNT_DETACH); err != nil {
		d.t.Fatalf("unmounting %q lazily: %v", d.Dir, err)
	}
}

// Gone waits until nothing holds the loop device any more: what is mounted next is read from the disk.
func (d *Image) Gone() {
	d.t.Helper()
	d.poll("let go", func() error {
		if dev := d.loop(); dev != "" {
			return fmt.Errorf("still at %s", dev)
		}
		return nil
	})
}

// Freeze stops every write in the kernel (fsfreeze) until Thaw: writers hang and cannot be killed.
func (d *Image) Freeze() {
	d.t.Helper()
	d.must("fsfreeze", "-f", d.Dir)
	d.frozen = true
}

// Thaw ends Freeze.
func (d *Image) Thaw() {
	d.t.Helper()
	d.frozen = false
	d.must("fsfreeze", "-u", d.Dir)
}

// ReadOnly makes the file system read-only under whoever writes to it, the way its kernel does
// after an error: ext4 mounts itself again read-only. XFS has no such state and is shut down.
func (d *Image) ReadOnly() {
	d.t.Helper()
	if d.FSType == "xfs" {
		d.Cut()
		return
	}
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(d.loop()), "trigger_fs_error")
	if err := os.WriteFile(trigger, []byte("1"), 0o200); err != nil {
		d.t.Fatal(err)
	}
}

// Die makes every read and write of the disk below fail with EIO, now and later, until Revive; what
// the kernel has in memory still reads.
func (d *Image) Die() { d.t.Helper(); d.limit(4096) }

// Revive ends Die. The file system has given itself up meanwhile and wants a Remount.
func (d *Image) Revive() { d.t.Helper(); d.limit(0) }

// limit lets the loop device reach so many bytes of the file, 0 all: beyond is the end of the device.
func (d *Image) limit(bytes uint64) {
	d.t.Helper()
	dev, err := os.OpenFile(d.loop(), os.O_RDWR, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = dev.Close() }()
	info, err := unix.IoctlLoopGetStatus64(int(dev.Fd()))
	if err == nil {
		info.Sizelimit = bytes
		err = unix.IoctlLoopSetStatus64(int(dev.Fd()), info)
	}
	if err != nil {
		d.t.Fatalf("limiting %q to %d bytes: %v", d.loop(), bytes, err)
	}
}

// loop is the image's block device.
func (d *Image) loop() string {
	d.t.Helper()
	out, err := exec.Command("losetup", "-n", "-O", "NAME", "-j", d.file()).Output()
	if err != nil {
		d.t.Fatalf("losetup: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// end takes the image apart.
func (d *Image) end() {
	if d.frozen {
		_ = command("fsfreeze", "-u", d.Dir)
	}
	for range 500 {
		if errors.Is(unix.Unmount(d.Dir, 0), unix.EINVAL) {
			return
		}
		time.Sleep(pollPause)
	}
	d.t.Logf("%q is still in use: unmounted lazily", d.Dir)
	for unix.Unmount(d.Dir, unix.MNT_DETACH) == nil {
		continue
	}
}

const pollPause = 20 * time.Millisecond

// poll tries until it succeeds, for a minute.
func (d *Image) poll(what string, try func() error) {
	d.t.Helper()
	var err error
	for range 3000 {
		if err = try(); err == nil {
			return
		}
		time.Sleep(pollPause)
	}
	d.t.Fatalf("%q was never %s: %v", d.Dir, what, err)
}

func (d *Image) must(args ...string) {
	d.t.Helper()
	if err := command(args...); err != nil {
		d.t.Fatal(err)
	}
}

// command runs a program of the system, a minute at most.
func command(args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", args, err, out)
	}
	return nil
}
