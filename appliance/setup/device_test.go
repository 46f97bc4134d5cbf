package setup

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// loop makes a loop device over a new file.
func loop(t *testing.T, bytes int64) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(bytes), f.Close()); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--find", "--show", file).Output()
	if err != nil {
		t.Fatalf("losetup: %v", err)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() { _ = exec.Command("losetup", "--detach", device).Run() })
	return device
}

// TestDisk: a blank one is blank, gets a file system, is then used, and then holds data.
func TestDisk(t *testing.T) {
	device := loop(t, 64<<20)
	d, err := LookAt(t.Context(), device)
	if err != nil || len(d.Holds) != 0 || d.Used != "" || d.Bytes != 64<<20 || d.Name == "" {
		t.Fatalf("a blank disk: %+v, %v", d, err)
	}
	dir := t.TempDir()
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
	line, err := d.Format(t.Context(), "casemate-1", dir)
	if err != nil {
		t.Fatal(err)
	}
	if f := strings.Fields(line); len(f) != 6 || !strings.HasPrefix(f[0], "UUID=") || f[1] != dir || !strings.Contains(f[3], "nofail") {
		t.Errorf("fstab: %q", line)
	}
	if !isMount(dir) {
		t.Error("it is not mounted")
	}
	if d, err = LookAt(t.Context(), device); err != nil || !strings.Contains(d.Used, dir) {
		t.Errorf("a mounted disk: %+v, %v", d, err)
	}
	if err := (Made{Act: Mounted, Path: dir}).undo(); err != nil || isMount(dir) {
		t.Errorf("it stays mounted: %v", err)
	}
	if d, err = LookAt(t.Context(), device); err != nil || d.Used != "" || len(d.Holds) != 1 || !strings.Contains(d.Holds[0], "ext4") {
		t.Errorf("a disk with a file system: %+v, %v", d, err)
	}
}

// TestDiskWithUnknownData: what no table of signatures knows is data all the same.
func TestDiskWithUnknownData(t *testing.T) {
	for _, place := range []int64{700000, 300 << 20, 600<<20 - 1000} {
		unknown(t, place)
	}
}

func unknown(t *testing.T, place int64) {
	t.Helper()
	device := loop(t, 600<<20)
	f, err := os.OpenFile(device, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(bytes.Repeat([]byte("somebody's"), min(1<<20, int(600<<20-place)/10)), place)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if d, err := LookAt(t.Context(), device); err != nil || len(d.Holds) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestNoDisk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, "/dev/null", "/nowhere", t.TempDir(), ""} {
		if d, err := LookAt(context.Background(), path); !errors.Is(err, ErrNoDevice) {
			t.Errorf("%q: %+v, %v", path, d, err)
		}
	}
}
