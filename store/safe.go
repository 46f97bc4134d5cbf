// Package store is the safe: it takes documents, seals and proves them, and gives them back.
//
// One act stands in one file. The two walks to read first are Deposit (deposit.go) and stampOnce
// (rounds.go); Open (open.go) recovers from a crash by the same code as normal operation.
package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"casemate/hsm"
	"casemate/raid"
	"casemate/store/identity"
	"casemate/store/journal"
	"casemate/store/proof"
	"casemate/store/timestamp"
	"casemate/store/verify"
)

// Token is what the safe asks of the token process. *hsm.Client is one.
type Token interface {
	Seal(ctx context.Context, requests []hsm.SealRequest) ([]hsm.SealResult, error)
	SignCheckpoint(ctx context.Context, size uint64, root [32]byte, consistency [][32]byte) ([]byte, error)
	LastCheckpoint(ctx context.Context) (note []byte, size uint64, root [32]byte, err error)
	ResumeJournal(ctx context.Context, size uint64, root [32]byte, d hsm.Decision) ([]byte, error)
	NewKey(ctx context.Context, kc hsm.KeyContext) (key [32]byte, record []byte, err error)
	UnwrapKey(ctx context.Context, kc hsm.KeyContext, record []byte) (key [32]byte, err error)
}

// Clock is the guarded clock. *timestamp.Guard is one.
type Clock interface {
	Read() (timestamp.Reading, error)
	Observe(token timestamp.Token)
}

// Stamper asks an external authority for a token over a digest. timestamp.Authorities is one.
type Stamper interface {
	Stamp(ctx context.Context, digest [32]byte) (timestamp.Token, error)
}

// Config is what Open is given.
type Config struct {
	Origin        string // name of the journal, fixed for ever
	Demonstration bool   // no ceremony was held: said in every attestation
	Mirror        *raid.Mirror
	Token         Token
	Clock         Clock
	Authorities   Stamper
	Interval      time.Duration // between timestamp rounds
	AlarmAfter    time.Duration // age of the oldest unproved deposit that raises the alarm
	Trust         verify.Trust  // what the safe's own control verifies against
	TrustFiles    map[string][]byte
	VerifyScript  []byte // put into receipts for convenience
	Log           *slog.Logger
	// ScrubEvery is within what time everything is read again and proved, on every volume. Zero is 30
	// days; negative is never: no scrub runs, not even one that was under way.
	ScrubEvery time.Duration
	// ScrubRate is how many bytes per second a scrub reads at most while nobody is waiting for the safe;
	// it takes an eighth while somebody is, and more when it would be late. Zero is 100 MiB; negative is
	// as quick as it goes.
	ScrubRate int64
	// Decision finds what two officers signed to give up a checkpoint that the token signed, when the
	// volumes that held its journal are lost. Nil: there is never one.
	Decision func(size uint64, root [32]byte) (d hsm.Decision, found bool, err error)
}

// Safe is an open safe. Its methods may be called from many goroutines.
type Safe struct {
	origin        string
	demonstration bool
	mirror        *raid.Mirror
	token         Token
	clock         Clock
	authorities   Stamper
	interval      time.Duration
	alarmAfter    time.Duration
	trust         verify.Trust
	vkey          string
	trustFiles    map[string][]byte
	verifyScript  []byte
	slog          *slog.Logger

	log      *journal.Log
	ledger   *gather[posting]
	sealer   *gather[sealing]
	settling sync.RWMutex // held while a batch is under way: journal, tallies and round agree outside
	teller   *teller
	scrub    *scrub
	backups  backups
	busy     atomic.Int64    // deposits and readings under way, for which the scrub makes room
	used     atomic.Int64    // when the last of them ended, nanoseconds since 1970
	actor    identity.Caller // the safe itself, when it deposits

	acting sync.RWMutex // read-held by each act on the volumes: Close waits for them

	large chan struct{} // places for large objects on their way in

	vaultMaking sync.Mutex
	mu          sync.RWMutex // vaults, byID, pending, last, trouble
	vaults      map[string]*vault
	byID        map[proof.VaultID]*vault
	pending     []pendingSeal
	last        span
	noted       uint64 // journal entries whose deposits pending knows of
	roundErr    error

	lastNow        atomic.Pointer[time.Time]
	born           atomic.Pointer[time.Time] // of the journal's first entry
	tokenTrouble   atomic.Pointer[error]     // nil once the token has answered
	checkpointing  sync.Mutex
	unheard        bool // under checkpointing: the token may have signed a checkpoint we did not hear of
	checkpoint     atomic.Pointer[publishedCheckpoint]
	wantCheckpoint chan struct{}
	rounding       sync.Mutex

	fatal   chan error
	fault   atomic.Pointer[error]
	stop    context.CancelFunc
	stopped chan struct{}
	running sync.WaitGroup
}

