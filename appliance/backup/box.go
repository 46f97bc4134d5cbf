package backup

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of a box.
const (
	maxBoxFiles = 10000
	maxBoxFile  = 16 << 20
	maxBox      = 256 << 20
)

var boxName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){0,8}$`)

// Put adds a file to a box; one that is not there is left out.
func Put(w *tar.Writer, name, path string) error { return put(w, name, path, 0) }

// PutOwn adds a file of a folder in which another user writes. A link is refused: who made it may not be
// allowed to read what it leads to, and whoever opens the backup is.
func PutOwn(w *tar.Writer, name, path string) error { return put(w, name, path, unix.O_NOFOLLOW) }

// put looks at what it has opened: nobody can exchange that any more. A pipe is not waited for.
func put(w *tar.Writer, name, path string, flags int) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|flags, 0) // #nosec G304 -- named by the configuration
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > maxBoxFile || !boxName.MatchString(name) {
		return fmt.Errorf("%q cannot be put into a backup: %w", path, fs.ErrInvalid)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxBoxFile+1))
	if err != nil {
		return err
	}
	if len(b) > maxBoxFile {
		return fmt.Errorf("%q grew: %w", path, fs.ErrInvalid)
	}
	err = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(b)), Mode: 0o600, ModTime: info.ModTime().Truncate(time.Second), Format: tar.FormatPAX})
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// boxWriter refuses a box that no restoring would read.
type boxWriter struct {
	w    io.Writer
	size int64
}

func (b *boxWriter) Write(p []byte) (int, error) {
	if b.size += int64(len(p)); b.size >= maxBox {
		return 0, fmt.Errorf("configuration and public material are %d MiB or more: %w", maxBox>>20, fs.ErrInvalid)
	}
	return b.w.Write(p)
}

// Unbox writes the configuration and the public material of a chain's last backup into a folder, which must
// be empty or not there, and gives the names. Only plain files of plain names come out.
func (c *Chain) Unbox(open Opener, to string) (names []string, err error) {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return nil, err
	}
	if there, err := os.ReadDir(to); err != nil || len(there) > 0 {
		return nil, errors.Join(fmt.Errorf("%q is not empty: %w", to, fs.ErrExist), err)
	}
	err = c.unbox(open, func(name string, content []byte) error {
		path := filepath.Join(to, filepath.FromSlash(name))
		names = append(names, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- a checked name below the folder
		if err != nil {
			return err
		}
		_, err = f.Write(content)
		return errors.Join(err, f.Sync(), f.Close())
	})
	return names, err
}

// unbox gives the files of the last backup's box, one after the other.
func (c *Chain) unbox(open Opener, file func(name string, content []byte) error) error {
	k := c.links[len(c.links)-1]
	key, err := c.key(k, open)
	if err != nil {
		return err
	}
	r, done, err := c.plain(k, kindBox, []File{k.Box}, key)
	if err != nil {
		return err
	}
	defer done()
	if err := readBox(r, file); err != nil {
		return fmt.Errorf("number %d, %s: %w", k.Number, kindBox, err)
	}
	return nil
}

func readBox(r io.Reader, file func(name string, content []byte) error) error {
	limited := &io.LimitedReader{R: r, N: maxBox}
	in := tar.NewReader(limited)
	for range maxBoxFiles {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			_, err := io.Copy(io.Discard, limited) // to the authenticated end
			if limited.N == 0 {
				return fmt.Errorf("%w: more than %d bytes", ErrBroken, maxBox)
			}
			return err
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrBroken, err)
		}
		if h.Typeflag != tar.TypeReg || h.Size > maxBoxFile || !boxName.MatchString(h.Name) {
			return fmt.Errorf("%w: a file %.80q of %d bytes", ErrBroken, h.Name, h.Size)
		}
		content, err := io.ReadAll(io.LimitReader(in, maxBoxFile+1))
		if err != nil || int64(len(content)) != h.Size {
			return errors.Join(fmt.Errorf("%w: %s is cut off", ErrBroken, h.Name), err)
		}
		if err := file(h.Name, content); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: more than %d files", ErrBroken, maxBoxFiles)
}

// File gives one file of the last backup's box.
func (c *Chain) File(open Opener, name string) (found []byte, err error) {
	err = c.unbox(open, func(n string, content []byte) error {
		if n == name {
			found = content
		}
		return nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("%w: no %s in the box", ErrBroken, name)
	}
	return found, err
}
