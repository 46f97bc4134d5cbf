package appliance

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"casemate/appliance/backup"
	"casemate/appliance/setup"
	"casemate/appliance/storage"
	"casemate/raid/disk"
	"casemate/store/timestamp"
	"casemate/systemd"
)

const (
	minSystemFree = 64 << 20 // bytes on the system's disk
	askPatience   = 15 * time.Second
)

// notBefore is a time that lies before this program was written: a clock that says so is wrong.
var notBefore = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// problems gathers what is wrong; a person wants all of it in one go.
type problems []setup.Problem

func (p *problems) add(key, code, format string, args ...any) {
	*p = append(*p, setup.Problem{Key: key, Code: code, Detail: fmt.Sprintf(format, args...)})
}

// SetupPart is a part of the answers that can be judged by itself.
type SetupPart string

// The parts, in the order in which a person is asked.
const (
	PartNames     SetupPart = "names"
	PartVolumes   SetupPart = "volumes"
	PartToken     SetupPart = "token"
	PartClock     SetupPart = "clock"
	PartAuthority SetupPart = "authority"
	PartPersons   SetupPart = "persons"
)

// SetupParts are all of them.
var SetupParts = []SetupPart{PartNames, PartVolumes, PartToken, PartClock, PartAuthority, PartPersons}

// Check judges the answers and the machine, and changes neither. Without a problem Run will go through,
// unless what is checked changes meanwhile.
func (s *Setup) Check(ctx context.Context) []setup.Problem {
	list := s.CheckMachine()
	if !s.Answers.Demonstration {
		list = append(list, setup.Problem{Key: "demonstration", Code: setup.BadCeremony})
	}
	for _, part := range SetupParts {
		list = append(list, s.CheckPart(ctx, part)...)
	}
	return list
}

// CheckPart judges one part of the answers; what is not answered yet elsewhere does not count.
func (s *Setup) CheckPart(ctx context.Context, part SetupPart) []setup.Problem {
	p := s.faults(part)
	sound := len(p) == 0
	switch part {
	case PartNames:
		s.checkNames(&p)
	case PartVolumes:
		s.checkVolumes(ctx, &p)
	case PartToken:
		s.checkToken(ctx, &p)
	case PartClock:
		if sound && !s.Answers.Offline {
			s.checkServers(ctx, &p)
		}
	case PartAuthority:
		s.checkAuthorities(ctx, &p, sound && !s.Answers.Offline)
	case PartPersons:
		s.checkPersons(&p)
	}
	return p
}

// faults are those of a part that the reader of the configuration finds.
func (s *Setup) faults(part SetupPart) (p problems) {
	_, _, err := s.config()
	if err == nil {
		return nil
	}
	for line := range strings.Lines(strings.TrimPrefix(err.Error(), ErrConfig.Error()+":")) {
		line = strings.TrimSpace(line)
		key, rest, _ := strings.Cut(line, ": ")
		of := PartNames
		for prefix, other := range map[string]SetupPart{"volumes.": PartVolumes, "hsm.": PartToken, "clock.": PartClock, "timestamp.": PartAuthority} {
			if strings.HasPrefix(key, prefix) {
				of = other
			}
		}
		if line != "" && of == part && key != "volumes.dirs" { // folders are judged one by one
			p.add(key, setup.BadAnswer, "%s", rest)
		}
	}
	return p
}

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

// checkNames judges those of the certificate, for which the configuration has no key.
func (s *Setup) checkNames(p *problems) {
	if len(s.Answers.Names) == 0 {
		p.add("names", setup.BadAnswer, "there is none; a list of names and addresses is wanted")
	}
	if _, ok := s.socketAddress(); !ok {
		p.add("listen", setup.BadAnswer, "%q: the service manager wants an address in numbers, and a port", s.Answers.Listen)
	}
	if file := s.Answers.Recovery; file != "" {
		text, err := os.ReadFile(file) // #nosec G304 -- named by the answers
		if err == nil {
			_, err = backup.Recipients(text)
		}
		if err != nil {
			p.add("recovery", setup.BadRoots, "%v", err)
		}
	}
	for i, name := range s.Answers.Names {
		if !isHost(name) || slices.Contains(s.Answers.Names[:i], name) {
			p.add("names", setup.BadAnswer, "%q will not do", name)
		}
	}
}

