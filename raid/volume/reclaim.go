package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/dgraph-io/badger/v4"
)

const (
	// discardRatio is how much of a value log must be worth nothing before it is written again.
	discardRatio = 0.2
	// flushWait bounds how long Badger may take to make a table of a memtable.
	flushWait = 2 * time.Minute
	// flushValue and flushOps are the values that push a memtable out.
	flushValue = 1000
	flushOps   = 8000
)

// Reclaim is how far giving space back is.
type Reclaim struct {
	Running bool   `json:"running"`
	Before  int64  `json:"before"`           // bytes that the volume's files took
	After   int64  `json:"after"`            // and take now, once it is over
	Logs    int    `json:"logs"`             // value logs written again without what is worth nothing
	Rotten  bool   `json:"rotten,omitempty"` // refused: a value log is damaged
	Error   string `json:"error,omitempty"`
}

// reclaim begins to give the space of values removed or replaced back to the file system; it goes on
// beside reading and writing. Both locks are held, life shared.
func (s *server) reclaim() error {
	if s.db == nil || s.sb.Mark != Ready || s.failed != nil {
		return fmt.Errorf("%w: space is given back by a volume in service alone", ErrRefused)
	}
	if s.giving != nil && s.giving.Running {
		return fmt.Errorf("%w: it is giving space back already", ErrRefused)
	}
	s.giving = &Reclaim{Running: true}
	g := &giver{s: s, db: s.db, dir: databaseDir(s.dir, s.sb.Generation)}
	go func() {
		r := s.giveBack(g)
		s.mu.Lock()
		s.giving = &r
		s.mu.Unlock()
	}()
	return nil
}

// giveBack does it, in this order. A crash at any point leaves a database like any other: Badger
// removes a log only after what lived in it was written again and synced.
//
//  1. Every sealed value log is read to its end. One that is damaged refuses all: Badger throws away
//     what lies behind a damage, and says nothing.
//  2. What is in memory is made a table, and the tables are merged into one level: only then does
//     Badger know how much of each log is worth nothing.
//  3. Log by log, each read once more just before, Badger writes what lives again and removes the rest.
func (s *server) giveBack(g *giver) (r Reclaim) {
	var err error
	if r.Before, err = used(s.dir); err == nil {
		err = g.checkAll()
	}
	if err == nil {
		err = g.settle()
	}
	if err == nil {
		r.Logs, err = g.collect()
	}
	r.Rotten = errors.Is(err, ErrRotten)
	after, uerr := used(s.dir)
	if err = errors.Join(err, uerr); err != nil {
		r.Error = err.Error()
		s.log.Warn("giving space back", "error", err)
	}
	r.After = after
	return r
}

// giver is one reclaim at work.
type giver struct {
	s   *server
	db  *database
	dir string // of the database
}

// errLeaving ends a reclaim whose volume is being closed.
var errLeaving = errors.New("the volume is being closed")

// step does something with Badger, which is not closed meanwhile; a complaint of Badger's fails the
// volume as it does after a commit.
func (g *giver) step(do func(*badger.DB) error) error {
	g.s.life.RLock()
	defer g.s.life.RUnlock()
	if g.s.leaving.Load() || g.s.db != g.db {
		return errLeaving
	}
	err := do(g.db.db)
	if doubt := g.db.complaint(); doubt != nil {
		g.s.fail(doubt)
		return doubt
	}
	return err
}

// checkAll reads every sealed value log.
func (g *giver) checkAll() error {
	logs, err := sealedLogs(g.dir)
	if err != nil {
		return err
	}
	for _, log := range logs {
		if g.s.leaving.Load() {
			return errLeaving
		}
		if _, err := checkLog(log); err != nil {
			return err
		}
	}
	return nil
}

