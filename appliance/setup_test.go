package appliance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"casemate/appliance"
	"casemate/appliance/client"
	"casemate/appliance/setup"
	"casemate/systemd"
)

// site is a place where a box is set up with answers, by the real program, and served.
type site struct {
	*box
	answers setup.Answers
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "site-") // short: a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, dir: dir, port: freePort(t), words: &words{}}
	t.Cleanup(func() { b.kill(); _ = os.RemoveAll(dir) })
	s := &site{box: b}
	url := b.authority()
	for _, name := range []string{"a", "b"} {
		b.must(os.Mkdir(b.in(name), 0o755))
	}
	b.must(os.Chmod(dir, 0o755))
	s.answers = setup.Answers{Origin: "casemate.example/site", Names: []string{"localhost"}, Listen: fmt.Sprintf("127.0.0.1:%d", b.port), Demonstration: true,
		SameDisk: true, Offline: true, Volumes: []setup.Volume{{Dir: b.in("a")}, {Dir: b.in("b")}}, Token: setup.Token{Module: "/usr/lib/softhsm/libsofthsm2.so"},
		Clock:       setup.Clock{Servers: []string{"127.0.0.1:9"}, Policy: "flag"},
		Authorities: []setup.Authority{{Name: "openssl", URL: url, Roots: b.in("tsa/tsa.pem"), Policies: []string{"1.2.3.4.1"}}},
		Persons:     []setup.Person{{Name: "auditor", Roles: []string{"auditor"}}, {Name: "admin", Roles: []string{"administrator"}}, {Name: "depositor", Roles: []string{"depositor", "reader"}}},
	}
	return s
}

// answer writes the answers to a file, as a person would.
func (s *site) answer() string {
	s.t.Helper()
	a := s.answers
	var b strings.Builder
	q := func(v any) string { j, err := json.Marshal(v); s.must(err); return string(j) }
	fmt.Fprintf(&b, "origin = %s\nnames = %s\nlisten = %s\ndemonstration = %v\noffline = %v\nsame_disk = %v\n", q(a.Origin), q(a.Names), q(a.Listen), a.Demonstration, a.Offline, a.SameDisk)
	for _, v := range a.Volumes {
		fmt.Fprintf(&b, "[[volume]]\ndir = %s\ndevice = %s\nerase = %s\n", q(v.Dir), q(v.Device), q(v.Erase))
	}
	fmt.Fprintf(&b, "[token]\nmodule = %s\nlabel = %s\npin_file = %s\nso_pin_file = %s\n", q(a.Token.Module), q(a.Token.Label), q(a.Token.PINFile), q(a.Token.SOPINFile))
	fmt.Fprintf(&b, "[clock]\nservers = %s\npolicy = %s\n", q(a.Clock.Servers), q(a.Clock.Policy))
	for _, one := range a.Authorities {
		fmt.Fprintf(&b, "[[authority]]\nname = %s\nurl = %s\nroots = %s\npolicies = %s\n", q(one.Name), q(one.URL), q(one.Roots), q(one.Policies))
	}
	for _, p := range a.Persons {
		fmt.Fprintf(&b, "[[person]]\nname = %s\nroles = %s\ncsr = %s\n", q(p.Name), q(p.Roles), q(p.CSR))
	}
	file := filepath.Join(s.t.TempDir(), "answers.toml")
	s.must(os.WriteFile(file, []byte(b.String()), 0o600))
	return file
}

func (s *site) setup(args ...string) *exec.Cmd {
	all := append([]string{"setup", "--answers", s.answer(), "--prefix", s.in("box")}, args...)
	return exec.Command(program(s.t, "casemate/appliance/cmd/casemated"), all...)
}

// tree is all that lies in the site but what its authority keeps, and what is in each file.
func (s *site) tree() string {
	s.t.Helper()
	var b strings.Builder
	s.must(filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == s.in("tsa") {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&b, path, info.Mode())
		return nil
	}))
	return b.String()
}

