package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func (t *taking) commit(ctx context.Context, m Manifest, why string) error {
	m, err := t.safe.Seal(ctx, m)
	if err != nil {
		return err
	}
	text, err := m.Encode()
	if err != nil {
		return err
	}
	name := nameOf(m.Number, kindManifest)
	if _, err := t.m.write(name, text); err != nil {
		return err
	}
	if err := t.m.commit(name); err != nil {
		return err
	}
	t.done = Taken{Manifest: m, Digest: Digest(text), Why: cmp.Or(why, t.why)}
	// Every number of the folder hangs on the keys of this one from here on: they must read back first.
	for _, f := range []File{m.Envelope, m.Keys, m.Box, {Name: name, Size: int64(len(text)), SHA256: t.done.Digest}} {
		if err := readBack(t.o.Dir, f); err != nil {
			return fmt.Errorf("the backup was written, and does not read back; the keys of the one before stay: %w", err)
		}
	}
	t.done.Swept, err = supersede(t.o.Dir, t.own)
	return err
}

// readBack reads a file as the medium has it, not the memory of this machine.
func readBack(dir string, f File) error {
	if err := forget(dir, f); err != nil {
		return err
	}
	p := &parts{dir: dir, left: []File{f}}
	defer p.close()
	_, err := io.Copy(io.Discard, p)
	return err
}

// forget has this machine's memory drop what it holds of a file.
func forget(dir string, f File) error {
	open, _, err := openPlain(filepath.Join(dir, f.Name))
	if err != nil {
		return err
	}
	err = unix.Fadvise(int(open.Fd()), 0, 0, unix.FADV_DONTNEED) // #nosec G115 -- a descriptor fits
	return mediumError(errors.Join(err, open.Close()))
}

// supersede takes away the files of keys of earlier backups of this safe: what was destroyed in the safe since must
// not come back from them. On flash that is no erasure; DESIGN.md says what is.
func supersede(dir string, own []uint64) (n int, err error) {
	for _, number := range own {
		err := os.Remove(filepath.Join(dir, partOf(number, kindKeys, 1)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return n, mediumError(err)
		}
		if err == nil {
			n++
		}
	}
	return n, syncDir(dir)
}
