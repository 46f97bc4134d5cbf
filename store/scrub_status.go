package store

import (
	"context"
	"time"

	"casemate/store/journal"
	"casemate/store/proof"
)

// ScrubStatus is how the scrub is, for those who look after the safe.
type ScrubStatus struct {
	State   ScrubState
	Started time.Time // of the one under way or paused
	Phase   string    // journal, rounds, documents, keys, or report
	Volume  string    // directory of the volume being read
	// Done and Total are bytes of documents, over all volumes; Documents those controlled so far.
	Done, Total int64
	Documents   uint64
	Rate        int64         // bytes per second, of late
	Left        time.Duration // about; zero if it cannot be said
	Findings    uint64        // of the one under way
	Repaired    uint64        // values written again from another volume
	Unrepaired  uint64        // findings that stand
	Problem     string        // what it waits for; empty when it does not

	LastFinished   time.Time        // zero if none ever was
	LastReport     proof.DocumentID // in the safe's own vault
	LastFindings   uint64
	LastRepaired   uint64
	LastUnrepaired uint64

	NextStart time.Time // when one begins by itself; zero on an empty safe
	NextDue   time.Time // by when it is to be finished
	Overdue   bool      // it was not
}

// ScrubStatus tells how the scrub is. It asks nobody.
func (s *Safe) ScrubStatus() ScrubStatus {
	begin, due := s.scrubTimesKnown()
	now := s.now()
	snap := s.snapshotFigures()
	volumes := s.mirror.Status().Volumes
	c := s.scrub
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.rec
	st := ScrubStatus{State: r.State, Problem: c.problem, NextStart: begin, NextDue: due, Overdue: !due.IsZero() && now.After(due),
		LastFinished: r.Last.Finished, LastReport: r.Last.Report,
		LastFindings: r.Last.Findings, LastRepaired: r.Last.Repaired, LastUnrepaired: r.Last.Unrepaired}
	if r.State == ScrubIdle {
		return st
	}
	st.Started, st.Phase, st.Rate = r.Begun, string(r.At.Phase), int64(c.speed.rate)
	if len(r.Body) > 0 {
		st.Phase = "report"
	}
	done := r.Mine.cost()
	st.Done, st.Documents, st.Repaired = int64(r.Mine.Bytes), r.Mine.Documents, r.Mine.Repaired+r.Report.Repaired //nolint:gosec // sizes
	for _, v := range r.Report.Volumes {
		done += v.cost()
		st.Done, st.Documents = st.Done+int64(v.Bytes), st.Documents+v.Documents //nolint:gosec // sizes
	}
	for _, v := range volumes {
		if v.ID == r.Volume {
			st.Volume = v.Dir
		}
	}
	st.Total = int64(snap) * int64(max(1, len(s.mirror.Slots()))) //nolint:gosec // sizes
	st.Findings, st.Unrepaired = uint64(len(r.Report.Findings))+r.Report.More, r.Report.Unrepaired
	if c.speed.work > 0 && c.total > done {
		st.Left = time.Duration(float64(c.total-done) / c.speed.work * float64(time.Second))
	}
	return st
}

// snapshotFigures is how many bytes of documents there are.
func (s *Safe) snapshotFigures() (bytes uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, v := range s.byID {
		bytes += v.tally().Bytes
	}
	return bytes
}

// scrubTimes gives when the next scrub begins by itself and by when it is to be finished: within
// ScrubEvery of the end of the last one of all volumes, or of the journal's first entry. It begins
// earlier by twice what the last one took, a sixth of the period at least and half of it at most; the
// first of all, of which nothing is known, by half of it; and so where the last one ended at a time that
// is still to come, told by a clock that ran ahead. Zero: there is nothing to read yet.
func (s *Safe) scrubTimes(ctx context.Context) (begin, due time.Time) {
	c := s.scrub
	c.mu.Lock()
	from, took := c.rec.Last.Whole, c.rec.Last.Took
	c.mu.Unlock()
	if from.IsZero() || from.After(s.now()) {
		from, took = s.bornAt(ctx), c.every
	}
	if from.IsZero() {
		return from, from
	}
	due = from.Add(c.every)
	return due.Add(-min(max(2*took, c.every/6), c.every/2)), due
}

// scrubTimesKnown is scrubTimes for who must not wait for a volume.
func (s *Safe) scrubTimesKnown() (begin, due time.Time) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return s.scrubTimes(ctx)
}

// bornAt is the time of the journal's first entry, which is read once.
func (s *Safe) bornAt(ctx context.Context) time.Time {
	if born := s.born.Load(); born != nil {
		return *born
	}
	if s.log.Size() == 0 {
		return time.Time{}
	}
	e, _, err := s.log.Entry(ctx, 0)
	if err != nil {
		return time.Time{}
	}
	s.born.Store(&e.At)
	return e.At
}

// alarmScrub tells the journal, once, that a scrub is late.
func (s *Safe) alarmScrub(ctx context.Context, due time.Time) {
	s.slog.Error("the scrub is late", "due", due)
	draft := s.draft(self, ActScrub, "", "", journal.Failed, "it was not finished in the time it is given")
	draft.Refs = map[string]string{"due": proof.FormatTime(due)}
	if _, err := s.post(ctx, posting{draft: draft}); err != nil {
		s.slog.Error("the alarm could not be journaled", "error", err)
	}
}
