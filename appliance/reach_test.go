package appliance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"casemate/appliance"
	"casemate/systemd"
)

// TestReach: what lies elsewhere than the package expects is told to the manager and to AppArmor, once; what
// lies where it should is told to nobody.
func TestReach(t *testing.T) {
	b := newPINBox(t)
	b.cfg.HTTP.AccessRoots = b.in("access.pem")
	vendor := b.in(`ven dor,100%`)
	b.must(os.Mkdir(vendor, 0o755))
	b.write(`ven dor,100%/lib.so.2`, "")
	b.must(os.Symlink(filepath.Join(vendor, "lib.so.2"), b.in("lib.so")))
	b.cfg.HSM.Module = b.in("lib.so")
	b.cfg.Volumes.Dirs = []string{"/srv/casemate/a", b.in("data")}
	etc := filepath.Dir(b.dir)
	unit := filepath.Join(etc, "systemd/system/casemate-hsm.service.d/library.conf")
	mounts := filepath.Join(etc, "systemd/system/casemate.service.d/mounts.conf")
	hsm, serve := filepath.Join(etc, "apparmor.d/local/casemate-hsm-setup"), filepath.Join(etc, "apparmor.d/local/casemate-serve-setup")
	missing := func() (files []string) {
		for _, line := range appliance.Doctor(t.Context(), b.cfg, "en") {
			if line.Code == "reach-missing" {
				files = append(files, strings.Fields(line.Detail)[0])
			}
		}
		return files
	}
	if got := missing(); !reflect.DeepEqual(got, []string{unit, hsm, serve, mounts}) {
		t.Errorf("doctor misses %q", got)
	}
	for _, want := range [][]string{{unit, hsm, serve, mounts}, nil} {
		if got, err := b.cfg.Reach(b.config()); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	if got := missing(); got != nil {
		t.Errorf("doctor misses %q", got)
	}
	for file, want := range map[string]string{
		unit:  "[Service]\nExecPaths=-" + b.in(`ven\x20dor,100%%`) + "\n",
		hsm:   `"` + b.in(`ven dor\,100%`) + `/{,**}" mr,` + "\n",
		serve: `"` + b.in("data") + `/{,**}" rwk,` + "\n",
		mounts: "[Unit]\nAfter=" + func() string {
			all := append(systemd.MountUnits("/srv/casemate/a"), systemd.MountUnits(b.in("data"))...)
			slices.Sort(all)
			return strings.Join(all, " ")
		}() + "\n",
	} {
		text, err := os.ReadFile(file)
		if first, rest, _ := strings.Cut(string(text), "\n"); err != nil || !strings.HasPrefix(first, "# Written by casemated") || rest != want {
			t.Errorf("%s: %v, %s", file, err, text)
		}
		if file == hsm || file == serve { // those who will read it
			profile := exec.Command("apparmor_parser", "--skip-kernel-load", "--skip-cache", "--quiet")
			profile.Stdin = strings.NewReader("profile p {\n" + string(text) + "}\n")
			if out, err := profile.CombinedOutput(); err != nil {
				t.Errorf("apparmor_parser: %v, %s", err, out)
			}
		}
	}
	b.must(os.WriteFile(unit, []byte("[Service]\n"), 0o644))
	if got, err := b.cfg.Reach(b.config()); err != nil || !reflect.DeepEqual(got, []string{unit}) {
		t.Errorf("one that says something else: %q, %v", got, err)
	}
	b.cfg.HSM.Module, b.cfg.Volumes.Dirs = "/usr/lib/softhsm/libsofthsm2.so", []string{"/srv", "/mnt/b"}
	if got, err := b.cfg.Reach(b.config()); err != nil || !reflect.DeepEqual(got, []string{mounts}) {
		t.Errorf("nothing is elsewhere: %q, %v", got, err)
	}
	if text, err := os.ReadFile(mounts); err != nil || !strings.HasSuffix(string(text), "\nAfter=mnt-b.mount mnt.mount srv.mount\n") {
		t.Errorf("%v: %s", err, text)
	}
	b.cfg.HSM.Module = b.in("gone.so")
	if got, err := b.cfg.Reach(b.config()); err == nil {
		t.Errorf("no library is there: %q", got)
	}
}