// checkVolumes judges each folder and each disk, and all of them together.
func (s *Setup) checkVolumes(ctx context.Context, p *problems) {
	volumes := s.Answers.Volumes
	if len(volumes) < 2 {
		p.add("volume", setup.BadVolumes, "%d", len(volumes))
	}
	devices := map[string]bool{}
	for i, v := range volumes {
		key := fmt.Sprintf("volume[%d]", i+1)
		if strings.ContainsFunc(v.Dir, noFolderOfOurs) { // it comes to stand in fstab(5) and in a unit
			p.add(key+".dir", setup.BadDir, "%q: blanks, quotes and backslashes will not do", v.Dir)
			continue
		}
		if v.Device != "" {
			continue
		}
		var others []string
		for _, o := range volumes[:i] {
			if o.Device == "" {
				others = append(others, o.Dir)
			}
		}
		own := []string{s.Layout.State, s.Layout.HSMState, s.Layout.Config}
		err := storage.JudgeFirst(storage.Place{Dir: v.Dir, SameDisk: s.Answers.SameDisk}, others, own, DefaultConfig().Volumes.MinFree+minSystemFree)
		if err != nil {
			code, rest := folderFault(err)
			p.add(key+".dir", code, "%s", rest)
		} else if below, err := disk.Under(v.Dir); err == nil {
			for _, drive := range below.Drives {
				devices[drive.Path] = true
			}
		}
	}
	for i, v := range volumes { // folders first: a disk may be a part of what they lie on
		if v.Device != "" {
			s.checkDevice(ctx, p, fmt.Sprintf("volume[%d]", i+1), v, devices)
		}
	}
}

func noFolderOfOurs(r rune) bool {
	return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune("\"'\\", r)
}

// folderFault names what is wrong with a folder, and gives what the error says beside its name.
func folderFault(err error) (code, rest string) {
	for _, c := range []struct {
		is   error
		code string
	}{{storage.ErrBadDir, setup.BadDir}, {storage.ErrNotEmpty, setup.BadNotEmpty}, {storage.ErrInside, setup.BadInside}, {storage.ErrSameDisk, setup.BadSameDisk},
		{storage.ErrNotMounted, setup.BadNoMount}, {storage.ErrNoSpace, setup.BadSmall}, {storage.ErrLocked, setup.BadLocked}} {
		if errors.Is(err, c.is) {
			return c.code, strings.TrimPrefix(err.Error(), c.is.Error()+": ")
		}
	}
	return setup.BadDir, err.Error()
}

// checkDevice judges a disk that is to get a file system. One that holds anything is taken only if it was
// named exactly, and one that somebody uses never.
func (s *Setup) checkDevice(ctx context.Context, p *problems, key string, v setup.Volume, taken map[string]bool) {
	if s.Layout.Fstab == "" {
		p.add(key+".device", setup.BadDevice, "%s: disks are taken on a box with the package only; give a folder", v.Device)
		return
	}
	if entries, err := os.ReadDir(v.Dir); err == nil && len(entries) > 0 {
		p.add(key+".dir", setup.BadNotEmpty, "%s has %q", v.Dir, entries[0].Name())
	} else if v.Dir == "" || (err != nil && !errors.Is(err, fs.ErrNotExist)) {
		p.add(key+".dir", setup.BadDir, "%q", v.Dir)
	}
	d, err := setup.LookAt(ctx, v.Device)
	switch {
	case err != nil:
		p.add(key+".device", setup.BadDevice, "%v", err)
	case taken[d.Path]:
		p.add(key+".device", setup.BadTwice, "%s", d.Path)
	case taken[d.Whole] && !s.Answers.SameDisk:
		p.add(key+".device", setup.BadSameDisk, "%s", d.Whole)
	case d.Used != "":
		p.add(key+".device", setup.BadUsed, "%s: %s", d.Path, d.Used)
	case d.Bytes < 2*DefaultConfig().Volumes.MinFree:
		p.add(key+".device", setup.BadSmall, "%s: %d MiB", d.Path, d.Bytes>>20)
	case len(d.Holds) > 0 && v.Erase != d.Name:
		p.add(key+".device", setup.BadData, "%s: %s; erase = %q", d.Path, strings.Join(d.Holds, ", "), d.Name)
	}
	taken[d.Path], taken[d.Whole] = true, true
}