// lasting is what a safe at work does not change by itself: the configuration, what was handed out, and what
// its volumes, its state and its token stand on. The token's objects are none of it: a checkpoint is one, and
// the next one another.
func (s *site) lasting() string {
	object := regexp.MustCompile(`/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(lock|object) `)
	s.t.Helper()
	var b strings.Builder
	for line := range strings.Lines(s.tree()) {
		name := strings.TrimPrefix(line, s.dir)
		if strings.HasPrefix(name, "/box/etc") || strings.Contains(name, "/superblock ") || strings.Contains(name, "/volumes.key ") || strings.Contains(name, "/tokens") && !object.MatchString(name) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// at makes the box of a site one that the helpers of other tests know.
func (s *site) served() {
	s.t.Helper()
	for name, to := range map[string]string{"casemate.toml": "box/etc/casemate.toml", "access.pem": "box/etc/access.pem", "clients": "box/etc/handed-out/clients"} {
		if err := os.Symlink(s.in(to), s.in(name)); !errors.Is(err, fs.ErrExist) { // it is served once more
			s.must(err)
		}
	}
	s.daemon = exec.Command(program(s.t, "casemate/appliance/cmd/casemated"), "serve", "--config", s.in("box/etc/casemate.toml"))
	s.daemon.Stdout, s.daemon.Stderr = s.words, s.words
	s.daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.must(s.daemon.Start())
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := s.client("auditor").Status(context.Background()); err == nil {
			return
		} else if time.Now().After(end) {
			s.t.Fatalf("the safe does not answer: %v\n%s", err, s.words)
		}
	}
}

// TestSetupMakesASafe from answers to a proved document; a second set-up changes nothing.
func TestSetupMakesASafe(t *testing.T) {
	s := newSite(t)
	s.answers.Persons[2].CSR = s.request("depositor")
	before := s.tree()
	if out, err := s.setup("--check").CombinedOutput(); err != nil || s.tree() != before {
		t.Fatalf("the check: %v\n%s", err, out)
	}
	out, err := s.setup().CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"is set up", "so-pin", "handed-out/trust", "admin.key", "casemated serve"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("it does not speak of %q:\n%s", want, out)
		}
	}
	if _, err := os.Stat(s.in("box/etc/handed-out/clients/depositor.key")); err == nil {
		t.Error("a key was made for one who has his own")
	}
	s.must(os.Rename(s.in("depositor.key"), s.in("box/etc/handed-out/clients/depositor.key")))
	for file, mode := range map[string]fs.FileMode{"box/etc/pin": 0o600, "box/etc/so-pin": 0o600, "box/etc/casemate.toml": 0o640, "box/state": 0o700,
		"box/hsm": 0o700, "a": 0o700, "box/etc/handed-out": 0o700, "box/etc/handed-out/clients/admin.key": 0o600} {
		if info, err := os.Stat(s.in(file)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
	s.served()
	s.vault()
	if _, err := s.client("depositor").Deposit(t.Context(), client.Deposit{Vault: "archives", Files: []client.File{file("a", []byte("b"))}}); err != nil {
		t.Error(err)
	}
	after := s.lasting()
	out, err = s.setup("--json").CombinedOutput()
	if codes := problemCodes(t, out); !slices.Contains(codes, setup.BadSetUp) || !slices.Contains(codes, setup.BadNotEmpty) || err == nil {
		t.Errorf("a second set-up: %v %v", codes, err)
	}
	if now := s.lasting(); now != after {
		t.Errorf("a second set-up changed something:\n%s\nbefore:\n%s", now, after)
	}
	s.notUndoneWhileItRuns()
	if _, err := s.client("depositor").Deposit(t.Context(), client.Deposit{Vault: "archives", Files: []client.File{file("c", []byte("d"))}}); err != nil {
		t.Errorf("the safe below: %v", err)
	}
	s.stop()
}

// request makes a key and a request of somebody's own.
func (s *site) request(name string) string {
	s.t.Helper()
	out, err := exec.Command("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN="+name,
		"-keyout", s.in(name+".key"), "-out", s.in(name+".csr")).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	return s.in(name + ".csr")
}

func problemCodes(t *testing.T, out []byte) (codes []string) {
	t.Helper()
	for line := range strings.Lines(string(out)) {
		var p setup.Problem
		if json.Unmarshal([]byte(line), &p) == nil {
			codes = append(codes, p.Code)
		}
	}
	return codes
}

// TestSetupRefuses each bad answer and each machine that will not do, with its own code, a sentence and a
// remedy in both languages, and leaves nothing.
func TestSetupRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(s *site)
		want   []string
	}{
		{"one volume", func(s *site) { s.answers.Volumes = s.answers.Volumes[:1] }, []string{setup.BadVolumes}},
		{"the same folder twice", func(s *site) { s.answers.Volumes[1].Dir = s.in("a") }, []string{setup.BadInside}},
		{"one inside the other", func(s *site) { s.must(os.Mkdir(s.in("a/x"), 0o755)); s.answers.Volumes[1].Dir = s.in("a/x") }, []string{setup.BadNotEmpty, setup.BadInside}},
		{"a folder with data", func(s *site) { s.must(os.WriteFile(s.in("b/deed.pdf"), nil, 0o600)) }, []string{setup.BadNotEmpty}},
		{"a folder with a blank in its name", func(s *site) { s.answers.Volumes[1].Dir = s.in("b b"); s.must(os.Mkdir(s.in("b b"), 0o755)) }, []string{setup.BadDir}},
		{"no such folder", func(s *site) { s.answers.Volumes[1].Dir = s.in("c") }, []string{setup.BadDir}},
		{"one disk", func(s *site) { s.answers.SameDisk = false }, []string{setup.BadNoMount, setup.BadNoMount}},
		{"no disk", func(s *site) { s.answers.Volumes[0].Device = "/dev/null" }, []string{setup.BadDevice}},
		{"no module", func(s *site) { s.answers.Token.Module = s.in("nothing.so") }, []string{setup.BadModule}},
		{"a module that is no library", func(s *site) { s.answers.Token.Module = "/etc/passwd" }, []string{setup.BadModule}},
		{"a library that is no module", func(s *site) { s.answers.Token.Module = libc(s.t) }, []string{setup.BadModule}},
		{"a label too long", func(s *site) { s.answers.Token.Label = strings.Repeat("x", 33) }, []string{setup.BadAnswer}},
		{"a PIN anybody can read", func(s *site) { s.answers.Token.PINFile = s.pin("1234567", 0o644) }, []string{setup.BadPIN}},
		{"a PIN too short", func(s *site) { s.answers.Token.SOPINFile = s.pin("1", 0o600) }, []string{setup.BadPIN}},
		{"no PIN in its file", func(s *site) { s.answers.Token.PINFile = s.in("none") }, []string{setup.BadPIN}},
		{"no network", func(s *site) {
			s.answers.Offline = false
			s.answers.Authorities[0].URL = "http://127.0.0.1:9/"
		}, []string{setup.BadServers, setup.BadAuthority}},
		{"other roots", func(s *site) { s.answers.Authorities[0].Roots = "/etc/passwd" }, []string{setup.BadRoots}},
		{"no authority", func(s *site) { s.answers.Authorities = nil }, []string{setup.BadAnswer}},
		{"no server", func(s *site) { s.answers.Clock.Servers = []string{} }, []string{setup.BadAnswer}},
		{"nobody", func(s *site) { s.answers.Persons = nil }, []string{setup.BadPersons}},
		{"no administrator", func(s *site) { s.answers.Persons = s.answers.Persons[:1] }, []string{setup.BadPersons}},
		{"a role that is none", func(s *site) { s.answers.Persons[0].Roles = []string{"king"} }, []string{setup.BadPerson}},
		{"a name that is a path", func(s *site) { s.answers.Persons[0].Name = "../x" }, []string{setup.BadPerson}},
		{"two of one name", func(s *site) { s.answers.Persons[0].Name = "admin" }, []string{setup.BadPerson}},
		{"a request that is none", func(s *site) { s.answers.Persons[0].CSR = "/etc/passwd" }, []string{setup.BadPerson}},
		{"no ceremony, and nobody said so", func(s *site) { s.answers.Demonstration = false }, []string{setup.BadCeremony}},
		{"an origin that is none", func(s *site) { s.answers.Origin = "NOT A NAME" }, []string{setup.BadAnswer}},
		{"a name with a quote", func(s *site) { s.answers.Names = []string{`a"b`} }, []string{setup.BadAnswer}},
		{"no name", func(s *site) { s.answers.Names = []string{} }, []string{setup.BadAnswer}},
		{"a read-only root", func(s *site) { s.mounted("ro,size=100m") }, []string{setup.BadReadOnly, setup.BadReadOnly, setup.BadReadOnly}},
		{"a full root", func(s *site) { s.mounted("size=1m") }, []string{setup.BadSpace, setup.BadSpace, setup.BadSpace}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			c.change(s)
			before := s.tree()
			out, err := s.setup("--json").Output()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 78 {
				t.Errorf("it ends with %v", err)
			}
			if codes := problemCodes(t, out); !slices.Equal(codes, c.want) {
				t.Errorf("%v, want %v\n%s", codes, c.want, out)
			}
			if after := s.tree(); after != before {
				t.Errorf("something is left:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
}

// libc is a library that is there and is no PKCS#11 module.
func libc(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob("/lib/*/libc.so.6")
	if len(found) == 0 {
		t.Fatal("no libc")
	}
	return found[0]
}

func (s *site) pin(text string, mode fs.FileMode) string {
	s.t.Helper()
	s.must(os.WriteFile(s.in("some-pin"), []byte(text+"\n"), mode))
	s.must(os.Chmod(s.in("some-pin"), mode))
	return s.in("some-pin")
}

// mounted puts a small file system where the box is to be.
func (s *site) mounted(options string) {
	s.t.Helper()
	s.must(os.Mkdir(s.in("box"), 0o755))
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "none", s.in("box")).CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	s.t.Cleanup(func() { _ = exec.Command("umount", s.in("box")).Run() })
}

// TestSetupOnASickMachine: without random numbers, and in 1970, no key is made.
func TestSetupOnASickMachine(t *testing.T) {
	layout := setup.Under(t.TempDir())
	s := &appliance.Setup{Layout: layout, Log: slog.New(slog.DiscardHandler), Random: func() error { return syscall.EAGAIN },
		Now: func() time.Time { return time.Unix(1000, 0) }}
	var codes []string
	for _, p := range s.CheckMachine() {
		codes = append(codes, p.Code)
	}
	if !slices.Equal(codes, []string{setup.BadEntropy, setup.BadTime}) {
		t.Errorf("%v", codes)
	}
	s.Random, s.Now = nil, nil
	if found := s.CheckMachine(); len(found) != 0 {
		t.Errorf("a sound machine: %+v", found)
	}
	// On the console a part is judged before the next is answered.
	s.Answers = setup.Answers{Origin: "casemate.example/x", Names: []string{"localhost"}}
	if found := s.CheckPart(t.Context(), appliance.PartNames); len(found) != 0 {
		t.Errorf("what was not asked yet counts: %+v", found)
	}
}

// TestSetupBrokenOff: killed wherever it is, ended by a signal, or failing in the middle, it leaves either
// nothing or a record by which the next set-up takes everything back, and then goes through.
func TestSetupBrokenOff(t *testing.T) {
	s := newSite(t)
	before := s.tree()
	for _, at := range []string{"box/etc/.setup-record", "box/hsm", "box/etc/casemate.toml", "box/hsm/tokens/*", "box/hsm/setup.json", "a/*",
		"box/state/volumes.key", "box/etc/handed-out/clients/admin.crt"} {
		for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
			for try := 1; !s.breakOff(at, signal); try++ { // it came too late: the set-up was whole
				if try == 50 {
					t.Fatalf("%v at %s always comes too late", signal, at)
				}
				s.wipe()
			}
			if s.recorded() {
				s.setUndone()
			}
			if after := s.tree(); after != before {
				t.Fatalf("%v at %s left\n%s", signal, at, after)
			}
		}
	}
	if out, err := s.setup().CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// What the next set-up would take back holds no documents: nothing is served of it.
	s.must(os.WriteFile(s.in("box/etc/.setup-record"), nil, 0o600))
	out, err := exec.Command(program(t, "casemate/appliance/cmd/casemated"), "serve", "--config", s.in("box/etc/casemate.toml")).CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != 78 {
		t.Fatalf("served beside the record of a set-up: %v\n%s", err, out)
	}
	s.must(os.Remove(s.in("box/etc/.setup-record")))
	s.served()
	s.stop()
}

// wipe takes a whole set-up away.
func (s *site) wipe() {
	s.t.Helper()
	s.must(os.RemoveAll(s.in("box")))
	for _, dir := range []string{s.in("a"), s.in("b")} {
		s.must(errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755)))
	}
}

