package volume

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Trouble is why a volume should take no more writes, found without a write of the mirror's.
type Trouble string

// The troubles.
const (
	TroubleUnmounted Trouble = "unmounted" // its path leads elsewhere than when it was opened
	TroubleReadOnly  Trouble = "read-only" // its file system was mounted again read-only
	TroubleDisk      Trouble = "disk"      // its file system takes no byte, or Badger complained
)

// trouble looks whether the volume could still write. life is held shared at least, and mu.
func (s *server) trouble() (Trouble, string) {
	err := s.hold.same()
	if err == nil {
		err = s.space.writable()
	}
	if err == nil {
		err = s.hold.touch()
	}
	switch {
	case errors.Is(err, ErrUnmounted):
		return TroubleUnmounted, err.Error()
	case errors.Is(err, ErrReadOnly):
		return TroubleReadOnly, err.Error()
	case err != nil:
		return TroubleDisk, err.Error()
	case s.failed != nil:
		return TroubleDisk, s.failed.Error()
	}
	if s.db != nil {
		if err := s.db.complaint(); err != nil {
			s.failLocked(err) // for good: nobody may sync again what was not synced
			return TroubleDisk, err.Error()
		}
	}
	return "", ""
}

// touch writes a byte into the lock file, where nobody reads it: a file system that fell back to
// reading only does not always say so when it is asked. A full one is no trouble.
func (h *hold) touch() error {
	_, err := unix.Pwrite(int(h.f.Fd()), []byte{0}, 0)
	switch {
	case err == nil, errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return nil
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return fmt.Errorf("the volume's file system takes no byte: %w", err)
}

// writable is an error if the file system is mounted read-only.
func (s space) writable() error {
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil {
		return fmt.Errorf("asking for the state of the file system: %w", err)
	}
	if st.Flags&unix.ST_RDONLY != 0 {
		return ErrReadOnly
	}
	return nil
}
