package volume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockWait is how long a volume waits for the process before it to let go: closing Badger may
// take seconds after the mirror that owned it was killed.
const lockWait = 20 * time.Second

// hold is the lock file of an open volume: it keeps other processes out, and it tells whether the
// directory is still the one that was opened.
type hold struct {
	f    *os.File
	path string
	dev  uint64
	ino  uint64
}

// lockDir takes the volume's lock, waiting a while for a predecessor on its way out.
func lockDir(ctx context.Context, dir string) (*hold, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600) // #nosec G304 -- our own directory
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("locking %q: %w", path, err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%w: %q", ErrLocked, dir), f.Close())
		case <-time.After(20 * time.Millisecond):
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &hold{f: f, path: path, dev: st.Dev, ino: st.Ino}, nil
}

// same checks that the path still leads to the directory that was opened: after a lazy unmount
// writes would go on into a file system nobody will mount again.
func (h *hold) same() error {
	var st unix.Stat_t
	if err := unix.Lstat(h.path, &st); err != nil {
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
			return fmt.Errorf("%w: %w", ErrUnmounted, err)
		}
		return fmt.Errorf("looking at the volume's directory: %w", err)
	}
	if st.Dev != h.dev || st.Ino != h.ino {
		return fmt.Errorf("%w: %q", ErrUnmounted, h.path)
	}
	return nil
}

func (h *hold) close() error { return h.f.Close() }
