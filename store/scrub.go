package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"casemate/raid"
	"casemate/store/identity"
	"casemate/store/journal"
	"casemate/store/proof"
)

// Acts of the scrub in the journal.
const (
	ActScrubStart = "scrub-start" // a person's
	ActScrubPause = "scrub-pause" // a person's
	ActScrub      = "scrub"       // the scrub itself: intent when it begins, done when its report is deposited
)

// ScrubState is what a scrub is doing.
type ScrubState string

// The states of a scrub.
const (
	ScrubIdle    ScrubState = "idle"
	ScrubRunning ScrubState = "running"
	ScrubPaused  ScrubState = "paused" // by a person, until a person starts it again
)

const (
	defaultScrubEvery = 30 * 24 * time.Hour
	defaultScrubRate  = 100 << 20
	scrubSaveEvery    = 5 * time.Second
	scrubTick         = time.Minute
)

// scrub is the safe's standing survey: every volume read again and proved within a time, slowly.
//
// Crash table: where it is lies on the volumes and lags by seconds; after a crash what was done in
// them is done again. A report is kept there too, whole, until it is deposited; deposited twice it is
// one document.
type scrub struct {
	every time.Duration
	rate  int64
	save  time.Duration
	wake  chan struct{}
	pacer *rate.Limiter
	hook  func(position) // a test's, after each step

	mu      sync.Mutex
	rec     scrubRecord
	total   cost // of the run under way
	floor   float64
	halt    context.CancelFunc // ends the run under way
	problem string
	speed   speed
	overdue bool     // journaled
	taken   position // where it was when the safe opened
}

// scrubRecord is what is kept of the scrub on the volumes.
type scrubRecord struct {
	State  ScrubState   `json:"state"`
	Begun  time.Time    `json:"begun"`
	Volume string       `json:"volume,omitempty"` // identity of the one being surveyed
	Filled uint64       `json:"filled,omitempty"` // generation of its database: filled anew, it is read from its beginning
	At     position     `json:"at"`
	Mine   VolumeReport `json:"mine"`
	Report FsckReport   `json:"report"` // volumes done, findings
	Left   []string     `json:"left,omitempty"`
	Body   []byte       `json:"body,omitempty"` // the report in its only form, until it is deposited
	Last   lastScrub    `json:"last"`
	Owing  []string     `json:"owing,omitempty"` // volumes that the last one did not reach
	Only   []string     `json:"only,omitempty"`  // volumes that this one is for; empty: all
}

// lastScrub is what is remembered of the last one that came to its end.
type lastScrub struct {
	Begun      time.Time        `json:"begun"`
	Finished   time.Time        `json:"finished"`
	Whole      time.Time        `json:"whole"` // when the last one of all volumes came to its end
	Took       time.Duration    `json:"took"`
	Report     proof.DocumentID `json:"report"`
	Findings   uint64           `json:"findings"`
	Repaired   uint64           `json:"repaired"`
	Unrepaired uint64           `json:"unrepaired"`
}

func newScrub(every time.Duration, perSecond int64) *scrub {
	if every == 0 {
		every = defaultScrubEvery
	}
	if perSecond == 0 {
		perSecond = defaultScrubRate
	}
	return &scrub{every: every, rate: perSecond, save: scrubSaveEvery, wake: make(chan struct{}, 1),
		pacer: rate.NewLimiter(rate.Inf, paceBurst), rec: scrubRecord{State: ScrubIdle}}
}

func (c *scrub) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// loadScrub takes up, at Open, where the scrub was.
func (s *Safe) loadScrub(ctx context.Context) error {
	raw, err := s.mirror.Get(ctx, singleKey("scrub"))
	if errors.Is(err, raid.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &s.scrub.rec)
		s.scrub.taken = s.scrub.rec.At
	}
	if err != nil { // it is no evidence: a scrub that forgot where it was begins again
		s.slog.Error("where the scrub was cannot be read; it begins again", "error", err)
		s.scrub.rec = scrubRecord{State: ScrubIdle}
	}
	return nil
}

// saveScrub writes where the scrub is on the volumes, as a batch of its own. mu is not held. While
// they take no writes it goes on from memory.
func (s *Safe) saveScrub() {
	c := s.scrub
	c.mu.Lock()
	value, err := json.Marshal(c.rec)
	c.mu.Unlock()
	if err == nil {
		err = s.broken()
	}
	if err == nil {
		err = s.commitBatch([]raid.Op{{Key: singleKey("scrub"), Value: value}})
	}
	if err != nil {
		s.slog.Warn("where the scrub is could not be written", "error", err)
	}
}

// StartScrub begins a scrub now, or goes on with one that was paused. It takes a caller who may
// administer, and is journaled. One that is under way goes on.
func (s *Safe) StartScrub(ctx context.Context, who identity.Caller) error {
	return s.Maintenance(ctx, who, ActScrubStart, "", func(ctx context.Context) (string, error) {
		c := s.scrub
		if c.every < 0 {
			return "", fmt.Errorf("this safe was opened without its scrub: %w", ErrQuery)
		}
		c.mu.Lock()
		state := c.rec.State
		if state == ScrubPaused {
			c.rec.State = ScrubRunning
		}
		c.mu.Unlock()
		switch state {
		case ScrubPaused:
			s.saveScrub()
			c.nudge()
			return "it goes on where it was", nil
		case ScrubRunning:
			c.nudge() // what it waits for is tried again now
			return "one is under way", nil
		case ScrubIdle:
			s.beginScrub(ctx, nil)
			c.nudge()
		}
		return "", nil
	})
}

// PauseScrub stops a scrub where it is until StartScrub. It takes a caller who may administer, and is
// journaled. A pause does not move the time by which the scrub is due.
func (s *Safe) PauseScrub(ctx context.Context, who identity.Caller) error {
	return s.Maintenance(ctx, who, ActScrubPause, "", func(context.Context) (string, error) {
		c := s.scrub
		c.mu.Lock()
		if c.rec.State == ScrubIdle {
			c.mu.Unlock()
			return "", ErrNoScrub
		}
		c.rec.State = ScrubPaused
		if c.halt != nil {
			c.halt()
		}
		c.mu.Unlock()
		s.saveScrub()
		return "", nil
	})
}

// beginScrub makes a new run the one under way and journals that it begins. only names volumes by
// identity; none: all.
func (s *Safe) beginScrub(ctx context.Context, only []string) {
	c := s.scrub
	at := s.now()
	c.mu.Lock()
	c.rec = scrubRecord{State: ScrubRunning, Begun: at, Last: c.rec.Last, Owing: c.rec.Owing, Only: only}
	c.speed = speed{}
	c.mu.Unlock()
	s.saveScrub()
	draft := s.draft(self, ActScrub, "", "", journal.Intent, "")
	draft.Refs = map[string]string{"begun": proof.FormatTime(at)}
	if _, err := s.post(ctx, posting{draft: draft}); err != nil {
		s.slog.Warn("the beginning of a scrub could not be journaled", "error", err)
	}
}
