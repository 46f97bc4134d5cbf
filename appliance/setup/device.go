package setup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Device is a whole disk (or a partition, or a loop device) as it is now.
type Device struct {
	Path  string // links followed
	Whole string // the drive it is, or is a part of
	Name  string // the exact name by which a person says "erase it"
	Bytes int64
	Holds []string // signs of data: file systems, tables of partitions
	Used  string   // who has it now; empty for nobody
}

// ErrNoDevice says that a path is no block device.
var ErrNoDevice = errors.New("this is no disk")

// LookAt says what a disk is and what is on it. It writes nothing.
func LookAt(ctx context.Context, path string) (Device, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return Device{}, fmt.Errorf("%w: %w", ErrNoDevice, err)
	}
	var st unix.Stat_t
	if err := unix.Stat(real, &st); err != nil {
		return Device{}, fmt.Errorf("%w: %w", ErrNoDevice, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return Device{}, fmt.Errorf("%w: %s", ErrNoDevice, real)
	}
	d := Device{Path: real, Whole: real}
	sys := fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	if d.Bytes, err = sectors(filepath.Join(sys, "size")); err != nil {
		return Device{}, fmt.Errorf("%w: %s: %w", ErrNoDevice, real, err)
	}
	if kernel, err := filepath.EvalSymlinks(sys); err == nil && isPartition(kernel) {
		d.Whole = "/dev/" + filepath.Base(filepath.Dir(kernel))
	}
	d.Name = exactName(real, d.Bytes)
	d.Used = usedBy(sys, real, st.Rdev)
	if d.Holds, err = signatures(ctx, real); err != nil {
		return Device{}, fmt.Errorf("looking at what is on %s: %w", real, err)
	}
	parts, _ := filepath.Glob(filepath.Join(sys, "*", "partition"))
	if len(parts) > 0 {
		d.Holds = append(d.Holds, fmt.Sprintf("%d partitions", len(parts)))
	}
	return d, nil
}

func isPartition(sys string) bool {
	_, err := os.Stat(filepath.Join(sys, "partition"))
	return err == nil
}

// exactName is the disk's own name, which stays with it, where udev gives one; else its path and size.
func exactName(real string, bytes int64) string {
	links, _ := filepath.Glob("/dev/disk/by-id/*")
	for _, link := range links {
		if to, err := filepath.EvalSymlinks(link); err == nil && to == real {
			return link
		}
	}
	return fmt.Sprintf("%s:%d", real, bytes)
}

func sectors(file string) (int64, error) {
	text, err := os.ReadFile(file) // #nosec G304 -- the kernel's
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 54)
	return n * 512, err
}

// usedBy says who has the disk or a part of it: mounts, swap, or a device above it.
func usedBy(sys, real string, number uint64) string {
	own := fmt.Sprintf("%d:%d", unix.Major(number), unix.Minor(number))
	numbers := map[string]bool{own: true}
	parts, _ := filepath.Glob(filepath.Join(sys, "*", "partition"))
	for _, part := range parts {
		if text, err := os.ReadFile(filepath.Join(filepath.Dir(part), "dev")); err == nil { // #nosec G304 -- the kernel's
			numbers[strings.TrimSpace(string(text))] = true
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 4 && numbers[f[2]] {
			return "mounted on " + f[4]
		}
	}
	swaps, _ := os.ReadFile("/proc/swaps")
	for line := range strings.Lines(string(swaps)) {
		if f := strings.Fields(line); len(f) > 0 && strings.HasPrefix(f[0], real) {
			return "swap"
		}
	}
	holders, _ := filepath.Glob(filepath.Join(sys, "holders", "*"))
	inner, _ := filepath.Glob(filepath.Join(sys, "*", "holders", "*"))
	if holders = append(holders, inner...); len(holders) > 0 {
		return "part of " + filepath.Base(holders[0])
	}
	return ""
}

// signatures asks libblkid (wipefs, of util-linux) what it knows to be on the disk. What it does not know
// counts too: a disk is blank when nothing but zeros is found at its beginning, its end and between.
func signatures(ctx context.Context, device string) (holds []string, err error) {
	out, err := exec.CommandContext(ctx, "wipefs", "--no-act", "--json", device).Output()
	if err != nil {
		return nil, fmt.Errorf("wipefs: %w", err)
	}
	var said struct {
		Signatures []struct{ Type, UUID, Label string } `json:"signatures"`
	}
	if len(strings.TrimSpace(string(out))) > 0 {
		if err := json.Unmarshal(out, &said); err != nil {
			return nil, fmt.Errorf("wipefs: %w", err)
		}
	}
	for _, s := range said.Signatures {
		holds = append(holds, strings.TrimSpace(s.Type+" "+s.Label+" "+s.UUID))
	}
	if len(holds) > 0 {
		return holds, nil
	}
	blank, err := zeros(device)
	if err != nil {
		return nil, err
	}
	if !blank {
		holds = append(holds, "unknown data")
	}
	return holds, nil
}

const (
	looked = 1 << 20 // bytes at each place
	places = 64
)

func zeros(device string) (bool, error) {
	f, err := os.Open(device) // #nosec G304 -- a block device
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // only read
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return false, err
	}
	b := make([]byte, looked)
	for place := range int64(places + 1) { // the first mebibyte, the last, and between
		n, err := f.ReadAt(b, max(0, size-looked)/places*place)
		if n == 0 {
			return false, err
		}
		if bytes.ContainsFunc(b[:n], func(r rune) bool { return r != 0 }) {
			return false, nil
		}
	}
	return true, nil
}

// MountOptions of a volume's disk: nothing on it is a program or a device.
const MountOptions = "noatime,nodev,nosuid,noexec"

// Format makes a file system on a disk and mounts it on dir, which exists. Whatever was on it is lost. It
// gives the line for fstab(5) that mounts it again at every start.
func (d Device) Format(ctx context.Context, label, dir string) (fstab string, err error) {
	for _, c := range [][]string{
		{"mkfs.ext4", "-q", "-F", "-m", "0", "-L", label, d.Path},
		{"mount", "-o", MountOptions, d.Path, dir},
	} {
		if out, err := exec.CommandContext(ctx, c[0], c[1:]...).CombinedOutput(); err != nil { // #nosec G204 -- fixed but for the device
			return "", fmt.Errorf("%s %s: %w: %s", c[0], d.Path, err, strings.TrimSpace(string(out)))
		}
	}
	uuid, err := exec.CommandContext(ctx, "blkid", "-p", "-s", "UUID", "-o", "value", d.Path).Output()
	if err != nil || len(strings.TrimSpace(string(uuid))) == 0 {
		return "", fmt.Errorf("reading the identity of the file system on %s: %w", d.Path, errors.Join(err))
	}
	return fmt.Sprintf("UUID=%s %s ext4 %s,nofail,x-systemd.device-timeout=60s 0 2", strings.TrimSpace(string(uuid)), dir, MountOptions), nil
}

// AddLine puts a line at the end of a file, whole or not at all.
func AddLine(file, line string) error {
	text, err := os.ReadFile(file) // #nosec G304 -- of the layout
	if err != nil {
		return err
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	return replace(file, append(text, line+"\n"...), info.Mode().Perm())
}
