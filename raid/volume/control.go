package volume

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// controls is the control lane: requests one after the other.
func (c *session) controls() {
	for j := range c.control {
		var answer []byte
		state, err := c.s.control(&j)
		if err == nil {
			answer, err = json.Marshal(state)
		}
		c.pool.put(j.Payload)
		if err != nil {
			err = c.reply(j.ID, LaneControl, encodeNo(No, err))
		} else {
			err = c.reply(j.ID, LaneControl, []byte{byte(Yes)}, answer)
		}
		if err != nil {
			_ = c.conn.Close()
		}
	}
}

// control carries out one request and gives the state after it. What it changes is durable when
// it answers.
func (s *server) control(j *job) (State, error) {
	var r Request
	if err := decodeStrict(j.Payload, &r); err != nil {
		return State{}, err
	}
	switch r.Act {
	case ActHello, ActRebuild, ActResume, ActHead, ActClose, ActErase, ActTrust:
		s.leaving.Store(r.Act == ActClose || s.leaving.Load())
		s.life.Lock()
		defer s.life.Unlock()
	default:
		s.life.RLock()
		defer s.life.RUnlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	switch r.Act {
	case ActStatus:
		if err := s.space.tend(s.log); errors.Is(err, unix.EIO) {
			s.failLocked(err) // a sync failed: none is tried again
		}
		st := s.state()
		st.Trouble, st.Detail = s.trouble()
		return st, nil
	case ActHello:
		return s.hello(&r)
	case ActDeclare:
		err = s.declare(&r)
	case ActMark:
		err = s.mark(r.Mark, r.Reason)
	case ActAudited:
		err = s.audited()
	case ActRebuild:
		err = s.rebuild(r.Reason, r.Head)
	case ActResume:
		err = s.resume()
	case ActCursor:
		err = s.cursor(r.Filling)
	case ActMeasure:
		return s.measured()
	case ActReclaim:
		err = s.reclaim()
	case ActHead:
		err = s.setHead(r.Head)
	case ActFinish:
		err = s.finish()
	case ActClose:
		err = s.closeLocked()
	case ActErase:
		err = s.erase()
	case ActTrust:
		err = s.trust()
	default:
		err = fmt.Errorf("%w: unknown request %q", ErrRefused, r.Act)
	}
	return s.state(), err
}

// hello opens Badger. A database that does not open is told in the state, not as an error: the
// volume stays to be rebuilt.
func (s *server) hello(r *Request) (State, error) {
	if r.Protocol != Protocol || r.Build != Build() {
		return State{}, fmt.Errorf("%w: it is build %q, protocol %d, not %q, %d",
			ErrRefused, Build(), Protocol, r.Build, r.Protocol)
	}
	if s.space.minFree = r.MinFree; s.space.minFree <= 0 {
		s.space.minFree = DefaultMinFree
	}
	s.space.dir = s.dir
	var err error
	if !r.Shut {
		err = s.open()
	}
	st := s.state()
	st.Declared, st.MAC = &s.sb.Declared, s.sb.MAC
	if s.db == nil {
		if h, _, rerr := ReadHead(s.dir); rerr == nil {
			st.Ring = h
		}
	}
	if errors.Is(err, ErrWillNotOpen) {
		s.log.Error("database does not open", "error", err)
		st.Reason = err.Error()
		return st, nil
	}
	return st, err
}

// declare records what the mirror declares; it must go on from what is known, unless a mark says
// already that the volume is to be brought up to it.
func (s *server) declare(r *Request) error {
	if r.Declared == nil {
		return fmt.Errorf("%w: nothing is declared", ErrRefused)
	}
	d := *r.Declared
	if err := d.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	switch {
	case d.Set != s.sb.Set || d.Volume != s.sb.Volume:
		return fmt.Errorf("%w: it is declared for the volume %s", ErrRefused, d.Volume)
	case s.sb.Mark != Ready:
	case !d.History.Contains(s.sb.History):
		return fmt.Errorf("%w: a history without epoch %d", ErrRefused, s.sb.History.Last().Number)
	case d.Roster.Number < s.sb.Roster.Number:
		return fmt.Errorf("%w: roster %d after %d", ErrRefused, d.Roster.Number, s.sb.Roster.Number)
	}
	next := s.sb
	next.Declared, next.MAC = d, r.MAC
	return s.replace(next)
}

// mark records that the volume is being brought up (Syncing) or is whole again (Ready).
func (s *server) mark(m Mark, reason string) error {
	if s.db == nil || s.failed != nil || m != Syncing && m != Ready || s.sb.Mark == Rebuilding {
		return fmt.Errorf("%w: mark %q on a volume marked %q", ErrRefused, m, s.sb.Mark)
	}
	next := s.sb
	next.setMark(m, reason)
	if err := s.replace(next); err != nil {
		return err
	}
	if m == Syncing && s.opened.Sequence > s.head.Sequence {
		// The ring proves more than Badger has. Now that the mark says so, it begins anew.
		if err := errors.Join(s.ring.clear(), s.ring.put(s.head)); err != nil {
			return err
		}
		s.opened = s.head
	}
	return nil
}

// audited forgets the unclean stop.
func (s *server) audited() error {
	next := s.sb
	next.Audit = false
	if err := s.replace(next); err != nil {
		return err
	}
	return dropCopies(s.dir)
}

// rebuild begins an empty database of the next generation for a copy of what base names. Begun again
// after a crash, it begins from nothing again. The old database stays until finish.
func (s *server) rebuild(reason string, base Head) error {
	if err := s.abandon(); err != nil {
		return err
	}
	next := s.sb
	next.Building, next.Audit, next.Filling = s.sb.Generation+1, false, &Filling{Base: base}
	next.setMark(Rebuilding, reason)
	if err := s.replace(next); err != nil {
		return err
	}
	s.failed = nil
	if err := os.RemoveAll(databaseDir(s.dir, next.Building)); err != nil {
		return err
	}
	return s.openBuilding()
}

// abandon lets go of an open database. One that failed is left as it is: closing it may hang.
func (s *server) abandon() error {
	if s.db == nil {
		return nil
	}
	if s.failed != nil {
		return fmt.Errorf("%w: a failed volume is rebuilt by a new process", ErrRefused)
	}
	err := errors.Join(s.db.db.Close(), s.ring.close())
	s.db, s.ring = nil, nil
	return err
}

// setHead gives a rebuilding volume the head its copy began at.
func (s *server) setHead(h Head) error {
	if s.db == nil || s.sb.Mark != Rebuilding {
		return fmt.Errorf("%w: a head for a volume marked %q", ErrRefused, s.sb.Mark)
	}
	// An error leaves the mark: the rebuild begins again.
	if _, err := s.db.commit([]Op{{Key: headKey, Value: h.append(nil)}}, nil); err != nil {
		return err
	}
	if err := s.ring.put(h); err != nil {
		return err
	}
	if err := s.db.load(); err != nil {
		return err
	}
	s.head, s.oldest, s.opened = s.db.head, s.db.oldest, h
	return nil
}

// finish puts the rebuilt database in the old one's place. The superblock decides: a crash before
// it is written begins again, one after it leaves a directory that the next open removes.
func (s *server) finish() error {
	if s.db == nil || s.sb.Mark != Rebuilding {
		return fmt.Errorf("%w: nothing is being rebuilt", ErrRefused)
	}
	old := databaseDir(s.dir, s.sb.Generation)
	next := s.sb
	next.Generation, next.Building, next.Filling, next.Open = s.sb.Building, 0, nil, true
	next.setMark(Syncing, s.sb.Reason)
	if err := s.replace(next); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(old), dropCopies(s.dir))
}

func (s *server) replace(next Superblock) error {
	if err := next.save(s.dir); err != nil {
		if errors.Is(err, unix.EIO) {
			s.failLocked(err) // no sync is tried again on a disk that failed one, but to say so
		}
		return err
	}
	s.sb = next
	return nil
}
