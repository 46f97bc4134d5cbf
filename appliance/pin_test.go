package appliance_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"casemate/appliance"
	"casemate/systemd"
)

// pinBox is a box whose PIN the service manager hands over.
type pinBox struct {
	t   *testing.T
	dir string
	cfg appliance.Config
}

func newPINBox(t *testing.T) *pinBox {
	t.Helper()
	b := &pinBox{t, t.TempDir(), appliance.DefaultConfig()}
	b.cfg.HSM.State = filepath.Join(b.dir, "hsm")
	b.must(os.Mkdir(b.cfg.HSM.State, 0o700))
	return b
}

func (b *pinBox) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *pinBox) in(name string) string { return filepath.Join(b.dir, name) }
func (b *pinBox) config() string        { return b.in("casemate.toml") }

// lies is what lies in the box: each file, and of the credential what it opens to.
func (b *pinBox) lies() string {
	b.t.Helper()
	entries, err := os.ReadDir(b.dir)
	b.must(err)
	var all []string
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		text, err := os.ReadFile(b.in(e.Name()))
		b.must(err)
		if strings.HasPrefix(e.Name(), "pin.cred") {
			if text, err = systemd.DecryptCredential(b.t.Context(), systemd.PIN, text); err != nil {
				text = []byte("closed")
			}
		}
		info, err := e.Info()
		b.must(err)
		all = append(all, fmt.Sprintf("%s %o %s", e.Name(), info.Mode().Perm(), strings.TrimSpace(string(text))))
	}
	return strings.Join(all, "; ")
}

func (b *pinBox) write(name, text string) {
	b.t.Helper()
	b.must(os.WriteFile(b.in(name), []byte(text), 0o600))
}

func (b *pinBox) credential(pin string) {
	b.t.Helper()
	encrypted, err := systemd.EncryptCredential(b.t.Context(), systemd.PIN, []byte(pin))
	b.must(err)
	b.write("pin.cred", string(encrypted))
}

// failing puts a systemd-creds in the way that does n calls as the real one and refuses the next.
func (b *pinBox) failing(n int) {
	b.t.Helper()
	dir := b.t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\ncalls=%s/calls\necho x >>$calls\n[ $(wc -l <$calls) -le %d ] && exec /usr/bin/systemd-creds \"$@\"\necho 'No space left on device' >&2\nexit 1\n", dir, n)
	b.must(os.WriteFile(filepath.Join(dir, "systemd-creds"), []byte(script), 0o755))
	b.t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// TestReplacePIN: the new one takes the place of whatever lay there, and one that cannot be kept changes nothing.
func TestReplacePIN(t *testing.T) {
	for _, c := range []struct {
		name, before, plain string
		calls               int // of systemd-creds that go well; 0: all
		pin, after          string
		err                 error
	}{
		{name: "nothing lay there", pin: "1234567", after: "pin.cred 600 1234567"},
		{name: "another", before: "7654321", pin: "1234567", after: "pin.cred 600 1234567"},
		{name: "one in plain beside it", before: "7654321", plain: "7654321", pin: "1234567", after: "pin.cred 600 1234567"},
		{name: "a PIN too short", before: "7654321", plain: "7654321", pin: "123", after: "pin 600 7654321; pin.cred 600 7654321", err: appliance.ErrPINForm},
		{name: "two lines", before: "7654321", pin: "1234\n567", after: "pin.cred 600 7654321", err: appliance.ErrPINForm},
		{name: "it cannot be read back from the disk", before: "7654321", plain: "7654321", calls: 2, pin: "1234567",
			after: "pin 600 7654321; pin.cred 600 7654321", err: systemd.ErrCreds},
		{name: "it cannot be opened", before: "7654321", calls: 1, pin: "1234567", after: "pin.cred 600 7654321", err: systemd.ErrCreds},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newPINBox(t)
			if c.before != "" {
				b.credential(c.before)
			}
			if c.plain != "" {
				b.write("pin", c.plain+"\n")
			}
			real := os.Getenv("PATH")
			if c.calls > 0 {
				b.failing(c.calls)
			}
			done, err := appliance.ReplacePIN(t.Context(), b.cfg, b.config(), c.pin)
			t.Setenv("PATH", real)
			if !errors.Is(err, c.err) || (err != nil && strings.Contains(err.Error(), c.pin)) {
				t.Errorf("%v", err)
			}
			if err == nil && (done.File != b.in("pin.cred") || !done.Encrypted || done.BoundTo == "") {
				t.Errorf("%+v", done)
			}
			if got := b.lies(); got != c.after {
				t.Errorf("it has %s, want %s", got, c.after)
			}
		})
	}
}