// settle makes a table of what is in memory, and one level of all tables.
func (g *giver) settle() error {
	if err := g.s.space.room(2 * memTableSize); err != nil {
		return err
	}
	current, err := filepath.Glob(filepath.Join(g.dir, "*.mem"))
	if err != nil {
		return err
	}
	for n := 0; n <= memTableSize/flushValue; n += flushOps {
		if err := g.junk(n, flushOps, flushValue); err != nil {
			return fmt.Errorf("pushing out what is in memory: %w", err)
		}
	}
	if err := g.gone(current); err != nil {
		return err
	}
	return g.step(func(db *badger.DB) error { return db.Flatten(1) })
}

// junk writes entries that expired long ago: nobody ever sees them, and they go when tables are merged.
func (g *giver) junk(from, count, size int) error {
	value := make([]byte, size)
	return g.step(func(db *badger.DB) error {
		txn := db.NewTransaction(true)
		defer txn.Discard()
		for i := range count {
			e := badger.NewEntry(fmt.Appendf(nil, "%cf%06d", MetaPrefix, from+i), value)
			e.ExpiresAt = 1
			if err := txn.SetEntry(e); err != nil {
				return err
			}
		}
		err := txn.Commit()
		if err != nil { // nobody can say what is on the disk
			g.s.fail(fmt.Errorf("committing: %w", err))
		}
		return err
	})
}

// gone waits until files are: Badger removes the log of a memtable once its table is synced.
func (g *giver) gone(files []string) error {
	for end := time.Now().Add(flushWait); ; time.Sleep(20 * time.Millisecond) { //nolint:forbidigo // monotonic
		left := slices.ContainsFunc(files, func(name string) bool { _, err := os.Stat(name); return err == nil })
		switch {
		case !left:
			return nil
		case g.s.leaving.Load():
			return errLeaving
		case time.Now().After(end): //nolint:forbidigo // monotonic
			return errors.New("badger does not make a table of what is in memory")
		}
	}
}

// collect has Badger write its logs again, one after the other, until it finds none worth it.
func (g *giver) collect() (logs int, err error) {
	for {
		log, discarded, err := candidate(g.dir)
		if err != nil || log == "" {
			return logs, err
		}
		if sealed, err := sealedLogs(g.dir); err != nil || !slices.Contains(sealed, log) {
			// Badger never touches the newest, nor any other while the newest has most to give.
			if err = errors.Join(err, g.rotate(log)); err != nil {
				return logs, err
			}
		}
		size, err := checkLog(log)
		if err != nil {
			return logs, err
		}
		if err := g.s.space.room(max(0, size-discarded) + memTableSize/4); err != nil {
			return logs, err
		}
		err = g.step(func(db *badger.DB) error { return db.RunValueLogGC(discardRatio) })
		if errors.Is(err, badger.ErrNoRewrite) {
			return logs, nil
		}
		if err != nil {
			return logs, fmt.Errorf("writing %s again: %w", filepath.Base(log), err)
		}
		logs++
	}
}

// rotate fills the newest value log up, so that Badger begins another.
func (g *giver) rotate(newest string) error {
	if err := g.s.space.room(valueLogSize + memTableSize/4); err != nil {
		return err
	}
	for range valueLogSize/(8<<20) + 2 {
		if err := g.junk(0, 8, 1<<20); err != nil {
			return fmt.Errorf("filling the newest value log up: %w", err)
		}
		if sealed, err := sealedLogs(g.dir); err != nil || slices.Contains(sealed, newest) {
			return err
		}
	}
	return errors.New("badger does not begin another value log")
}

// used is how many bytes the files below a directory take.
func used(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // Badger removed it
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		fi, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if st, ok := fi.Sys().(*syscall.Stat_t); ok {
			bytes += st.Blocks * 512
		}
		return nil
	})
	return bytes, err
}

// measured is the state with the bytes that the volume's files take. Both locks are held.
func (s *server) measured() (State, error) {
	st := s.state()
	var err error
	st.Used, err = used(s.dir)
	return st, err
}