// recorded tells whether a set-up was broken off here.
func (s *site) recorded() bool {
	_, err := os.Lstat(s.in("box/etc/.setup-record"))
	return err == nil
}

// breakOff starts a set-up and ends it when a file appears. It is false when the set-up was faster: then what
// stands there is a whole safe, however the process that made it ended.
func (s *site) breakOff(at string, signal syscall.Signal) bool {
	s.t.Helper()
	cmd := s.setup()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	s.must(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		if there, _ := filepath.Glob(s.in(at)); len(there) > 0 {
			break
		}
		select {
		case err := <-ended:
			if err == nil {
				return false
			}
			s.t.Fatalf("it ended before %s was there: %v\n%s", at, err, &out)
		default:
		}
	}
	if err := cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Fatal(err)
	}
	if <-ended == nil {
		return false
	}
	if text, err := os.ReadFile(s.in("box/etc/.setup-record")); err == nil {
		if !strings.Contains(string(text), `"act":"`+setup.Whole+`"`) {
			return true
		}
		s.must(os.Remove(s.in("box/etc/.setup-record"))) // as the next set-up would
	} else if now, _ := filepath.Glob(s.in("box/*")); len(now) == 0 {
		return true // all of it was taken back
	}
	s.served()
	s.stop()
	for _, name := range []string{"casemate.toml", "access.pem", "clients"} {
		s.must(os.Remove(s.in(name)))
	}
	return false
}

