package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"casemate/raid"
	"casemate/store/journal"
)

// tell runs until ctx ends, and journals what it still has then.
func (s *Safe) tell(ctx context.Context) {
	tick := time.NewTicker(gatherEvents)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.tellGathered(true)
			s.tellWaiting()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closingTime)
			s.attestRepairs(last)
			cancel()
			return
		case <-tick.C:
			s.tellGathered(true)
		case <-s.teller.wake:
			s.tellGathered(false)
		}
		s.tellWaiting()
		s.attestRepairs(ctx)
	}
}

// tellGathered turns counts into entries: all of them on a tick, between ticks only those of which
// nothing was told since the last.
func (s *Safe) tellGathered(tick bool) {
	t := s.teller
	t.mu.Lock()
	defer t.mu.Unlock()
	if tick {
		clear(t.told)
	}
	for key, c := range t.counts {
		if t.told[key] {
			continue
		}
		t.told[key] = true
		delete(t.counts, key)
		t.put(posting{draft: s.eventDraft(key, c.first, c.detail, c.values)})
		if key.kind == raid.EventRepaired {
			dropped := t.attest(repaired{volume: key.id, dir: key.dir, values: c.values, at: c.first, keys: c.keys})
			if dropped > 0 {
				d := s.draft(self, "repair-attested", "", key.id, journal.Failed, "too many attestations wait already")
				d.Refs = map[string]string{"values": fmt.Sprint(dropped)}
				t.put(posting{draft: d})
			}
		}
	}
}

// tellWaiting journals what waits, in order, until the journal cannot be written. It hears no
// cancellation: an entry given up while it is being written would be written twice.
func (s *Safe) tellWaiting() {
	ctx, t := context.Background(), s.teller
	for {
		t.mu.Lock()
		var p posting
		dropped := 0
		switch {
		case len(t.waiting) > 0:
			p = t.waiting[0]
		case t.dropped > 0:
			dropped = t.dropped
			p.draft = s.draft(self, "volume-events-dropped", "", "", journal.Failed, "the journal could not be written for too long")
			p.draft.Refs = map[string]string{"entries": fmt.Sprint(dropped)}
		default:
			t.mu.Unlock()
			return
		}
		t.mu.Unlock()
		_, err := s.post(ctx, p)
		if err != nil && (errors.Is(err, ErrStorage) || errors.Is(err, ErrClosed)) {
			return // the next tick tries again
		}
		if err != nil {
			s.slog.Error("an entry about the volumes could not be written", "act", p.draft.Act, "error", err)
		}
		t.mu.Lock()
		if dropped > 0 {
			t.dropped -= dropped
		} else {
			t.waiting = t.waiting[1:]
		}
		t.mu.Unlock()
	}
}
