package systemd

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestListenUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := ListenUnix(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Mode()&fs.ModeSocket == 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	go func() {
		c, err := net.Dial("unix", path)
		if err == nil {
			defer c.Close() //nolint:errcheck // only looked at
		}
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if uid, err := PeerUID(c); err != nil || int(uid) != os.Getuid() {
		t.Errorf("uid %d, %v", uid, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := ListenUnix(path, 0o600); err == nil {
		t.Error("the socket of one that lives was taken away")
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if l, err = ListenUnix(path, 0o600); err != nil {
		t.Errorf("what a killed process left is in the way: %v", err)
	} else if err := l.Close(); err != nil {
		t.Error(err)
	}
	other := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(other, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenUnix(other, 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file was taken for a socket: %v", err)
	}
	a, b := net.Pipe()
	defer a.Close() //nolint:errcheck // only looked at
	defer b.Close() //nolint:errcheck // only looked at
	if _, err := PeerUID(a); err == nil {
		t.Error("a pipe has a user")
	}
}