// setUndone begins a set-up that is refused once the broken one was taken back.
func (s *site) setUndone() {
	s.t.Helper()
	if out, err := s.setup("--check").CombinedOutput(); err == nil || !strings.Contains(string(out), "broken off") {
		s.t.Fatalf("a check does not see what was broken off: %v\n%s", err, out)
	}
	people := s.answers.Persons
	s.answers.Persons = nil
	out, err := s.setup().CombinedOutput()
	if err == nil || !strings.Contains(string(out), "Taking back") {
		s.t.Fatalf("%v\n%s", err, out)
	}
	s.answers.Persons = people
}

// TestSetupForItsUsers: as root with the package's users, each thing is whose it must be.
func TestSetupForItsUsers(t *testing.T) {
	s := newSite(t)
	safe, token := setup.Account{Set: true, UID: 23451, GID: 23451}, setup.Account{Set: true, UID: 23452, GID: 23451}
	s.must(os.MkdirAll(s.in("run"), 0o755))
	l := setup.Layout{Config: s.in("etc"), State: s.in("var"), HSMState: s.in("hsm"), Socket: s.in("run/hsm/s"), Handed: s.in("etc/handed"), Safe: safe, Token: token,
		Units: s.in("units"), AppArmor: s.in("apparmor")}
	module, err := os.ReadFile(s.answers.Token.Module)
	s.must(err)
	s.answers.Token.Module = s.in("elsewhere/libsofthsm2.so")
	s.must(os.Mkdir(s.in("elsewhere"), 0o755))
	s.must(os.WriteFile(s.answers.Token.Module, module, 0o755))
	s.has(l.PlainUnit()) // of a safe that was here before
	s.answers.Token.PINFile = s.pin("chosen-pin", 0o600)
	run := &appliance.Setup{Answers: s.answers, Layout: l, Log: slog.New(slog.NewTextHandler(s.words, nil)), Program: program(t, "casemate/appliance/cmd/casemated")}
	if found := run.Check(t.Context()); len(found) > 0 {
		t.Fatalf("%+v", found)
	}
	s.must(os.Mkdir(s.in("etc"), 0o750))
	s.must(os.Lchown(s.in("etc"), 0, safe.GID))
	if _, err := run.Run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, s.words)
	}
	for name, want := range map[string]string{
		"etc/casemate.toml": "0:23451 -rw-r-----", "etc/callers.toml": "0:23451 -rw-r-----", "etc/access.pem": "0:23451 -rw-r--r--", "etc/pin.cred": "0:0 -rw-------",
		"etc/so-pin": "0:0 -rw-------", "etc/handed": "0:0 drwx------", "var": "23451:23451 drwx------", "var/volumes.key": "23451:23451 -rw-r-----",
		"var/mirror": "23451:23451 drwx------", "a": "23451:23451 drwx------", "a/volumes.key": "23451:23451 -rw-r-----", "hsm": "23452:23451 drwx------",
		"hsm/setup.json": "23452:23451 -rw-------", "hsm/tokens": "23452:23451 drwx------", "run/hsm": "23452:23451 drwx--x---",
	} {
		info, err := os.Lstat(s.in(name))
		s.must(err)
		st := info.Sys().(*syscall.Stat_t)
		if got := fmt.Sprintf("%d:%d %v", st.Uid, st.Gid, info.Mode()); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	for unit, want := range map[string]string{"casemate.service.d/setup.conf": "ReadWritePaths=-" + s.in("a") + "\nNoExecPaths=-" + s.in("a") + "\nReadWritePaths=-" + s.in("b") + "\nNoExecPaths=-" + s.in("b") + "\n",
		"casemate.socket.d/setup.conf":        fmt.Sprintf("[Socket]\nListenStream=\nListenStream=127.0.0.1:%d\n", s.port),
		"casemate-hsm.service.d/library.conf": "ExecPaths=-" + s.in("elsewhere") + "\n", "../apparmor/local/casemate-hsm-setup": s.in("elsewhere") + "/{,**}\" mr,\n",
		"../apparmor/local/casemate-serve-setup": s.in("b") + "/{,**}\" rwk,\n"} {
		if text, err := os.ReadFile(s.in("units/" + unit)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v\n%s", unit, err, text)
		}
	}
	if _, err := os.Stat(l.PlainUnit()); err == nil {
		t.Error("the unit still takes a PIN in plain")
	}
	if _, err := appliance.LoadConfig(l.ConfigFile()); err != nil {
		t.Error(err)
	}
	s.pinIsEncrypted("etc/pin.cred", "chosen-pin")
}

