package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// erase makes the volume hold nothing. The mark comes first: a crash within leaves databases that
// are removed when the volume is opened next, and none that could be taken for contents.
func (s *server) erase() error {
	if err := s.abandon(); err != nil {
		return err
	}
	next := s.sb
	next.Building, next.Filling, next.Open, next.Audit = 0, nil, false, false
	next.setMark(Empty, "")
	if err := s.replace(next); err != nil {
		return err
	}
	s.failed = nil
	return s.removeAll()
}

// removeAll removes every database, the copies of tails and the heads of an empty volume.
func (s *server) removeAll() error {
	names, err := databases(s.dir)
	for _, name := range names {
		err = errors.Join(err, os.RemoveAll(name))
	}
	ring, rerr := createRing(filepath.Join(s.dir, "heads"))
	if rerr == nil {
		rerr = ring.close()
	}
	return errors.Join(err, rerr, dropCopies(s.dir), syncDir(s.dir))
}

// trust takes what the volume holds as whole, since persons chose it: a volume that failed, that
// was being brought up, or whose ring proves more than its Badger has. Done again after a crash it
// comes to the same.
func (s *server) trust() error {
	if s.sb.Mark == Rebuilding || s.sb.Mark == Empty {
		return fmt.Errorf("%w: a volume marked %q holds nothing to trust", ErrRefused, s.sb.Mark)
	}
	if s.failed != nil {
		return fmt.Errorf("%w: a failed volume is trusted by a new process", ErrRefused)
	}
	if s.db == nil {
		if err := s.openAgain(); err != nil {
			return err
		}
	}
	if s.opened.Sequence > s.head.Sequence {
		if err := errors.Join(s.ring.clear(), s.ring.put(s.head)); err != nil {
			return err
		}
		s.opened = s.head
	}
	next := s.sb
	next.Audit = true
	next.setMark(Ready, "")
	return s.replace(next)
}

// openAgain opens the database of a volume that failed. After a failed sync the kernel's cache may
// hold what the disk does not, and no later sync would say so: what is not on the disk goes first,
// so that Badger, its ring and the audit of the tail see what is really there.
func (s *server) openAgain() error {
	names, err := filepath.Glob(filepath.Join(databaseDir(s.dir, s.sb.Generation), "*"))
	if err != nil {
		return err
	}
	for _, name := range append(names, filepath.Join(s.dir, "heads")) {
		if err := forget(name); err != nil {
			return err
		}
	}
	return s.openDatabase()
}

// forget drops a file's clean pages from the kernel's cache.
func forget(path string) error {
	f, err := os.Open(path) // #nosec G304 -- our own directory
	if err != nil {
		return err
	}
	err = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	return errors.Join(err, f.Close())
}
