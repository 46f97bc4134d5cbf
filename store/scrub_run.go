package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"casemate/raid"
)

// scrubber runs the scrub: begins one when it is time, goes on with one that is under way, and tries
// again by and by what cannot be done now.
func (s *Safe) scrubber(ctx context.Context) {
	if s.scrub.every < 0 {
		return
	}
	tick := time.NewTicker(scrubTick)
	defer tick.Stop()
	for {
		if s.broken() == nil {
			s.considerScrub(ctx)
			if s.scrubState() == ScrubRunning {
				s.runScrub(ctx)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.scrub.wake:
		}
	}
}

func (s *Safe) scrubState() ScrubState {
	s.scrub.mu.Lock()
	defer s.scrub.mu.Unlock()
	return s.scrub.rec.State
}

// considerScrub begins a scrub when it is time for one, or when a volume that the last one did not
// reach is in sync again; and says so when one is late.
func (s *Safe) considerScrub(ctx context.Context) {
	now := s.now()
	begin, due := s.scrubTimes(ctx)
	c := s.scrub
	c.mu.Lock()
	idle, owing := c.rec.State == ScrubIdle, slices.Clone(c.rec.Owing)
	last, partial := c.rec.Last.Finished, c.rec.Last.Finished.After(c.rec.Last.Whole)
	late := !due.IsZero() && now.After(due)
	tell := late && !c.overdue
	c.overdue = late
	c.mu.Unlock()
	if tell {
		s.alarmScrub(ctx, due)
	}
	if !idle {
		return
	}
	if !begin.IsZero() && !now.Before(begin) {
		s.beginScrub(ctx, nil)
		return
	}
	if partial && now.Sub(last) < owingWait {
		return // one that comes and goes does not make a report of each time
	}
	back := slices.DeleteFunc(owing, func(id string) bool { return s.slotOf(id) < 0 })
	if len(back) > 0 {
		s.beginScrub(ctx, back)
	}
}

// owingWait is how long after a scrub of some volumes alone the next such one begins.
const owingWait = 24 * time.Hour

// slotOf finds a volume in sync by its identity; -1 if it is not.
func (s *Safe) slotOf(id string) int {
	for _, v := range s.mirror.Status().Volumes {
		if v.ID == id && v.State == raid.InSync {
			return v.Slot
		}
	}
	return -1
}

// runScrub does what is left of the run under way: each volume in sync, then the report. When it
// returns, either the run is over, or it was paused, or the safe closes, or something must be waited
// for.
func (s *Safe) runScrub(ctx context.Context) {
	c := s.scrub
	run, halt := context.WithCancel(ctx)
	defer halt()
	c.mu.Lock()
	if c.rec.State != ScrubRunning {
		c.mu.Unlock()
		return
	}
	c.halt = halt
	c.mu.Unlock()
	err := s.scrubVolumes(run)
	if err == nil {
		err = s.endScrub(run)
	}
	c.mu.Lock()
	c.halt = nil
	c.problem = ""
	if err != nil && run.Err() == nil {
		c.problem = err.Error()
	}
	c.mu.Unlock()
	s.saveScrub()
	if err != nil && run.Err() == nil {
		s.slog.Warn("the scrub waits", "error", err)
	}
}

// scrubVolumes surveys every volume in sync that was not yet, the one it was at first. A volume that
// leaves is passed over, and done from its beginning if it comes back before the end.
func (s *Safe) scrubVolumes(ctx context.Context) error {
	c := s.scrub
	for {
		id, slot := s.nextVolume()
		if slot < 0 {
			return nil
		}
		y := s.scrubSurvey(id, slot)
		err := y.run(ctx)
		at, mine, found := y.figures()
		c.mu.Lock()
		c.rec.Report = found
		switch {
		case err == nil:
			c.rec.Report = c.rec.Report.with(mine)
			c.rec.Report.Volumes = append(c.rec.Report.Volumes, mine)
			c.rec.Volume, c.rec.At, c.rec.Mine = "", position{}, VolumeReport{}
		case errors.Is(err, errVolumeLeft):
			s.slog.Warn("the scrub goes on without a volume", "volume", y.dir, "error", err)
			c.rec.Report.Repaired += mine.Repaired
			c.rec.Left = append(c.rec.Left, id)
			c.rec.Volume, c.rec.At, c.rec.Mine = "", position{}, VolumeReport{}
		default:
			c.rec.At, c.rec.Mine = at, mine
		}
		c.mu.Unlock()
		s.saveScrub()
		if err != nil && !errors.Is(err, errVolumeLeft) {
			return err
		}
	}
}

// attempts is how often a volume that leaves under a survey is begun with.
const attempts = 3

// nextVolume gives the volume to be surveyed next, or a slot of -1.
func (s *Safe) nextVolume() (id string, slot int) {
	volumes := s.mirror.Status().Volumes
	c := s.scrub
	c.mu.Lock()
	defer c.mu.Unlock()
	done := func(id string) bool {
		left := 0
		for _, l := range c.rec.Left {
			if l == id {
				left++
			}
		}
		return left >= attempts || len(c.rec.Only) > 0 && !slices.Contains(c.rec.Only, id) ||
			slices.ContainsFunc(c.rec.Report.Volumes, func(v VolumeReport) bool { return v.ID == id })
	}
	slot = -1
	for _, v := range volumes {
		if v.State != raid.InSync || v.ID == "" || done(v.ID) {
			continue
		}
		if v.ID == c.rec.Volume {
			return v.ID, v.Slot
		}
		if slot < 0 {
			id, slot = v.ID, v.Slot
		}
	}
	return id, slot
}

// scrubSurvey begins the survey of a volume, or takes it up.
func (s *Safe) scrubSurvey(id string, slot int) *survey {
	c := s.scrub
	now, _ := s.volume(slot)
	c.mu.Lock()
	if c.rec.Volume != id || c.rec.Filled != now.Generation {
		c.rec.Volume, c.rec.Filled, c.rec.At, c.rec.Mine = id, now.Generation, position{}, VolumeReport{}
	}
	at, mine := c.rec.At, c.rec.Mine
	report := c.rec.Report
	c.mu.Unlock()
	y := s.newSurvey(slot, at, true, &report)
	if mine.ID == id {
		mine.Slot = slot
		y.mine = mine
	}
	if c.rate > 0 {
		y.pace = s.pace
	}
	save := time.NewTicker(c.save)
	told := len(report.Findings)
	y.step = func(ctx context.Context) error {
		at, mine, found := y.figures()
		c.mu.Lock()
		c.rec.At, c.rec.Mine, c.rec.Report = at, mine, found
		c.mu.Unlock()
		if c.hook != nil {
			c.hook(at)
		}
		s.measure(y)
		due := len(found.Findings) > told // what was found and repaired is not found again after a crash
		told = len(found.Findings)
		select {
		case <-save.C:
			due = true
		default:
		}
		if due {
			s.saveScrub()
		}
		return ctx.Err()
	}
	y.end = save.Stop
	return y
}