// pinIsEncrypted: the credential opens to the PIN, and no file of the site has it in plain.
func (s *site) pinIsEncrypted(credential, pin string) {
	s.t.Helper()
	encrypted, err := os.ReadFile(s.in(credential))
	s.must(err)
	if got, err := systemd.DecryptCredential(s.t.Context(), systemd.PIN, encrypted); err != nil || string(got) != pin {
		s.t.Errorf("the credential opens to %q, %v", got, err)
	}
	s.must(filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || path == s.in("some-pin") {
			return err
		}
		if text, err := os.ReadFile(path); err != nil || bytes.Contains(text, []byte(pin)) {
			s.t.Errorf("%s has the PIN in plain, %v", path, err)
		}
		return nil
	}))
	if strings.Contains(s.words.String(), pin) {
		s.t.Error("the log has it")
	}
}

// TestSetupTakesADisk: a blank one is formatted and mounted, and given back when the set-up fails; one with
// data is taken only when it is named exactly.
func TestSetupTakesADisk(t *testing.T) {
	s := newSite(t)
	image, err := os.Create(s.in("image"))
	s.must(err)
	s.must(errors.Join(image.Truncate(600<<20), image.Close()))
	out, err := exec.Command("losetup", "--find", "--show", s.in("image")).Output()
	s.must(err)
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		_ = exec.Command("umount", s.in("disk")).Run() // before its folder goes
		_ = exec.Command("losetup", "--detach", device).Run()
	})
	s.must(os.WriteFile(s.in("fstab"), []byte("# of the machine\n"), 0o600))
	s.must(os.WriteFile(s.in("units"), nil, 0o600)) // where a folder must be: the last step fails
	s.answers.Volumes[0] = setup.Volume{Dir: s.in("disk"), Device: device}
	l := setup.Under(s.in("box"))
	l.Units, l.Fstab = s.in("units"), s.in("fstab")
	run := &appliance.Setup{Answers: s.answers, Layout: l, Log: slog.New(slog.NewTextHandler(s.words, nil)), Program: program(t, "casemate/appliance/cmd/casemated")}
	if found := run.Check(t.Context()); len(found) > 0 {
		t.Fatalf("%+v", found)
	}
	before := s.tree()
	if _, err := run.Run(t.Context()); !errors.Is(err, appliance.ErrSetup) {
		t.Fatalf("%v\n%s", err, s.words)
	}
	if after := s.tree(); after != before {
		t.Errorf("left:\n%s\nbefore:\n%s", after, before)
	}
	if text, err := os.ReadFile(s.in("fstab")); err != nil || string(text) != "# of the machine\n" {
		t.Errorf("fstab is %q, %v", text, err)
	}

	s.must(errors.Join(os.Remove(s.in("units")), os.Mkdir(s.in("units"), 0o755)))
	found := run.Check(t.Context())
	if len(found) != 1 || found[0].Code != setup.BadData {
		t.Fatalf("a disk with a file system: %+v", found)
	}
	run.Answers.Volumes[0].Erase = device
	if found := run.Check(t.Context()); len(found) != 1 || found[0].Code != setup.BadData {
		t.Errorf("named, and not exactly: %+v", found)
	}
	_, name, _ := strings.Cut(found[0].Detail, "erase = ")
	s.must(json.Unmarshal([]byte(name), &run.Answers.Volumes[0].Erase))
	if found := run.Check(t.Context()); len(found) != 0 {
		t.Fatalf("named exactly: %+v", found)
	}
	if _, err := run.Run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, s.words)
	}
	text, err := os.ReadFile(s.in("fstab"))
	if err != nil || strings.Count(string(text), "UUID=") != 1 || !strings.Contains(string(text), " "+s.in("disk")+" ext4 ") {
		t.Errorf("fstab is %q, %v", text, err)
	}
	if found := run.Check(t.Context()); !slices.ContainsFunc(found, func(p setup.Problem) bool { return p.Code == setup.BadUsed }) {
		t.Errorf("a disk at work: %+v", found)
	}
	if _, err := os.Stat(s.in("disk/volumes.key")); err != nil {
		t.Error(err)
	}
}
