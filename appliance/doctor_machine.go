package appliance

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"casemate/appliance/client"
	"casemate/appliance/words"
	"casemate/raid/disk"
	"casemate/systemd"
)

// machine looks at what the safe stands on: whether it runs, whose its files are, space, mounts, and the
// kernel.
func (d doctor) machine(ctx context.Context) []Diagnosis {
	list := d.running(ctx)
	list = append(list, d.permissions()...)
	list = append(list, d.leftBehind()...)
	list = append(list, d.space())
	list = append(list, d.mounts()...)
	list = append(list, d.anchors()...)
	list = append(list, d.entropy(), d.kernel())
	list = append(list, d.swap()...)
	return append(list, d.monitor()...)
}

// running asks the safe whether it takes deposits.
func (d doctor) running(ctx context.Context) (list []Diagnosis) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c := client.Local(d.ControlSocket())
	defer c.Close()
	health, err := c.Ready(ctx)
	switch {
	case err != nil:
		return []Diagnosis{d.line("safe", Warn, "safe-stopped")}
	case health.OK:
		return []Diagnosis{d.line("safe", Good, "safe-ready")}
	}
	known := words.Reasons(d.language)
	for _, r := range health.Reasons {
		list = append(list, d.line("safe", Bad, "safe-reason", known[r.Code].Message, r.Message, known[r.Code].Hint))
	}
	return list
}

// permissions wants what holds secrets closed to others, what is configured closed to their writing, and
// all that lies in a folder of the safe to be that folder's owner's.
func (d doctor) permissions() (list []Diagnosis) {
	looked := 0
	look := func(path string, forbidden fs.FileMode) {
		info, err := os.Stat(path)
		if err != nil {
			return // what is missing, or not ours to look at, is told elsewhere
		}
		looked++
		if info.Mode().Perm()&forbidden != 0 {
			list = append(list, d.line("permissions", Bad, "permissions-open", path, info.Mode()))
		}
	}
	for _, path := range append([]string{d.State, d.HSM.State}, d.Config.Volumes.Dirs...) {
		forbidden := fs.FileMode(0o007)
		if slices.Contains(d.Config.Volumes.Dirs, path) {
			forbidden = 0o022 // the top of a file system is open to be listed; what a volume makes in it is not to be read
		}
		look(path, forbidden)
		if stranger := d.stranger(path); stranger != "" {
			list = append(list, d.line("permissions", Bad, "permissions-owner", stranger, path))
		}
	}
	for _, path := range []string{d.CallersFile, d.HTTP.AccessRoots} {
		look(path, 0o022)
	}
	for _, a := range d.Timestamp.Authorities {
		look(a.Roots, 0o022)
	}
	if len(list) == 0 {
		list = append(list, d.line("permissions", Good, "permissions", looked))
	}
	return list
}

// stranger is something in a folder that belongs to another user than the folder: the safe cannot change it.
func (d doctor) stranger(dir string) string {
	owner, ok := uidOf(dir)
	entries, err := os.ReadDir(dir)
	if !ok || err != nil {
		return ""
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if uid, ok := uidOf(path); ok && uid != owner && e.Name() != "lost+found" {
			return path
		}
	}
	return ""
}

func uidOf(path string) (uint32, bool) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return st.Uid, ok
}

