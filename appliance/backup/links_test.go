package backup

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// What a service has put into its own folder in place of a file is not read for it by root.
func TestBoxFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	secret, link, pipe := filepath.Join(dir, "pin"), filepath.Join(dir, "seal.pem"), filepath.Join(dir, "setup.json")
	if err := errors.Join(os.WriteFile(secret, []byte("1234"), 0o600), os.Symlink(secret, link), unix.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	var box bytes.Buffer
	w := tar.NewWriter(&box)
	if err := PutOwn(w, "token/seal.pem", link); !errors.Is(err, unix.ELOOP) {
		t.Errorf("a link: %v", err)
	}
	if err := PutOwn(w, "token/setup.json", pipe); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a pipe: %v", err)
	}
	if err := PutOwn(w, "token/gone", filepath.Join(dir, "gone")); err != nil {
		t.Errorf("one that is not there: %v", err)
	}
	if err := w.Close(); err != nil || bytes.Contains(box.Bytes(), []byte("1234")) {
		t.Errorf("what the link leads to is in the box (%v)", err)
	}
	box.Reset()
	w = tar.NewWriter(&box)
	if err := errors.Join(Put(w, "config/access.pem", link), w.Close()); err != nil || !bytes.Contains(box.Bytes(), []byte("1234")) {
		t.Errorf("a link in the administrator's own folder: %v", err)
	}
}

// A box that no restoring would read is not written.
func TestBoxLimit(t *testing.T) {
	w := &boxWriter{w: io.Discard}
	part := make([]byte, 1<<20)
	var err error
	for range maxBox >> 20 {
		if err != nil {
			t.Fatalf("refused after %d bytes: %v", w.size, err)
		}
		_, err = w.Write(part)
	}
	if !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a box of %d bytes: %v", w.size, err)
	}
}

// On a medium only plain files count.
func TestMediumPlainFilesOnly(t *testing.T) {
	dir := t.TempDir()
	file, link, pipe := filepath.Join(dir, "f"), filepath.Join(dir, "l"), filepath.Join(dir, "p")
	if err := errors.Join(os.WriteFile(file, []byte("x"), 0o600), os.Symlink(file, link), unix.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{link, pipe, dir, filepath.Join(dir, "gone")} {
		if _, err := readSmall(name, 1); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", filepath.Base(name), err)
		}
	}
	if b, err := readSmall(file, 1); err != nil || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := readSmall(file, 0); !errors.Is(err, ErrBroken) {
		t.Errorf("one that is too long: %v", err)
	}
}
