package appliance

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"casemate/appliance/setup"
	"casemate/systemd"
)

// A reach tells one of the machine's guards, the service manager or AppArmor, where things of this safe lie that
// the package could not know of.
type reach struct{ file, text string }

// reaches are those that this configuration needs. For a library or a volume that lies where the package's units
// and profiles allow it already there is none but the one that has mounts come first.
func (c Config) reaches(l setup.Layout) ([]reach, error) {
	var all []reach
	library, err := filepath.EvalSymlinks(c.HSM.Module)
	if err != nil {
		return nil, fmt.Errorf("looking for the token's library: %w", err)
	}
	if dir := filepath.Dir(library); !below(dir, "/usr/lib", "/opt") {
		all = append(all, reach{filepath.Join(l.Units, "casemate-hsm.service.d", "library.conf"),
			"# Written by casemated: the token's library.\n[Service]\nExecPaths=-" + unitPath(dir) + "\n"})
		if l.AppArmor != "" {
			all = append(all, reach{filepath.Join(l.AppArmor, "local", "casemate-hsm-setup"),
				"# Written by casemated: the token's library.\n" + profilePath(dir) + " mr,\n"})
		}
	}
	rules := ""
	var mounts []string
	for _, dir := range c.Volumes.Dirs {
		mounts = append(mounts, systemd.MountUnits(dir)...)
		if real, err := filepath.EvalSymlinks(dir); err == nil { // a disk that is out is told of elsewhere
			dir = real
		}
		if !below(dir, "/srv", "/mnt", "/media", "/var/lib/casemate") {
			rules += profilePath(dir) + " rwk,\n"
		}
	}
	if rules != "" && l.AppArmor != "" {
		all = append(all, reach{filepath.Join(l.AppArmor, "local", "casemate-serve-setup"), "# Written by casemated: the volumes.\n" + rules})
	}
	// A disk that needs long to wake is waited for as long as its mount is, and no longer: a safe that starts before
	// begins without that volume.
	slices.Sort(mounts)
	all = append(all, reach{filepath.Join(l.Units, "casemate.service.d", "mounts.conf"),
		"# Written by casemated: the volumes are mounted first.\n[Unit]\nAfter=" + strings.Join(slices.Compact(mounts), " ") + "\n"})
	return all, nil
}

// below says whether a folder is one of these or in it.
func below(dir string, tops ...string) bool {
	for _, top := range tops {
		if dir == top || strings.HasPrefix(dir, top+"/") {
			return true
		}
	}
	return false
}

// profilePath writes a folder and all below as a profile has it (apparmor.d(5), "Globbing").
func profilePath(dir string) string {
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`, "{", `\{`, "}", `\}`, "^", `\^`, ",", `\,`, "@", `\@`).Replace(dir)
	return `"` + escaped + `/{,**}"`
}

// stands says whether the file has the text already.
func (r reach) stands() bool {
	text, err := os.ReadFile(r.file)
	return err == nil && string(text) == r.text
}

// write gives the file its text, whole or not at all.
func (r reach) write() error {
	beside := r.file + ".new"
	err := errors.Join(os.MkdirAll(filepath.Dir(r.file), 0o755), removed(beside)) // #nosec G301 -- as the machine has them
	if err == nil {
		err = newFile(beside, []byte(r.text), 0o644)
	}
	if err != nil {
		return err
	}
	return errors.Join(os.Rename(beside, r.file), syncFolder(filepath.Dir(r.file)))
}

// Reach lets the services of the box reach what its configuration names: a token's library and volumes that lie
// elsewhere than the package expects. It gives the files it wrote; none when all stood already. The set-up does
// it, an upgrade does it again, and so does who has moved something. What no longer needs reaching stays.
func (c Config) Reach(configFile string) ([]string, error) {
	all, err := c.reaches(setup.Beside(configFile))
	if err != nil {
		return nil, err
	}
	var written []string
	for _, r := range all {
		if r.stands() {
			continue
		}
		if err := r.write(); err != nil {
			return written, err
		}
		written = append(written, r.file)
	}
	if len(written) == 0 {
		return nil, nil
	}
	return written, errors.Join(reloadManager(), reloadProfiles())
}

// reloadProfiles has the kernel take the profiles again, where AppArmor is on.
func reloadProfiles() error {
	const profiles = "/etc/apparmor.d/casemate"
	if _, err := exec.LookPath("apparmor_parser"); err != nil || !exists(profiles) || !exists("/sys/kernel/security/apparmor") {
		return nil
	}
	if out, err := exec.Command("apparmor_parser", "--replace", "--write-cache", profiles).CombinedOutput(); err != nil {
		return fmt.Errorf("apparmor_parser --replace: %w: %s", err, out)
	}
	return nil
}

// reach is the set-up's part of it; what it makes is in the record.
func (w *setupWork) reach() error {
	all, err := w.config.reaches(w.Layout)
	if err != nil {
		return err
	}
	for _, r := range all {
		if dir := filepath.Dir(r.file); !isDir(dir) {
			if err := w.dir(dir, 0o755, setup.Account{}); err != nil {
				return err
			}
		}
		if !exists(r.file) {
			if err := w.record.Note(setup.Made{Act: setup.MadeFile, Path: r.file}); err != nil {
				return err
			}
		}
		if err := r.write(); err != nil { // over what another safe left
			return err
		}
	}
	return reloadProfiles()
}

// reach is doctor's look at it: on a box whose services the manager starts.
func (d doctor) reach(configFile string) []Diagnosis {
	all, err := d.reaches(setup.Beside(configFile))
	if d.HSM.Start || err != nil { // a library that is gone is the token's own line
		return nil
	}
	var list []Diagnosis
	for _, r := range all {
		if !r.stands() {
			list = append(list, d.line("token", Warn, "reach-missing", r.file))
		}
	}
	return list
}