// checkPersons wants somebody who may administer, and requests that hold.
func (s *Setup) checkPersons(p *problems) {
	seen := map[string]bool{}
	administrators := 0
	for i, one := range s.Answers.Persons {
		key := fmt.Sprintf("person[%d]", i+1)
		if !plain(one.Name, 64) || strings.ContainsAny(one.Name, `/\`) || strings.HasPrefix(one.Name, ".") || seen[one.Name] {
			p.add(key+".name", setup.BadPerson, "%q", one.Name)
		}
		seen[one.Name] = true
		if len(one.Roles) == 0 {
			p.add(key+".roles", setup.BadPerson, "%s has no role", one.Name)
		}
		for _, role := range one.Roles {
			if !slices.Contains(roleNames(), role) {
				p.add(key+".roles", setup.BadPerson, "%q is none of %s", role, strings.Join(roleNames(), ", "))
			}
			if role == "administrator" {
				administrators++
			}
		}
		if one.CSR != "" {
			if _, err := readRequest(one.CSR); err != nil {
				p.add(key+".csr", setup.BadPerson, "%v", err)
			}
		}
	}
	if administrators == 0 {
		p.add("person", setup.BadPersons, "")
	}
}

// readRequest reads a PKCS #10 request, PEM or DER, and checks its signature.
func readRequest(file string) ([]byte, error) {
	b, err := os.ReadFile(file) // #nosec G304 -- named by the answers
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(b); block != nil {
		b = block.Bytes
	}
	r, err := x509.ParseCertificateRequest(b)
	if err == nil {
		err = r.CheckSignature()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return b, nil
}

// checkAuthorities reads their roots and, where there is a network, has each date an empty digest: nothing
// of a document leaves, and only an answer that holds counts.
func (s *Setup) checkAuthorities(ctx context.Context, p *problems, ask bool) {
	for i, a := range s.Answers.Authorities {
		key := fmt.Sprintf("authority[%d]", i+1)
		if a.Roots == "" {
			continue // said already
		}
		c := Config{Timestamp: TimestampConfig{Authorities: []AuthorityConfig{{a.Name, a.URL, a.Roots, a.Policies, defaultAuthority.Timeout}}}}
		list, err := c.authorities()
		if err != nil {
			p.add(key+".roots", setup.BadRoots, "%v", err)
			continue
		}
		if !ask {
			continue
		}
		list[0].Client = &http.Client{Timeout: list[0].Timeout}
		if _, err := list[0].Stamp(ctx, [32]byte{}); err != nil {
			p.add(key, setup.BadAuthority, "%s: %v", a.Name, err)
		}
	}
}

// checkServers asks the time servers, as the safe will.
func (s *Setup) checkServers(ctx context.Context, p *problems) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	dir, err := os.MkdirTemp("", "casemate-setup-")
	if err != nil {
		p.add("", setup.BadReadOnly, "%v", err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }() // only a mark nobody needs
	k := DefaultConfig().Clock
	guard, err := timestamp.NewGuard(timestamp.GuardConfig{
		Servers: s.Answers.Clock.Servers, MinServers: s.minServers(), MaxDistance: k.MaxDistance, MaxOffset: k.MaxOffset,
		Interval: k.Interval, Policy: timestamp.PolicyFlag, MarkFile: filepath.Join(dir, "mark"), Kernel: kernelClock, Boottime: systemd.Boottime,
	})
	if err == nil {
		err = guard.Sample(ctx)
	}
	if err != nil {
		p.add("clock.servers", setup.BadServers, "%v", err)
		return
	}
	if reading, err := guard.Read(); s.policy() == string(timestamp.PolicyRefuse) && (err != nil || !reading.Clock.Trusted) {
		p.add("clock.policy", setup.BadClock, "%s", reading.Clock.Reason)
	}
}
