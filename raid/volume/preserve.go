package volume

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// beforeDir is where the copies of one unclean stop lie.
const beforeDir = "before"

// preserve copies what Badger truncates by itself when it opens after an unclean stop: the
// write-ahead logs and the newest value log. Copies already there are kept (the first ones are the
// undamaged ones). Without room it does without, and says so.
func preserve(dir, database string) (copied bool, err error) {
	to := filepath.Join(dir, beforeDir)
	if _, err := os.Stat(to); err == nil {
		return false, nil
	}
	names, err := tail(database)
	if err != nil || len(names) == 0 {
		return false, err
	}
	tmp := to + ".new"
	if err := errors.Join(os.RemoveAll(tmp), os.Mkdir(tmp, 0o700)); err != nil {
		return false, err
	}
	for _, name := range names {
		if err := copyExtents(filepath.Join(database, name), filepath.Join(tmp, name)); err != nil {
			return false, errors.Join(fmt.Errorf("copying %q aside: %w", name, err), os.RemoveAll(tmp))
		}
	}
	return true, errors.Join(os.Rename(tmp, to), syncDir(dir))
}

// tail names the write-ahead logs and the newest value log of a database.
func tail(database string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(database, "*.mem"))
	if err != nil {
		return nil, err
	}
	logs, err := filepath.Glob(filepath.Join(database, "*.vlog"))
	if err != nil {
		return nil, err
	}
	if len(logs) > 0 {
		names = append(names, slices.Max(logs))
	}
	for i := range names {
		names[i] = filepath.Base(names[i])
	}
	return names, nil
}

// copyExtents copies a file: a reflink where the file system has them, else its data without the
// holes (Badger's logs are mostly hole).
func copyExtents(from, to string) (err error) {
	src, err := os.Open(from) // #nosec G304 -- our own directory
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- our own directory
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	if unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())) == nil {
		return nil
	}
	fi, err := src.Stat()
	if err != nil {
		return err
	}
	if err := dst.Truncate(fi.Size()); err != nil {
		return err
	}
	for at := int64(0); at < fi.Size(); {
		data, err := unix.Seek(int(src.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil
		}
		hole, err2 := unix.Seek(int(src.Fd()), data, unix.SEEK_HOLE)
		if err = errors.Join(err, err2); err != nil {
			return err
		}
		if _, err := io.Copy(io.NewOffsetWriter(dst, data), io.NewSectionReader(src, data, hole-data)); err != nil {
			return err
		}
		at = hole
	}
	return nil
}

// dropCopies removes the copies once the tail was audited.
func dropCopies(dir string) error {
	err := os.RemoveAll(filepath.Join(dir, beforeDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
