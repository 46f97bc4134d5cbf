package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
)

// open opens Badger of the current generation. Both locks are held.
func (s *server) open() error {
	if s.db != nil {
		return nil
	}
	if s.sb.Mark == Failed {
		return fmt.Errorf("%w: %s", ErrWillNotOpen, s.sb.Reason)
	}
	if s.sb.Mark == Empty {
		// Also what an erasure cut short left.
		return errors.Join(fmt.Errorf("%w: it is empty", ErrWillNotOpen), s.removeAll())
	}
	if s.sb.Mark == Rebuilding {
		return fmt.Errorf("%w: its rebuild was not finished", ErrWillNotOpen)
	}
	return s.openDatabase()
}

// openDatabase opens Badger whatever the mark.
func (s *server) openDatabase() error {
	if _, err := s.space.dropBallast(); err != nil {
		return err
	}
	database := databaseDir(s.dir, s.sb.Generation)
	damaged := s.cutAhead(database)
	if s.sb.Open || damaged {
		s.preserve(database)
		s.sb.Audit = true
	}
	ring, newest, err := openRing(filepath.Join(s.dir, "heads"))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrWillNotOpen, err)
	}
	s.removeOld()
	s.sb.Open = true
	if err := s.sb.save(s.dir); err != nil {
		return errors.Join(err, ring.close())
	}
	if err := dropUnborn(database); err != nil {
		return errors.Join(err, ring.close())
	}
	db, err := openDatabase(database, s.log)
	if err != nil {
		return errors.Join(err, ring.close())
	}
	// A crash between Badger's commit and the ring's write leaves Badger one ahead: the batch was
	// not acknowledged by this volume, and is as good as any other now.
	if db.head.Sequence > newest.Sequence {
		if err := ring.put(db.head); err != nil {
			return errors.Join(err, ring.close())
		}
		newest = db.head
	}
	s.db, s.ring, s.opened, s.head, s.oldest = db, ring, newest, db.head, db.oldest
	if err := s.space.keepBallast(); err != nil {
		s.log.Warn("no ballast kept", "error", err)
	}
	return nil
}

// cutAhead says whether Badger will cut its newest value log off, though it was closed cleanly: it
// does so at every opening, at the first entry that is damaged, and says nothing. A value repaired in
// a running volume leaves such an entry behind, with good ones after it.
func (s *server) cutAhead(database string) bool {
	log, err := newestLog(database)
	good := int64(0)
	if err == nil && log != "" {
		good, err = checkLog(log)
	}
	if err == nil {
		return false
	}
	if s.cut, _ = behind(log, good); s.cut > 0 {
		s.log.Warn("the newest value log does not read to its end", "error", err, "behind", s.cut)
	}
	return true
}

// dropUnborn removes write-ahead logs of no length. Badger makes one when it opens, and cuts one whose
// entries are in a table to nothing before it removes it; killed in between it would refuse to open the
// next time. There is nothing in it.
func dropUnborn(database string) error {
	logs, err := filepath.Glob(filepath.Join(database, "*.mem"))
	for _, name := range logs {
		if fi, serr := os.Stat(name); serr == nil && fi.Size() == 0 {
			err = errors.Join(err, os.Remove(name))
		}
	}
	return err
}

// removeOld removes databases a finished rebuild left behind.
func (s *server) removeOld() {
	names, err := databases(s.dir)
	if err != nil {
		return
	}
	for _, name := range names {
		if name != databaseDir(s.dir, s.sb.Generation) {
			s.log.Info("removing an old database", "path", name, "error", os.RemoveAll(name))
		}
	}
}

// preserve copies the tail aside if there is room above the floor; a failure is only said.
func (s *server) preserve(database string) {
	free, _, err := s.space.statfs()
	if err == nil && free < s.space.minFree+valueLogSize+2*memTableSize {
		s.log.Warn("no room to copy the tail aside before opening", "free", free)
		return
	}
	copied, err := preserve(s.dir, database)
	switch {
	case err != nil:
		s.log.Warn("copying the tail aside before opening", "error", err)
	case copied:
		s.log.Info("tail copied aside before opening after an unclean stop")
	}
}

// Build names the program both ends must share, from its build information.
func Build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	build := info.GoVersion + " " + info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" || s.Key == "vcs.modified" {
			build += " " + s.Value
		}
	}
	return build
}
