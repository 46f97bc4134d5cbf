package appliance

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"casemate/appliance/setup"
)

// units lets the services reach what lies outside of their own folders, and listen where the answers say.
func (w *setupWork) units() error {
	if w.Layout.Units == "" {
		return nil
	}
	paths := ""
	for _, dir := range w.config.Volumes.Dirs {
		paths += "ReadWritePaths=-" + unitPath(dir) + "\nNoExecPaths=-" + unitPath(dir) + "\n"
	}
	address, _ := w.socketAddress() // judged before
	type dropIn struct{ unit, text string }
	list := []dropIn{
		{"casemate.service", "# Written by casemated setup: the volumes.\n[Service]\n" + paths},
		{"casemate.socket", "# Written by casemated setup: where the API answers.\n[Socket]\nListenStream=\nListenStream=" + address + "\n"},
	}
	for _, u := range list {
		dir := filepath.Join(w.Layout.Units, u.unit+".d")
		if !isDir(dir) {
			if err := w.dir(dir, 0o755, setup.Account{}); err != nil {
				return err
			}
		}
		if err := w.file(filepath.Join(dir, "setup.conf"), []byte(u.text), 0o644); err != nil {
			return err
		}
	}
	if err := w.reach(); err != nil {
		return err
	}
	// One that a safe before this one left names a PIN that is not there.
	if err := removed(w.Layout.PlainUnit()); err != nil {
		return err
	}
	return reloadManager()
}

// unitPath writes a folder as a unit has it (systemd.syntax(7)).
func unitPath(dir string) string {
	return strings.ReplaceAll(strings.ReplaceAll(dir, "%", "%%"), " ", `\x20`)
}

// reloadManager has the service manager read its units again, where one runs.
func reloadManager() error {
	if !isDir("/run/systemd/system") {
		return nil
	}
	if out, err := exec.Command("systemctl", "daemon-reload").CombinedOutput(); err != nil {
		return fmt.Errorf("systemctl daemon-reload: %w: %s", err, out)
	}
	return nil
}