// Fatal gives the error that broke the safe, if one does. Whoever runs the safe then stops the
// process: Open, not cleverness, finds out what is true.
func (s *Safe) Fatal() <-chan error { return s.fatal }

func (s *Safe) breakWith(err error) {
	if s.fault.CompareAndSwap(nil, &err) {
		s.slog.Error("the safe stops: its state is not known for certain", "error", err)
		s.fatal <- err
	}
}

func (s *Safe) broken() error {
	if err := s.fault.Load(); err != nil {
		return fmt.Errorf("%w: %w", ErrStorage, *err)
	}
	select {
	case <-s.stopped:
		return ErrClosed
	default:
		return nil
	}
}

// Close stops taking acts and the safe's own loops. An act under way either comes to its end or is
// told ErrClosed; what that leaves is swept by the next Open. It waits ten seconds at most for acts on
// the volumes, so that the journal tells how they ended. The mirror stays open: it is its
// owner's to close.
func (s *Safe) Close() error {
	idle := make(chan struct{})
	go func() {
		s.acting.Lock()
		s.acting.Unlock() //nolint:staticcheck // only waited for
		close(idle)
	}()
	select {
	case <-idle:
	case <-time.After(closingTime):
		s.slog.Warn("an act on the volumes is not at its end: the next opening journals that it was interrupted")
	}
	s.stop()
	s.running.Wait()
	return nil
}

// now is the time written in the journal: the guard's, trusted or not; entries say what happened,
// attestations alone say how good the clock was. When the guard has no time to give (the clock is
// behind what was attested) the journal goes on with its last: refusals must be told then too.
func (s *Safe) now() time.Time {
	reading, _ := s.clock.Read()
	last := s.lastNow.Load()
	if reading.Time.IsZero() && last != nil {
		return *last
	}
	at := reading.Time
	s.lastNow.Store(&at)
	return at
}

// sealingTime is the time that an attestation may declare.
func (s *Safe) sealingTime() (timestamp.Reading, error) {
	reading, err := s.clock.Read()
	switch {
	case errors.Is(err, timestamp.ErrTimeUntrusted), errors.Is(err, timestamp.ErrTimeWentBack):
		return reading, fmt.Errorf("%w: %w", ErrTimeUntrusted, err)
	default:
		return reading, err
	}
}

// newKey draws a fresh key; the kernel's generator never fails once seeded.
func (s *Safe) newKey() (key [32]byte) {
	_, _ = rand.Read(key[:])
	return key
}

// noteCommitted remembers, in the journal's order, the deposits that wait for a round.
func (s *Safe) noteCommitted(group []posting, indexes []uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, p := range group {
		if p.documents == 1 {
			s.pending = append(s.pending, pendingSeal{leaf: indexes[i], vault: p.vault, number: p.number, at: p.draft.At})
		}
	}
	s.noted = indexes[len(indexes)-1] + 1
}

// pendingSeals gives the first of the deposits that wait, how many more there are, and up to where
// in the journal a round of these covers everything.
func (s *Safe) pendingSeals(most int) (batch []pendingSeal, left int, to uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := min(most, len(s.pending))
	to = s.noted
	if n < len(s.pending) {
		to = s.pending[n-1].leaf + 1
	}
	return append([]pendingSeal(nil), s.pending[:n]...), len(s.pending) - n, to
}

// settle takes the deposits of a committed round off the waiting list.
func (s *Safe) settle(n int, sp span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = append([]pendingSeal(nil), s.pending[n:]...)
	s.last = sp
}

func (s *Safe) lastSpan() span {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.last
}

// lastExternal is the newest external token known: a document sealed now is no older than it.
func (s *Safe) lastExternal() *proof.External {
	sp := s.lastSpan()
	if sp.Number == 0 {
		return nil
	}
	return &proof.External{Token: sp.Digest, At: sp.At.UTC().Truncate(time.Millisecond)}
}

func (s *Safe) roundFailure(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roundErr = err
}