// leftBehind finds what a set-up asked to be carried away.
func (d doctor) leftBehind() (list []Diagnosis) {
	folder := filepath.Dir(d.HTTP.AccessRoots)
	found, _ := filepath.Glob(filepath.Join(folder, "handed-out", "clients", "*.key")) // the pattern is ours
	if d.HSM.SOPINFile == "" {
		if so := filepath.Join(folder, "so-pin"); exists(so) {
			found = append(found, so)
		}
	}
	for _, file := range found {
		list = append(list, d.line("secrets", Warn, "secrets-left", file))
	}
	return list
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// space looks at the file system of the state folder, which holds little and must never be full.
func (d doctor) space() Diagnosis {
	var st unix.Statfs_t
	if err := unix.Statfs(d.State, &st); err != nil {
		return d.line("space", Bad, "space-error", d.State, err)
	}
	free, inodes := int64(st.Bavail)*st.Bsize, int64(100) //nolint:gosec // free blocks fit
	if st.Files > 0 {
		inodes = int64(100 * st.Ffree / st.Files) //nolint:gosec // a share
	}
	verdict, code := Good, "space"
	switch {
	case free < minSystemFree || inodes < 1:
		verdict, code = Bad, "space-low"
	case free < 4*minSystemFree || inodes < 5:
		verdict, code = Warn, "space-low"
	}
	return d.line("space", verdict, code, d.State, free>>20, inodes)
}

// mounts wants what a volume lies on to be there again after the next start.
func (d doctor) mounts() (list []Diagnosis) {
	for _, dir := range d.Config.Volumes.Dirs {
		below, err := disk.Under(dir)
		if err != nil || below.Mount == "/" {
			continue // told of the volume
		}
		switch {
		case below.FSType == "tmpfs" || below.FSType == "ramfs":
			list = append(list, d.line("mount", Warn, "mount-memory", dir))
		case !mountedAtStart("/etc/fstab", "/etc/systemd/system", below.Mount):
			list = append(list, d.line("mount", Warn, "mount-unlisted", below.Mount))
		}
	}
	return list
}

// mountedAtStart tells whether fstab(5) or a mount unit names the folder.
func mountedAtStart(fstab, units, folder string) bool {
	text, _ := os.ReadFile(fstab) // #nosec G304 -- fixed; none is an empty one
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 2 && !strings.HasPrefix(f[0], "#") && f[1] == folder && !strings.Contains(f[min(3, len(f)-1)], "noauto") {
			return true
		}
	}
	files, _ := filepath.Glob(filepath.Join(units, "*.mount")) // the pattern is ours
	for _, file := range files {
		text, _ := os.ReadFile(file) // #nosec G304 -- of the folder of units
		for line := range strings.Lines(string(text)) {
			if key, value, _ := strings.Cut(line, "="); strings.TrimSpace(key) == "Where" && strings.TrimSpace(value) == folder {
				return true
			}
		}
	}
	return false
}

// anchors looks at the ends of the authorities' certificates: those who may certify callers, and those who
// date documents.
func (d doctor) anchors() (list []Diagnosis) {
	files := []string{d.HTTP.AccessRoots}
	for _, a := range d.Timestamp.Authorities {
		files = append(files, a.Roots)
	}
	n := 0
	for _, file := range files {
		certificates, err := readCertificates(file)
		if err != nil {
			continue // told of callers, and of authorities
		}
		for _, c := range certificates {
			n++
			day := c.NotAfter.UTC().Format(time.DateOnly)
			switch left := time.Until(c.NotAfter); {
			case left < 0:
				list = append(list, d.line("certificates", Bad, "certificate-ended", c.Subject.CommonName, file, day))
			case left < 60*24*time.Hour:
				list = append(list, d.line("certificates", Warn, "certificate-ends", c.Subject.CommonName, file, day))
			}
		}
	}
	if len(list) == 0 {
		list = append(list, d.line("certificates", Good, "certificates", n))
	}
	return list
}

func (d doctor) entropy() Diagnosis {
	if err := (&Setup{}).random(); err != nil {
		return d.line("entropy", Bad, "entropy-none")
	}
	return d.line("entropy", Good, "entropy")
}

// kernel compares its settings with those the package ships.
func (d doctor) kernel() Diagnosis {
	other := systemd.OtherSettings()
	if len(other) == 0 {
		return d.line("kernel", Good, "kernel", len(systemd.Settings()))
	}
	var all []string
	for _, s := range other {
		all = append(all, s.Name+" = "+s.Is+" ("+s.Want+")")
	}
	return d.line("kernel", Warn, "kernel-other", strings.Join(all, ", "))
}

// swap that is not encrypted takes memory to a disk, keys of open vaults among it.
func (d doctor) swap() (list []Diagnosis) {
	text, _ := os.ReadFile("/proc/swaps") // none is an empty one
	lines := strings.Split(string(text), "\n")
	for _, line := range lines[min(1, len(lines)):] {
		if f := strings.Fields(line); len(f) > 0 && !strings.HasPrefix(f[0], "/dev/dm-") && !strings.HasPrefix(f[0], "/dev/mapper/") && !strings.HasPrefix(f[0], "/dev/zram") {
			list = append(list, d.line("swap", Warn, "swap-open", f[0]))
		}
	}
	return list
}

// monitor tells when the numbers of the safe are for more than this machine.
func (d doctor) monitor() []Diagnosis {
	host, _, err := net.SplitHostPort(d.Metrics.Listen)
	if ip := net.ParseIP(host); d.Metrics.Listen == "" || err != nil || host == "localhost" || (ip != nil && ip.IsLoopback()) {
		return nil
	}
	return []Diagnosis{d.line("monitor", Warn, "monitor-open", d.Metrics.Listen)}
}