// TestReplacePINInPlain: where the configuration names a file, that file is replaced, and keeps its owner.
func TestReplacePINInPlain(t *testing.T) {
	b := newPINBox(t)
	b.cfg.HSM.PINFile = b.in("secret")
	b.write("secret", "7654321\n")
	b.write("secret.new", "left by a crash")
	b.must(os.Chown(b.in("secret"), 23452, 23452))
	if done, err := appliance.ReplacePIN(t.Context(), b.cfg, b.config(), "1234567"); err != nil || done.Encrypted || done.File != b.in("secret") {
		t.Errorf("%+v, %v", done, err)
	}
	if got := b.lies(); got != "secret 600 1234567" {
		t.Error(got)
	}
	info, err := os.Stat(b.in("secret"))
	b.must(err)
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 23452 {
		t.Errorf("it belongs to %d", uid)
	}
	if _, found, err := appliance.EncryptPIN(t.Context(), b.cfg, b.config()); found || err != nil || b.lies() != "secret 600 1234567" {
		t.Errorf("one that a configuration names is no leftover: %v, %v", found, err)
	}
}

// TestEncryptPIN: what an earlier version left in plain goes only when the encrypted one opens to it, wherever
// the act was broken off before.
func TestEncryptPIN(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(b *pinBox)
		after  string
		found  bool
		err    error
	}{
		{"nothing in plain", func(b *pinBox) { b.credential("1234567") }, "pin.cred 600 1234567", false, nil},
		{"plain alone", func(b *pinBox) { b.write("pin", "1234567\n") }, "pin.cred 600 1234567", true, nil},
		{"killed before the name was given", func(b *pinBox) { b.write("pin", "1234567\n"); b.write("pin.cred.new", "half") }, "pin.cred 600 1234567", true, nil},
		{"killed before the plain one went", func(b *pinBox) { b.write("pin", "1234567\n"); b.credential("1234567") }, "pin.cred 600 1234567", true, nil},
		{"one of another machine", func(b *pinBox) { b.write("pin", "1234567\n"); b.write("pin.cred", "WhxqhuDflkCW") }, "pin.cred 600 1234567", true, nil},
		{"two that differ", func(b *pinBox) { b.write("pin", "1234567\n"); b.credential("7654321") }, "pin 600 1234567; pin.cred 600 7654321", true, appliance.ErrOtherPIN},
		{"one that is none", func(b *pinBox) { b.write("pin", "1\n") }, "pin 600 1", true, appliance.ErrPINForm},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newPINBox(t)
			c.before(b)
			_, found, err := appliance.EncryptPIN(t.Context(), b.cfg, b.config())
			if found != c.found || !errors.Is(err, c.err) {
				t.Errorf("%v, %v", found, err)
			}
			if got := b.lies(); got != c.after {
				t.Errorf("it has %s, want %s", got, c.after)
			}
		})
	}
	for calls := range 3 { // whichever call of systemd-creds fails, the plain one stays
		t.Run(fmt.Sprintf("call %d fails", calls+1), func(t *testing.T) {
			b := newPINBox(t)
			b.write("pin", "1234567\n")
			b.failing(calls)
			if _, _, err := appliance.EncryptPIN(t.Context(), b.cfg, b.config()); !errors.Is(err, systemd.ErrCreds) {
				t.Error(err)
			}
			if got := b.lies(); got != "pin 600 1234567" {
				t.Error(got)
			}
		})
	}
}
