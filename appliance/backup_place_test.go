package appliance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// loopOn mounts a new file system, whose image lies in a folder, until the test ends.
func loopOn(t *testing.T, in string) (dir string) {
	t.Helper()
	file, dir := filepath.Join(in, "image"), filepath.Join(t.TempDir(), "mounted")
	for _, args := range [][]string{{"truncate", "--size=64M", file}, {"mkfs.ext4", "-q", "-F", file}, {"mkdir", dir}, {"mount", "-o", "loop", file, dir}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("unmounting: %v\n%s", err, out)
		}
	})
	return dir
}

// TestBackupPlace: a backup goes onto a medium of its own; where none is mounted, in memory, or on a disk of the safe,
// it is refused in both languages before anything is written, unless it is meant so.
func TestBackupPlace(t *testing.T) {
	d := backed(t)
	memory, err := os.MkdirTemp("/dev/shm", "casemate-test-")
	d.must(err)
	t.Cleanup(func() { d.must(os.RemoveAll(memory)) })
	system := d.in("stick/not/there")
	for dir, codes := range map[string][2]string{
		system:                  {"no medium is mounted there", "aucun support n'est monté"},
		memory:                  {"no medium is mounted there", "aucun support n'est monté"},
		d.in("volumes/a/stick"): {"no medium is mounted there", "aucun support n'est monté"},
	} {
		for i, language := range []string{"en", "fr"} {
			out, code := d.said("backup", "--lang", language, dir)
			if code == 0 || !strings.Contains(out, codes[i]) || !strings.Contains(out, "--same-disk") || !strings.Contains(out, []string{"timer", "minuterie"}[i]) {
				t.Errorf("into %s: %d\n%s", dir, code, out)
			}
		}
	}
	if _, err := os.Stat(d.in("stick")); !os.IsNotExist(err) {
		t.Errorf("a folder was made: %v", err)
	}
	d.start()
	d.vault()
	d.deposit()
	out := d.do("backup", "--same-disk", system)
	d.has(out, "Backup 1 (whole)", "ATTENTION: this folder lies on a disk of the system")
	out = d.do("backup", loopOn(t, memory))
	d.has(out, "Backup 1 (whole)")
	if strings.Contains(out, "ATTENTION") {
		t.Errorf("on a medium of its own:\n%s", out)
	}
}
