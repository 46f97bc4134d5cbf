package appliance_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"casemate/appliance"
	"casemate/appliance/setup"
	said "casemate/appliance/words"
)

// inProcess is a set-up of the site with the package's layout, in its folder.
func (s *site) inProcess() *appliance.Setup {
	s.t.Helper()
	l := setup.Under(s.in("box"))
	l.Start, l.Units = false, s.in("units")
	return &appliance.Setup{Answers: s.answers, Layout: l, Log: slog.New(slog.NewTextHandler(s.words, nil)), Program: program(s.t, "casemate/appliance/cmd/casemated")}
}

// codesOf gives the codes of problems; each must have a sentence and a remedy in both languages.
func codesOf(t *testing.T, found []setup.Problem) (codes []string) {
	t.Helper()
	for _, p := range found {
		for _, language := range []string{"en", "fr"} {
			if text := said.SetupProblems(language)[p.Code]; text.Message == "" || text.Hint == "" {
				t.Errorf("%s has no words in %s", p.Code, language)
			}
		}
		codes = append(codes, p.Code)
	}
	return codes
}

// TestSetupWillNotDoHere: machines on which no set-up is begun, and which are as they were after it was refused.
func TestSetupWillNotDoHere(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(s *site, run *appliance.Setup)
		want   []string
	}{
		{"the clock stands in 1970", func(_ *site, run *appliance.Setup) { run.Now = func() time.Time { return time.Unix(0, 0) } }, []string{setup.BadTime}},
		{"no random numbers", func(_ *site, run *appliance.Setup) { run.Random = func() error { return syscall.EAGAIN } }, []string{setup.BadEntropy}},
		{"no systemd-creds", func(s *site, _ *appliance.Setup) { s.t.Setenv("PATH", s.t.TempDir()) }, []string{setup.BadCreds}},
		{"a PIN of another safe", func(s *site, run *appliance.Setup) { s.has(run.Layout.Credential()) }, []string{setup.BadSetUp}},
		{"units of another set-up", func(s *site, run *appliance.Setup) {
			for _, unit := range []string{"casemate.service", "casemate.socket", "casemate-hsm.service"} {
				s.has(filepath.Join(run.Layout.Units, unit+".d", "setup.conf"))
			}
		}, []string{setup.BadSetUp, setup.BadSetUp, setup.BadSetUp}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.t = t
			run := s.inProcess()
			c.change(s, run)
			before := s.tree()
			if codes := codesOf(t, run.Check(t.Context())); !slices.Equal(codes, c.want) {
				t.Errorf("%v, want %v", codes, c.want)
			}
			if after := s.tree(); after != before {
				t.Errorf("something is left:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
}

// has puts something there that a set-up must not touch.
func (s *site) has(file string) {
	s.t.Helper()
	s.must(errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte("another's\n"), 0o600)))
}

// TestSetupTakesADiskOnce: the same disk under two names, and a disk a part of which is a volume already.
func TestSetupTakesADiskOnce(t *testing.T) {
	s := newSite(t)
	image, err := os.Create(s.in("image"))
	s.must(err)
	s.must(errors.Join(image.Truncate(600<<20), image.Close()))
	out, err := exec.Command("losetup", "--find", "--show", s.in("image")).Output()
	s.must(err)
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() { _ = exec.Command("losetup", "--detach", device).Run() })
	s.must(os.Symlink(device, s.in("by-another-name")))
	run := s.inProcess()
	run.Layout.Fstab = s.in("fstab")
	run.Answers.Volumes = []setup.Volume{{Dir: s.in("x"), Device: device}, {Dir: s.in("y"), Device: s.in("by-another-name")}}
	before := s.tree()
	if codes := codesOf(t, run.Check(t.Context())); !slices.Equal(codes, []string{setup.BadTwice}) {
		t.Errorf("%v", codes)
	}
	if after := s.tree(); after != before {
		t.Errorf("something is left:\n%s", after)
	}
}

// TestSetupMeetsAFault in the middle, at each of its steps: it fails with a sentence, and nothing is left.
func TestSetupMeetsAFault(t *testing.T) {
	for _, c := range []struct {
		name  string
		at    appliance.SetupStep
		fault func(s *site)
	}{
		{"systemd-creds fails", appliance.SetupFiles, func(s *site) { s.cannotEncrypt() }},
		{"the disk is full before the files", appliance.SetupFiles, (*site).fill},
		{"the disk is full before the token", appliance.SetupToken, (*site).fill},
		{"the disk is full before the volumes", appliance.SetupVolumes, (*site).fill},
		{"the disk is full before the certificates", appliance.SetupPerson, (*site).fill},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.t = t
			s.mounted("size=80m")
			run := s.inProcess()
			if found := run.Check(t.Context()); len(found) > 0 {
				t.Fatalf("%+v", found)
			}
			before := s.tree()
			done := false
			run.Say = func(step appliance.SetupStep, _ ...any) {
				if step == c.at && !done {
					done = true
					c.fault(s)
				}
			}
			_, err := run.Run(t.Context())
			if !errors.Is(err, appliance.ErrSetup) || !done {
				t.Errorf("it ends with %v\n%s", err, s.words)
			}
			s.must(os.RemoveAll(s.in("box/filler")))
			if after := strings.ReplaceAll(s.tree(), s.in("box/etc")+" drwxr-x---\n", ""); after != before {
				t.Errorf("left:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
}

// fill takes what is free where the box is to be.
func (s *site) fill() {
	s.t.Helper()
	f, err := os.Create(s.in("box/filler"))
	s.must(err)
	for block := make([]byte, 1<<16); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		s.t.Fatal(err)
	}
	s.must(f.Close())
}

// cannotEncrypt makes systemd-creds one that is there and refuses.
func (s *site) cannotEncrypt() {
	s.t.Helper()
	dir := s.t.TempDir()
	s.must(os.WriteFile(filepath.Join(dir, "systemd-creds"), []byte("#!/bin/sh\necho 'no encryption key available' >&2\nexit 1\n"), 0o755))
	s.t.Setenv("PATH", fmt.Sprintf("%s:%s", dir, os.Getenv("PATH")))
}

// notUndoneWhileItRuns: a record beside it, whoever put it there, undoes nothing.
func (s *site) notUndoneWhileItRuns() {
	s.t.Helper()
	record := s.in("box/etc/.setup-record")
	s.must(os.WriteFile(record, fmt.Appendf(nil, `{"act":"dir","path":%q}`+"\n", s.in("a")), 0o600))
	before := s.lasting()
	out, err := s.setup().CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(out), "a safe runs there") {
		s.t.Errorf("%v\n%s", err, out)
	}
	if after := s.lasting(); after != before {
		s.t.Errorf("something is another:\n%s\nbefore:\n%s", after, before)
	}
	s.must(os.Remove(record))
}
