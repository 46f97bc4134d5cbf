package volume

import (
	"errors"
	"fmt"
	"path/filepath"
)

// Filling is how far the copy into a rebuilding database certainly is, so that an interrupted one goes
// on instead of beginning again. Certainly: the mirror sets the cursor so far behind what was written
// that nothing Badger may drop in an unclean stop lies before it.
type Filling struct {
	Base   Head   `json:"base"`   // what the copy will hold, once the batches after it are replayed
	Cursor []byte `json:"cursor"` // the last key certainly copied, in order of keys; empty: none
	Bytes  int64  `json:"bytes"`  // copied up to there
	MAC    Digest `json:"mac"`    // the mirror's word for it
}

// openBuilding opens the database that is being filled, with a ring that knows no head.
func (s *server) openBuilding() error {
	ring, _, err := openRing(filepath.Join(s.dir, "heads"))
	if err != nil {
		if ring, err = createRing(filepath.Join(s.dir, "heads")); err != nil {
			return err
		}
	}
	if err := ring.clear(); err != nil {
		return errors.Join(err, ring.close())
	}
	database := databaseDir(s.dir, s.sb.Building)
	if err := dropUnborn(database); err != nil {
		return errors.Join(err, ring.close())
	}
	db, err := openDatabase(database, s.log)
	if err != nil {
		return errors.Join(err, ring.close())
	}
	s.db, s.ring, s.opened, s.head, s.oldest = db, ring, Head{}, db.head, db.oldest
	return nil
}

// resume opens what an interrupted copy has filled so far. Nothing changes on the disk but the ring,
// which holds nothing of worth until the copy has a head.
func (s *server) resume() error {
	if s.sb.Mark != Rebuilding || s.sb.Building == 0 || s.sb.Filling == nil || s.db != nil || s.failed != nil {
		return fmt.Errorf("%w: no copy to go on with on a volume marked %q", ErrRefused, s.sb.Mark)
	}
	if _, err := s.space.dropBallast(); err != nil {
		return err
	}
	return s.openBuilding()
}

// cursor records how far the copy is. A crash leaves the old cursor or the new one.
func (s *server) cursor(f *Filling) error {
	if s.db == nil || s.sb.Mark != Rebuilding || s.sb.Filling == nil || f == nil || f.Base != s.sb.Filling.Base {
		return fmt.Errorf("%w: a cursor for a volume marked %q", ErrRefused, s.sb.Mark)
	}
	next := s.sb
	next.Filling = f
	return s.replace(next)
}
