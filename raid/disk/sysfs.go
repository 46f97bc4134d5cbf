package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxDepth of devices upon devices: a partition of a logical volume of an array of encrypted
// partitions, in a file, has six.
const maxDepth = 12

// blockDevice is the number of the device of a mount, "" if it has none. Some file systems (btrfs)
// have a number of their own: then the source names the device.
func (m machine) blockDevice(on mount) string {
	if _, err := os.Stat(filepath.Join(m.sys, "dev/block", on.device)); err == nil {
		return on.device
	}
	name, below := strings.CutPrefix(on.source, "/dev/")
	if !below {
		return ""
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(m.dev, name), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return ""
	}
	return fmt.Sprintf("%d:%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
}

// drives are the whole drives below a device, each once.
func (m machine) drives(number string) []Drive {
	var found []Drive
	m.walk(number, maxDepth, &found)
	return found
}

// walk goes down: from a partition to its drive, from a mapped device or an array to what it is
// made of, from a loop device to what its file lies on.
func (m machine) walk(number string, depth int, found *[]Drive) {
	if number == "" || depth == 0 {
		return
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(m.sys, "dev/block", number))
	if err != nil {
		return
	}
	if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
		dir = filepath.Dir(dir)
	}
	parts, _ := os.ReadDir(filepath.Join(dir, "slaves")) // none: it is a whole drive
	for _, part := range parts {
		m.walk(word(filepath.Join(dir, "slaves", part.Name(), "dev")), depth-1, found)
	}
	if len(parts) > 0 {
		return
	}
	d := m.drive(dir)
	if slices.ContainsFunc(*found, func(x Drive) bool { return x.Path == d.Path }) {
		return
	}
	*found = append(*found, d)
	if d.Backing == "" {
		return
	}
	var st unix.Stat_t
	if err := unix.Stat(d.Backing, &st); err == nil {
		m.walk(fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)), depth-1, found)
	}
}

// drive reads what the kernel says of a whole drive.
func (m machine) drive(dir string) Drive {
	sectors, _ := strconv.ParseInt(word(filepath.Join(dir, "size")), 10, 64) // of 512 bytes, whatever the drive's are
	d := Drive{
		Path:    filepath.Join(m.dev, strings.ReplaceAll(filepath.Base(dir), "!", "/")),
		Model:   word(filepath.Join(dir, "device/model")),
		Rotates: word(filepath.Join(dir, "queue/rotational")) == "1",
		Virtual: strings.Contains(dir, "/devices/virtual/"),
		Bytes:   max(sectors, 0) * 512,
	}
	// NVMe, virtio, SCSI (page 0x80: four bytes of header).
	for _, name := range []string{"device/serial", "serial", "device/vpd_pg80"} {
		if d.Serial = word(filepath.Join(dir, name)); d.Serial != "" {
			break
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "loop/backing_file")); err == nil {
		d.Backing = strings.TrimSuffix(string(b), "\n")
	}
	return d
}

// word is the content of a small file as a person may see it; empty if there is none.
func word(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return printable(string(b))
}

// printable keeps what may go to a terminal: drives say of themselves what they like.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s[:min(len(s), 80)])
}
