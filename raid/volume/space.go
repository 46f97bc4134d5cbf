package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// DefaultMinFree is the floor of free space when none is configured.
const DefaultMinFree = 256 << 20

// space watches the file system of a volume. Badger writes through memory maps, so a full disk is
// a SIGBUS, not an error: no batch is begun that could come near.
type space struct {
	dir     string
	minFree int64
}

// statfs gives the bytes an unprivileged writer may still use, and the size of the file system.
func (s space) statfs() (free, size int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil {
		return 0, 0, fmt.Errorf("asking for the free space: %w", err)
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize, nil // #nosec G115 -- block counts
}

// admit refuses a batch that could leave less than the floor. A byte of a batch may be written
// three times before anything is given back: value log or write-ahead log, table, compaction.
func (s space) admit(bytes int64) error {
	if err := s.writable(); err != nil {
		return err
	}
	free, _, err := s.statfs()
	if err != nil {
		return err
	}
	if need := s.minFree + 3*bytes; free < need {
		return fmt.Errorf("%w: %d MiB free, %d wanted", ErrNoSpace, free>>20, need>>20)
	}
	return nil
}

// room refuses what the volume does for itself if it could leave less than half the floor.
func (s space) room(bytes int64) error {
	free, _, err := s.statfs()
	if err != nil {
		return err
	}
	if need := s.minFree/2 + bytes; free < need {
		return fmt.Errorf("%w: %d MiB free, %d wanted", ErrNoSpace, free>>20, need>>20)
	}
	return nil
}

func (s space) ballast() string { return filepath.Join(s.dir, "ballast") }

// keepBallast sets aside a quarter of the floor, if there is room.
func (s space) keepBallast() error {
	size := s.minFree / 4
	if fi, err := os.Stat(s.ballast()); err == nil && fi.Size() == size {
		return nil
	}
	free, _, err := s.statfs()
	if err != nil || free < s.minFree+2*size {
		return err
	}
	f, err := os.OpenFile(s.ballast(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(f.Fd()), 0, 0, size)
	if err != nil { // file systems without fallocate go without ballast
		return errors.Join(f.Close(), os.Remove(s.ballast()))
	}
	return errors.Join(f.Sync(), f.Close())
}

// tend gives the ballast back when others have filled the disk, so that what Badger does in the
// background does not die of it, and sets it aside again when there is room.
func (s space) tend(log *slog.Logger) error {
	if s.minFree <= 0 {
		return nil // not opened yet
	}
	dropped, err := s.dropBallast()
	if err == nil && !dropped {
		err = s.keepBallast()
	}
	switch {
	case err != nil:
		log.Warn("tending the ballast", "error", err)
	case dropped:
		log.Warn("the ballast was given back: the disk is nearly full")
	}
	return err
}

// dropBallast gives the ballast back when less than half the floor is free, so that Badger has
// room to open.
func (s space) dropBallast() (bool, error) {
	free, _, err := s.statfs()
	if err != nil || free >= s.minFree/2 {
		return false, err
	}
	err = os.Remove(s.ballast())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
