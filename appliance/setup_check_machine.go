package appliance

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"casemate/appliance/setup"
)

// notBefore is a time that lies before this program was written: a clock that says so is wrong.
var notBefore = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// CheckMachine looks at what does not depend on the answers.
func (s *Setup) CheckMachine() []setup.Problem {
	var p problems
	if s.Layout.Safe.Set && os.Geteuid() != 0 {
		p.add("", setup.BadRoot, "user %d", os.Geteuid())
		return p
	}
	if _, err := os.Lstat(s.Layout.ConfigFile()); err == nil {
		p.add("", setup.BadSetUp, "%s", s.Layout.ConfigFile())
	}
	for _, dir := range []string{s.Layout.State, s.Layout.HSMState, s.Layout.Handed} {
		if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
			p.add("", setup.BadSetUp, "%s has %q", dir, entries[0].Name())
		}
	}
	for _, file := range []string{"callers.toml", "access.pem", "softhsm2.conf", "pin", "pin.cred", "so-pin", "recovery.pem"} {
		if path := filepath.Join(s.Layout.Config, file); exists(path) {
			p.add("", setup.BadSetUp, "%s", path)
		}
	}
	for _, unit := range []string{"casemate.service", "casemate.socket", "casemate-hsm.service"} {
		if path := filepath.Join(s.Layout.Units, unit+".d", "setup.conf"); s.Layout.Units != "" && isDir(filepath.Dir(path)) && exists(path) {
			p.add("", setup.BadSetUp, "%s", path)
		}
	}
	for _, dir := range []string{s.Layout.Config, s.Layout.State, s.Layout.HSMState} {
		there := existing(dir)
		var st unix.Statfs_t
		if err := unix.Statfs(there, &st); err != nil {
			p.add("", setup.BadReadOnly, "%s: %v", there, err)
			continue
		}
		if st.Flags&unix.ST_RDONLY != 0 || unix.Access(there, unix.W_OK|unix.X_OK) != nil {
			p.add("", setup.BadReadOnly, "%s", there)
		} else if free := int64(st.Bavail) * st.Bsize; free < minSystemFree {
			p.add("", setup.BadSpace, "%s: %d MiB", there, free>>20)
		}
	}
	s.checkCreds(&p)
	if err := s.random(); err != nil {
		p.add("", setup.BadEntropy, "%v", err)
	}
	if now := s.now(); now.Before(notBefore) {
		p.add("", setup.BadTime, "%s", now.UTC().Format(time.RFC3339))
	}
	return p
}

// existing is the folder itself, or the nearest above it that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == "/" {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func (s *Setup) now() time.Time {
	if s.Now == nil {
		return time.Now() //nolint:forbidigo // the default: the machine's clock, before any guard
	}
	return s.Now()
}

// random asks the kernel whether its generator was seeded (getrandom(2), GRND_NONBLOCK).
func (s *Setup) random() error {
	if s.Random != nil {
		return s.Random()
	}
	_, err := unix.Getrandom(make([]byte, 32), unix.GRND_NONBLOCK)
	return err
}
