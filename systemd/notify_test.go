package systemd

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// manager is the service manager's end of NOTIFY_SOCKET. It takes what comes at once, as the real one does:
// the kernel keeps ten messages, and who has more to say waits.
func manager(t *testing.T) func() string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	said := make(chan string, 10000)
	go func() {
		for b := make([]byte, 4096); ; {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			said <- string(b[:n])
		}
	}()
	return func() string {
		t.Helper()
		select {
		case text := <-said:
			return text
		case <-time.After(time.Minute):
			t.Fatal("nothing is said")
			return ""
		}
	}
}

func TestNotify(t *testing.T) {
	next := manager(t)
	for _, c := range []struct {
		say  func() error
		want string
	}{
		{func() error { return Ready("two volumes in sync") }, "READY=1\nSTATUS=two volumes in sync"},
		{func() error { return Ready("") }, "READY=1"},
		{func() error { return Status("volume b is away") }, "STATUS=volume b is away"},
		{func() error { return Stopping("asked to") }, "STOPPING=1\nSTATUS=asked to"},
		{func() error { return Status("one\nREADY=1\rtwo\x00three") }, "STATUS=one READY=1 two three"},
	} {
		if err := c.say(); err != nil {
			t.Fatal(err)
		}
		if got := next(); got != c.want {
			t.Errorf("said %q, want %q", got, c.want)
		}
	}
	if err := Reloading("configuration"); err != nil {
		t.Fatal(err)
	}
	got := next()
	if !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") || !strings.HasSuffix(got, "\nSTATUS=configuration") {
		t.Errorf("said %q", got)
	}
}

// Without a manager nothing is said and nothing is wrong; with one that is
// gone, it is.
func TestNotifyNobody(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := errors.Join(Ready("x"), Status("x"), Stopping("x"), Status("")); err != nil {
		t.Error(err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	if err := Ready("x"); err == nil {
		t.Error("nobody listens, and no error")
	}
}

func TestWatchdog(t *testing.T) {
	next := manager(t)
	t.Setenv("WATCHDOG_USEC", "60000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	ctx, cancel := context.WithCancel(t.Context())
	var dead atomic.Bool
	done := make(chan error)
	go func() {
		done <- Watchdog(ctx, func() error {
			if dead.Load() {
				return errors.New("the journal's writer hangs")
			}
			return nil
		})
	}()
	for range 3 {
		if got := next(); got != "WATCHDOG=1" {
			t.Fatalf("said %q", got)
		}
	}
	dead.Store(true)
	for got := next(); ; got = next() {
		if got == "STATUS=not answering the watchdog: the journal's writer hangs" {
			break
		}
		if got != "WATCHDOG=1" {
			t.Fatalf("said %q", got)
		}
	}
	if got := next(); strings.HasPrefix(got, "WATCHDOG") {
		t.Errorf("said %q while dead", got)
	}
	dead.Store(false)
	for got := next(); got != "WATCHDOG=1"; got = next() {
		if !strings.HasPrefix(got, "STATUS=") {
			t.Fatalf("said %q", got)
		}
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the watchdog did not end with its context")
	}
}

// Not asked for, or meant for another process: it returns at once.
func TestWatchdogNotAsked(t *testing.T) {
	for _, c := range []struct {
		usec, pid string
		bad       bool
	}{
		{"", "", false}, {"1000000", "1", false}, {"x", strconv.Itoa(os.Getpid()), true}, {"-5", "", true},
	} {
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		called := false
		err := Watchdog(t.Context(), func() error { called = true; return nil })
		if (err != nil) != c.bad || called {
			t.Errorf("%q of %q: error %v, called %v", c.usec, c.pid, err, called)
		}
	}
}

func TestCredential(t *testing.T) {
	dir := t.TempDir()
	for name, b := range map[string][]byte{"pin": []byte("1234\n"), "large": make([]byte, maxCredential+1), "most": make([]byte, maxCredential)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	for name, want := range map[string]error{
		"pin": nil, "most": nil, "large": ErrBadCredential, "folder": ErrBadCredential, "missing": ErrNoCredential,
		"../pin": ErrBadCredential, "": ErrBadCredential, "..": ErrBadCredential, ".": ErrBadCredential, "/etc/passwd": ErrBadCredential,
	} {
		b, err := Credential(name)
		if !errors.Is(err, want) {
			t.Errorf("%q: error %v, want %v", name, err, want)
		}
		if name == "pin" && !bytes.Equal(b, []byte("1234\n")) {
			t.Errorf("pin is %q", b)
		}
		if err != nil && b != nil {
			t.Errorf("%q: bytes beside an error", name)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := Credential("pin"); !errors.Is(err, ErrNoCredential) {
		t.Errorf("without a manager: error %v", err)
	}
}
