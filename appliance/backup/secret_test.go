package backup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestReadSecret: a key is read from a file, from a pipe without a name and from one with a name, whoever writes late;
// not if somebody else may touch it, nor beyond its bound, nor from anything else.
func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "file")
	must(os.WriteFile(file, []byte("secret"), 0o600))
	piped := func(text string) string { // as <(command) and /dev/stdin are
		r, w, err := os.Pipe()
		must(err)
		t.Cleanup(func() { _ = r.Close() })
		go func() { _, err := w.WriteString(text); _ = errors.Join(err, w.Close()) }() // it may be refused
		return fmt.Sprintf("/proc/self/fd/%d", r.Fd())
	}
	named := func(mode uint32) string {
		path := filepath.Join(dir, fmt.Sprintf("pipe-%o", mode))
		must(unix.Mkfifo(path, 0o600))
		must(os.Chmod(path, os.FileMode(mode)))
		return path
	}
	late := named(0o600)
	go func() { // it comes after whoever reads: until then the pipe has no writer
		w, err := os.OpenFile(late, os.O_WRONLY|unix.O_NONBLOCK, 0)
		for end := time.Now().Add(time.Minute); errors.Is(err, unix.ENXIO) && time.Now().Before(end); time.Sleep(time.Millisecond) {
			w, err = os.OpenFile(late, os.O_WRONLY|unix.O_NONBLOCK, 0)
		}
		if err == nil {
			_, err = w.WriteString("secret")
			err = errors.Join(err, w.Close())
		}
		if err != nil {
			t.Errorf("writing late: %v", err)
		}
	}()
	for what, path := range map[string]string{"a file": file, "a pipe": piped("secret"), "one with a name": late} {
		if got, err := ReadSecret(path, 6); err != nil || !bytes.Equal(got, []byte("secret")) {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	others, another := filepath.Join(dir, "others"), filepath.Join(dir, "another")
	must(errors.Join(os.WriteFile(others, []byte("secret"), 0o600), os.Chmod(others, 0o755))) // as on FAT
	must(errors.Join(unix.Mkfifo(another, 0o600), os.Chown(another, 12345, 0)))
	for what, c := range map[string]struct {
		path string
		want error
	}{
		"a file that others may read": {others, ErrExposed}, "a pipe that others may read": {named(0o644), ErrExposed}, "another user's pipe": {another, ErrExposed},
		"a file that is longer": {file, ErrKey}, "a pipe that is longer": {piped("secret"), ErrKey}, "a folder": {dir, ErrKey}, "a device": {"/dev/null", ErrKey},
		"none": {filepath.Join(dir, "none"), os.ErrNotExist},
	} {
		if got, err := ReadSecret(c.path, 5); !errors.Is(err, c.want) || len(got) > 0 {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
}
