package volume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// closeWait bounds the clean close of Badger once the mirror is gone: a dying disk makes it hang.
const closeWait = 10 * time.Second

// server is an open volume. Two locks: life is held shared by whoever uses Badger, a commit
// included, and alone by what opens, replaces or closes it; mu is held for moments by whoever
// looks at or changes the small state. life is taken before mu.
type server struct {
	dir      string
	log      *slog.Logger
	hold     *hold
	landlock string
	space    space

	life sync.RWMutex
	db   *database
	ring *ring

	commits sync.Mutex // held by whoever writes into Badger; taken after life
	free    int64      // bytes left after the last write; under commits

	mu     sync.Mutex
	sb     Superblock
	head   Head
	oldest uint64 // no manifest below this sequence is left
	opened Head   // newest head of the ring when Badger was opened
	cut    int64  // bytes that Badger cut off its newest value log when it was opened
	failed error  // set once: no write is taken any more
	giving *Reclaim

	leaving atomic.Bool // it is about to close: what is done in the background ends
}

// Serve serves the volume in dir on conn until conn is closed, ctx ends or the volume fails. A
// clean end closes Badger; after a failure it is not even tried.
func Serve(ctx context.Context, conn net.Conn, dir string) error {
	return serve(ctx, conn, dir, confinement())
}

func serve(ctx context.Context, conn net.Conn, dir, landlock string) (err error) {
	defer func() { err = errors.Join(err, conn.Close()) }()
	dir, err = filepath.Abs(dir)
	if err != nil {
		return err
	}
	s := &server{
		dir: dir, landlock: landlock,
		log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	if s.sb, err = ReadSuperblock(dir); err != nil {
		return refuse(conn, err)
	}
	if s.hold, err = lockDir(ctx, dir); err != nil {
		return refuse(conn, err)
	}
	// Only under the lock is what the superblock says true.
	if s.sb, err = ReadSuperblock(dir); err != nil {
		return refuse(conn, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	sess := newSession(conn, s)
	err = sess.run(ctx)
	if serr := s.shut(closeWait); serr != nil {
		return errors.Join(err, serr) // the lock goes with the process
	}
	return errors.Join(err, s.hold.close())
}

// refuse answers the first request with the error, so that the mirror learns why, and ends.
func refuse(conn net.Conn, err error) error {
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second)) //nolint:forbidigo // a socket deadline is wall clock
	sess := newSession(conn, nil)
	if f, ferr := readFrame(sess.in, sess.alloc); ferr == nil {
		_ = sess.reply(f.ID, f.Lane, encodeNo(No, err))
	}
	return err
}

// fail takes the volume out of service for writing. The mark is recorded if the disk still can.
func (s *server) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failLocked(err)
}

func (s *server) failLocked(err error) {
	if s.failed != nil {
		return
	}
	s.failed = err
	s.log.Error("volume fails", "error", err)
	s.sb.setMark(Failed, err.Error())
	if err := s.sb.save(s.dir); err != nil {
		s.log.Error("recording the failure", "error", err)
	}
}

// state is the answer to control requests. life is held shared at least, and mu.
func (s *server) state() State {
	free, size, err := s.space.statfs()
	if err != nil {
		s.log.Warn("volume state", "error", err)
	}
	st := State{
		Protocol: Protocol, Build: Build(), Set: s.sb.Set, Volume: s.sb.Volume,
		Generation: s.sb.Generation, Building: s.sb.Building, Mark: s.sb.Mark, Reason: s.sb.Reason,
		Audit: s.sb.Audit, Free: free, Size: size, Floor: s.space.minFree,
		Landlock: s.landlock, PID: os.Getpid(), Ring: s.opened, Filling: s.sb.Filling, Reclaim: s.giving, Cut: s.cut,
	}
	if s.db != nil {
		st.Opened, st.Head, st.Oldest = true, s.head, s.oldest
	}
	return st
}

// shut closes Badger cleanly within the time given and says so in the superblock. After a failure
// nothing is closed: Badger's Close can hang or write more harm.
func (s *server) shut(wait time.Duration) error {
	s.leaving.Store(true)
	done := make(chan error, 1)
	go func() { done <- s.close() }()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return errors.New("badger did not close in time")
	}
}

func (s *server) close() error {
	s.life.Lock()
	defer s.life.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closeLocked()
}

func (s *server) closeLocked() error {
	if s.db == nil || s.failed != nil {
		return s.failed
	}
	err := s.db.db.Close()
	if err == nil {
		err = s.db.complaint()
	}
	s.db = nil
	if err != nil {
		return fmt.Errorf("closing badger: %w", err)
	}
	s.sb.Open = false
	return errors.Join(s.ring.close(), s.sb.save(s.dir))
}
