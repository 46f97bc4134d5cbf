package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// run runs a command as root, which tests are.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// image mounts a new file system in a file until the test ends.
func image(t *testing.T, fsType string) (dir, file string) {
	t.Helper()
	base := t.TempDir()
	dir, file = filepath.Join(base, "a mount"), filepath.Join(base, fsType+".img")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(file, nil, 0o600), os.Truncate(file, 320<<20)); err != nil {
		t.Fatal(err)
	}
	run(t, "mkfs."+fsType, "-q", file)
	run(t, "mount", "-o", "loop", file, dir)
	t.Cleanup(func() { run(t, "umount", "-R", dir) })
	return dir, file
}

func under(t *testing.T, dir string) Disk {
	t.Helper()
	d, err := Under(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestUnderLoopImages(t *testing.T) {
	for _, fsType := range []string{"ext4", "xfs"} {
		t.Run(fsType, func(t *testing.T) {
			dir, file := image(t, fsType)
			inside := filepath.Join(dir, "volume")
			if err := os.Mkdir(inside, 0o755); err != nil {
				t.Fatal(err)
			}
			link := filepath.Join(t.TempDir(), "link")
			if err := os.Symlink(inside, link); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{dir, inside, link} {
				d := under(t, path)
				if d.Mount != dir || d.FSType != fsType || d.ReadOnly || len(d.Drives) == 0 {
					t.Fatalf("%s: %+v", path, d)
				}
				if loop := d.Drives[0]; !loop.Virtual || loop.Backing != file || loop.Bytes != 320<<20 || !strings.HasPrefix(loop.Path, "/dev/loop") || loop.Path != d.Source {
					t.Errorf("%s: %+v", path, loop)
				}
			}
			twice, elsewhere := filepath.Join(dir, "twice"), under(t, "/dev/shm")
			if err := os.Mkdir(twice, 0o755); err != nil {
				t.Fatal(err)
			}
			run(t, "mount", "--bind", inside, twice)
			if a, b := under(t, inside), under(t, twice); b.Mount != twice || !SameFileSystem(a, b) || !Same(a, b) {
				t.Errorf("bound: %+v, %+v", a, b)
			}
			// Its file lies on this machine's drive: they fall together.
			if a, home := under(t, inside), under(t, t.TempDir()); SameFileSystem(a, home) || len(home.Drives) > 0 != Same(a, home) || Same(a, elsewhere) {
				t.Errorf("%+v and %+v and %+v", a, home, elsewhere)
			}
			run(t, "mount", "-o", "remount,ro", dir)
			if d := under(t, inside); !d.ReadOnly {
				t.Errorf("mounted again read-only: %+v", d)
			}
		})
	}
}

// One mount over another: what is seen counts, not what is hidden below it.
func TestUnderMountedOver(t *testing.T) {
	dir, _ := image(t, "ext4")
	run(t, "mount", "-t", "tmpfs", "none", dir)
	if d := under(t, dir); d.FSType != "tmpfs" || len(d.Drives) != 0 || d.Source != "none" {
		t.Errorf("over it: %+v", d)
	}
	run(t, "umount", dir)
	if d := under(t, dir); d.FSType != "ext4" {
		t.Errorf("again: %+v", d)
	}
}

func TestUnderRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := Under(file + "-not"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %+v, %v", d, err)
	}
	if d, err := Under(file); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a file: %+v, %v", d, err)
	}
	list := machine{proc: t.TempDir(), sys: "/sys", dev: "/dev"}
	if err := errors.Join(os.Mkdir(filepath.Join(list.proc, "self"), 0o755),
		os.WriteFile(filepath.Join(list.proc, "self/mountinfo"), []byte("999999 1 8:1 / / rw - ext4 /dev/sda1 rw\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if d, err := list.under("/"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a mount that is not listed: %+v, %v", d, err)
	}
}

// sysfs builds a kernel's tree of block devices: path below devices, number, files.
func sysfs(t *testing.T, devices ...[]string) machine {
	t.Helper()
	m := machine{proc: "/proc", sys: t.TempDir(), dev: "/dev"}
	put := func(path, content string) {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	byName := map[string]string{}
	for _, d := range devices {
		dir := filepath.Join(m.sys, "devices", d[0])
		byName[filepath.Base(d[0])] = dir
		put(filepath.Join(dir, "dev"), d[1]+"\n")
		for _, f := range d[2:] {
			name, content, _ := strings.Cut(f, "=")
			if below, ok := strings.CutPrefix(name, "slaves/"); ok {
				if err := errors.Join(os.MkdirAll(filepath.Join(dir, "slaves"), 0o755), os.Symlink(byName[below], filepath.Join(dir, name))); err != nil {
					t.Fatal(err)
				}
				continue
			}
			put(filepath.Join(dir, name), content+"\n")
		}
		link := filepath.Join(m.sys, "dev/block", d[1])
		if err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o755), os.Symlink(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestDrives(t *testing.T) {
	m := sysfs(t,
		[]string{"pci/ata1/block/sda", "8:0", "device/model=EXAMPLE HD4000   ", "device/vpd_pg80=\x00\x80\x00\x06EX0001", "queue/rotational=1", "size=7814037168"},
		[]string{"pci/ata1/block/sda/sda1", "8:1", "partition=1"},
		[]string{"pci/ata2/block/sdb", "8:16", "device/model=EXAMPLE \x1b[31mHD"},
		[]string{"pci/ata2/block/sdb/sdb1", "8:17", "partition=1"},
		[]string{"pci/nvme/nvme0/nvme0n1", "259:0", "device/model=EXAMPLE NV1T", "device/serial=EX0002", "queue/rotational=0"},
		[]string{"pci/nvme/nvme0/nvme0n1/nvme0n1p2", "259:2", "partition=2"},
		[]string{"pci/cciss/block/cciss!c0d0", "104:0"},
		[]string{"virtual/block/md0", "9:0", "slaves/sda1=", "slaves/sdb1="},
		[]string{"virtual/block/dm-0", "253:0", "slaves/md0="}, // encrypted
		[]string{"virtual/block/dm-1", "253:1", "slaves/dm-0=", "slaves/nvme0n1p2="},
		[]string{"virtual/block/zram0", "252:0", "size=8"},
	)
	for number, want := range map[string]string{
		"8:1":   "/dev/sda EXAMPLE HD4000 EX0001",
		"8:0":   "/dev/sda EXAMPLE HD4000 EX0001",
		"259:2": "/dev/nvme0n1 EXAMPLE NV1T EX0002",
		"104:0": "/dev/cciss/c0d0",
		"253:1": "/dev/sda EXAMPLE HD4000 EX0001, /dev/sdb EXAMPLE [31mHD, /dev/nvme0n1 EXAMPLE NV1T EX0002",
		"252:0": "/dev/zram0",
		"0:25":  "",
		"":      "",
	} {
		var said []string
		for _, d := range m.drives(number) {
			said = append(said, d.Line())
			if d.Virtual != (d.Path == "/dev/zram0") || d.Rotates != (d.Path == "/dev/sda") {
				t.Errorf("%s: %+v", number, d)
			}
		}
		if got := strings.Join(said, ", "); got != want {
			t.Errorf("%s lies on %q, want %q", number, got, want)
		}
	}
	if d := m.drives("8:1"); d[0].Bytes != 7814037168*512 {
		t.Errorf("%d bytes", d[0].Bytes)
	}
	a, b := Disk{Device: "9:0", Drives: m.drives("9:0")}, Disk{Device: "8:17", Drives: m.drives("8:17")}
	if !Same(a, b) || SameFileSystem(a, b) {
		t.Error("an array and one of its drives do not fall together")
	}
	if n := (Disk{Device: "259:2", Drives: m.drives("259:2")}); Same(b, n) {
		t.Error("two drives fall together")
	}
}

// A ring of devices, which no kernel makes, ends.
func TestDrivesInARing(t *testing.T) {
	m := sysfs(t, []string{"virtual/block/dm-0", "253:0"})
	dir := filepath.Join(m.sys, "devices/virtual/block/dm-0")
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "slaves"), 0o755), os.Symlink(dir, filepath.Join(dir, "slaves/dm-0"))); err != nil {
		t.Fatal(err)
	}
	if d := m.drives("253:0"); len(d) != 0 {
		t.Errorf("%+v", d)
	}
}

// btrfs has a number of its own: its source names the device.
func TestBlockDeviceBySource(t *testing.T) {
	var st unix.Stat_t
	names, err := filepath.Glob("/sys/class/block/*")
	if err != nil || len(names) == 0 {
		t.Fatalf("no block device on this machine: %v", err)
	}
	i := slices.IndexFunc(names, func(n string) bool { return unix.Stat("/dev/"+filepath.Base(n), &st) == nil })
	if i < 0 {
		t.Fatal("no block device in /dev")
	}
	want := fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	if got := here.blockDevice(mount{device: "0:99", source: "/dev/" + filepath.Base(names[i])}); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, source := range []string{"none", "/dev/null", "/dev/../etc/passwd", "//server/share", "server:/export", ""} {
		if got := here.blockDevice(mount{device: "0:99", source: source}); got != "" {
			t.Errorf("%s is device %q", source, got)
		}
	}
}
