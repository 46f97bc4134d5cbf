package store

import (
	"context"
	"time"

	"casemate/raid"
	"casemate/store/proof"
)

// Status is the state of the safe, for those who look after it. It names no document.
type Status struct {
	Origin        string
	Demonstration bool
	Now           time.Time
	Clock         proof.Clock
	ClockProblem  string // why nothing would be sealed now; empty when it would
	Volumes       raid.Status
	JournalSize   uint64
	Documents     uint64    // in all vaults
	Bytes         uint64    // of their files
	CheckpointAt  uint64    // size that the last published checkpoint covers
	Round         uint64    // last timestamp round, 0 when none
	RoundAt       time.Time // its external time
	RoundProblem  string    // why the last attempt at a round failed; empty when it did not
	Pending       int       // deposits that no external token covers yet
	PendingSince  time.Time // the oldest of them
	Late          bool      // that one is older than the alarm age
	TokenProblem  string    // why the token did not answer the last time; empty when it did
	Fault         string    // what broke the safe, if anything did
	Scrub         ScrubStatus
}

// Status never blocks on the token or on the volumes.
func (s *Safe) Status(context.Context) Status {
	reading, clockErr := s.clock.Read()
	st := Status{Origin: s.origin, Demonstration: s.demonstration, Now: reading.Time, Clock: reading.Clock,
		Volumes: s.mirror.Status(), JournalSize: s.log.Size(), Scrub: s.ScrubStatus()}
	if clockErr != nil {
		st.ClockProblem = clockErr.Error()
	}
	if c := s.checkpoint.Load(); c != nil {
		st.CheckpointAt = c.Size
	}
	if err := s.fault.Load(); err != nil {
		st.Fault = (*err).Error()
	}
	if err := s.tokenTrouble.Load(); err != nil {
		st.TokenProblem = (*err).Error()
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	st.Round, st.RoundAt, st.Pending = s.last.Number, s.last.At, len(s.pending)
	for _, v := range s.vaults {
		tally := v.tally()
		st.Documents, st.Bytes = st.Documents+tally.Documents, st.Bytes+tally.Bytes
	}
	if s.roundErr != nil {
		st.RoundProblem = s.roundErr.Error()
	}
	if len(s.pending) > 0 {
		st.PendingSince = s.pending[0].at
		st.Late = s.now().Sub(st.PendingSince) > s.alarmAfter
	}
	return st
}

// Trust gives what an outsider verifies with: seal roots, external authorities' roots (PEM) and
// the journal's verification key. They are to be compared with what the ceremony handed out.
func (s *Safe) Trust(context.Context) (seal, tsa []byte, vkey string) {
	return s.trustFiles["seal.pem"], s.trustFiles["tsa.pem"], s.vkey
}
