package appliance

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMountedAtStart: by fstab or by a unit, and not by what only looks like it.
func TestMountedAtStart(t *testing.T) {
	dir := t.TempDir()
	fstab := filepath.Join(dir, "fstab")
	for name, text := range map[string]string{
		"fstab":           "# /dev/x /srv/comment ext4 defaults 0 2\nUUID=1 /srv/a ext4 noatime,nofail 0 2\n/dev/y /srv/by-hand xfs noauto 0 0\n\n/dev/z /srv/short\n",
		"srv-b.mount":     "[Unit]\nDescription=x\n[Mount]\nWhat=/dev/q\nWhere = /srv/b\n",
		"srv-c.automount": "[Automount]\nWhere=/srv/c\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for folder, want := range map[string]bool{"/srv/a": true, "/srv/b": true, "/srv/c": false, "/srv/comment": false, "/srv/by-hand": false, "/srv/short": false, "/srv": false} {
		if got := mountedAtStart(fstab, dir, folder); got != want {
			t.Errorf("%s: %v", folder, got)
		}
	}
	if mountedAtStart(filepath.Join(dir, "none"), filepath.Join(dir, "none"), "/srv/a") {
		t.Error("from nothing")
	}
}
