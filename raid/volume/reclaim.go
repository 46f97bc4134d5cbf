package volume

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"

	"github.com/dgraph-io/badger/v4"
)

const (
	// discardRatio is how much of a value log must be worth nothing before it is written again.
	discardRatio = 0.2
	// junkOps and junkValue are what is written at a time to fill a value log up.
	junkOps   = 8
	junkValue = 1 << 20
)

// Reclaim is how far giving space back is.
type Reclaim struct {
	Running bool   `json:"running"`
	Before  int64  `json:"before"`           // bytes that the volume's files took
	After   int64  `json:"after"`            // and take now, once it is over
	Logs    int    `json:"logs"`             // value logs written again without what is worth nothing
	Rotten  bool   `json:"rotten,omitempty"` // refused: a value log is damaged
	Full    bool   `json:"full,omitempty"`   // stopped: the disk has no room for writing logs again
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
//  3. Log by log, each read once more when Badger has picked it, Badger writes what lives again and
//     removes the rest.
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
	r.Rotten, r.Full = errors.Is(err, ErrRotten), errors.Is(err, ErrNoSpace)
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

// settle makes a table of what is in memory, and one level of all tables. Badger does the first, and
// takes the tables out of the level in which it would leave them, only to drop a prefix: so it gets one
// that holds a single key of no meaning. Writes wait meanwhile; reads do too, inside Badger.
func (g *giver) settle() error {
	if err := g.s.space.room(2 * memTableSize); err != nil {
		return err
	}
	err := g.step(func(db *badger.DB) error {
		g.s.commits.Lock()
		defer g.s.commits.Unlock()
		if _, err := g.db.commit([]Op{{Key: junkKey(0), Value: []byte{1}}}, nil); err != nil {
			g.s.fail(err)
			return err
		}
		return db.DropPrefix(junkPrefix)
	})
	if err != nil {
		return fmt.Errorf("making a table of what is in memory: %w", err)
	}
	if err := g.step(func(db *badger.DB) error { return db.Flatten(1) }); err != nil {
		return fmt.Errorf("merging the tables: %w", err)
	}
	return nil
}

// junkPrefix begins keys that mean nothing and that nobody ever sees.
var junkPrefix = []byte{MetaPrefix, 'f'}

func junkKey(n int) []byte { return binary.BigEndian.AppendUint32(junkPrefix, uint32(n)) } // #nosec G115 -- small

// junk writes values that expired long ago, which nobody ever sees, into the newest value log.
func (g *giver) junk() error {
	return g.step(func(*badger.DB) error {
		g.s.commits.Lock()
		defer g.s.commits.Unlock()
		txn := g.db.db.NewTransaction(true)
		defer txn.Discard()
		value := make([]byte, junkValue)
		for i := range junkOps {
			e := badger.NewEntry(junkKey(i), value)
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

// collect has Badger write its logs again, one after the other, until it finds none worth it.
func (g *giver) collect() (logs int, err error) {
	for {
		log, err := candidate(g.dir)
		if err != nil || log == "" {
			return logs, err
		}
		if sealed, err := sealedLogs(g.dir); err != nil || !slices.Contains(sealed, log) {
			// Badger never touches the newest, nor any other while the newest has most to give.
			if err = errors.Join(err, g.rotate(log)); err != nil {
				return logs, err
			}
		}
		err = g.step(g.rewrite)
		if errors.Is(err, badger.ErrNoRewrite) {
			return logs, nil
		}
		if err != nil {
			return logs, fmt.Errorf("writing a value log again: %w", err)
		}
		logs++
	}
}

// rewrite has Badger write one value log again: the one it picks, which is another than the candidate when
// a merge of tables ends in between. Badger says which before it reads it, and waits there until that very
// log was read to its end. There is no way to tell it no: its goroutine ends in its tracks, where it
// holds nothing but what its deferred calls give back, and the log stays as it is.
func (g *giver) rewrite(db *badger.DB) error {
	err := fmt.Errorf("%w: badger does not say which", ErrRefused)
	over := make(chan struct{})
	check := func(fid string) {
		if err = g.check(fid); err != nil {
			runtime.Goexit()
		}
	}
	g.db.hook.check.Store(&check)
	defer g.db.hook.check.Store(nil)
	go func() {
		defer close(over)
		err = db.RunValueLogGC(discardRatio)
	}()
	<-over
	return err
}

// check refuses a value log that is damaged, or that the disk has no room to write again.
func (g *giver) check(fid string) error {
	number, err := strconv.ParseUint(fid, 10, 32)
	if err != nil {
		return fmt.Errorf("%w: badger is about to write %.40q again", ErrRefused, fid)
	}
	size, err := checkLog(logPath(g.dir, number))
	if err != nil {
		return err
	}
	worthless, err := discards(g.dir)
	if err != nil {
		return err
	}
	return g.s.space.room(max(0, size-worthless[number]) + memTableSize/4)
}

// rotate fills the newest value log up, so that Badger begins another.
func (g *giver) rotate(newest string) error {
	if err := g.s.space.room(valueLogSize + memTableSize/4); err != nil {
		return err
	}
	for range valueLogSize/(junkOps*junkValue) + 2 {
		if err := g.junk(); err != nil {
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
