package store

import (
	"fmt"
	"sync"
	"time"

	"casemate/raid"
	"casemate/store/journal"
)

const (
	// gatherEvents is how long values found bad, lost or repaired are counted before they become one
	// entry.
	gatherEvents = time.Minute
	// closingTime is how long a safe that closes waits at most for its repairs to be attested.
	closingTime = 10 * time.Second
	// eventsKept is how many entries wait at most for a journal that cannot be written.
	eventsKept = 1024
)

// teller journals what happens to the volumes, without holding them up: telling it is a few
// instructions under a lock, and a goroutine of its own does the writing.
//
// It remembers in memory alone. What a crash takes away the log has; what the volumes then are is
// found by the mirror when it opens, and told again.
type teller struct {
	mu      sync.Mutex
	waiting []posting           // in order
	counts  map[gathered]*count // of values, since the last entry
	told    map[gathered]bool   // had an entry since the last tick
	dropped int                 // entries for which there was no room
	repairs []*repaired         // still to be attested
	wake    chan struct{}
}

// gathered is what is counted together.
type gathered struct {
	kind raid.EventKind
	id   string
	slot int
	dir  string
}

type count struct {
	values int
	first  time.Time
	detail string
	keys   [][]byte
}

func newTeller() *teller {
	return &teller{counts: map[gathered]*count{}, told: map[gathered]bool{}, wake: make(chan struct{}, 1)}
}

// VolumeEvent journals what happened to a volume. It never blocks and may be called from any
// goroutine. Values found bad, lost or repaired, which come by the hundred from a dying disk, are
// counted: at most one entry a minute for each volume and kind. When the journal cannot be written,
// entries wait; beyond a thousand they are dropped, and how many were is journaled.
func (s *Safe) VolumeEvent(e raid.Event) {
	at := s.now()
	t := s.teller
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e.Kind {
	case raid.EventBadValue, raid.EventLostValue, raid.EventRepaired:
		t.count(e, at)
	case raid.EventDecided: // stands in the mirror's own record: journalDecision, which no crash loses
	default:
		t.put(posting{draft: s.eventDraft(gathered{e.Kind, e.ID, e.Volume, e.Dir}, at, e.Detail, e.Count)})
	}
	t.nudge()
}

// count adds an event to those of its kind. mu is held.
func (t *teller) count(e raid.Event, at time.Time) {
	key := gathered{e.Kind, e.ID, e.Volume, e.Dir}
	c := t.counts[key]
	if c == nil {
		c = &count{first: at, detail: e.Detail}
		t.counts[key] = c
	}
	if c.detail != e.Detail {
		c.detail = "" // each speaks of its own values
	}
	c.values += max(1, e.Count)
	c.keys = append(c.keys, e.Keys[:min(len(e.Keys), maxKeys-len(c.keys))]...)
}

// put adds an entry to those that wait. mu is held.
func (t *teller) put(p posting) {
	if len(t.waiting) >= eventsKept {
		t.dropped++
		return
	}
	t.waiting = append(t.waiting, p)
}

func (t *teller) nudge() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// keep has an entry journaled, with its writes, as soon as the volumes take them.
func (t *teller) keep(p posting) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(p)
	t.nudge()
}

// faults are the events that tell of something gone wrong; the others tell of its end, or of a change.
var faults = map[raid.EventKind]bool{
	raid.EventFenced: true, raid.EventBadValue: true, raid.EventLostValue: true, raid.EventReadOnly: true,
	raid.EventBehind: true, raid.EventFaulted: true,
}

// eventDraft is the entry of an event. Its object is the volume's identity; its detail is the
// mirror's own sentence, which names no key and no value.
func (s *Safe) eventDraft(g gathered, at time.Time, detail string, values int) journal.Draft {
	d := s.draft(self, "volume-"+string(g.kind), "", g.id, journal.Done, clip(detail))
	d.At = at
	if faults[g.kind] {
		d.Result = journal.Failed
	}
	d.Refs = map[string]string{}
	if g.slot >= 0 {
		d.Refs["slot"] = fmt.Sprint(g.slot)
	}
	if g.dir != "" {
		d.Refs["dir"] = clip(g.dir)
	}
	if values > 0 {
		d.Refs["values"] = fmt.Sprint(values)
	}
	return d
}
