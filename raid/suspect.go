package raid

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// suspectsKept bounds the queue; what does not fit in will be found again, by scrubbing at the latest.
	suspectsKept = 4096
	// suspectPause is how long a key that nobody could repair is left in peace, and how often those
	// whose volume or twin is away are tried again.
	suspectPause = 5 * time.Second
	lostPause    = 10 * time.Minute
)

// suspect is a key that did not read right on a volume.
type suspect struct {
	slot int
	key  string
}

// suspects are the keys waiting to be repaired. They are in memory alone: after a crash whoever
// reads them finds them again.
type suspects struct {
	mu   sync.Mutex
	list map[suspect]bool
	lost map[suspect]time.Time // bad on every volume: until when they are left in peace
	away int                   // keys taken, and not done with: their room is kept
	wake chan struct{}
}

func newSuspects() *suspects {
	return &suspects{list: map[suspect]bool{}, lost: map[suspect]time.Time{}, wake: make(chan struct{}, 1)}
}

// add says whether the key is news.
func (s *suspects) add(slot int, key []byte, now time.Time) bool {
	x := suspect{slot, string(key)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if until, ok := s.lost[x]; ok && now.Before(until) && now.Add(lostPause+time.Second).After(until) {
		return false
	}
	if s.list[x] || len(s.list)+s.away >= suspectsKept {
		return false
	}
	s.list[x] = true
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return true
}

// take gives some keys of one volume and takes them off the list. Whoever was given some says when he is done with
// them, or gives them back.
func (s *suspects) take() (slot int, keys [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for x := range s.list {
		if len(keys) == 0 {
			slot = x.slot
		}
		if x.slot != slot {
			continue
		}
		delete(s.list, x)
		if keys = append(keys, []byte(x.key)); len(keys) == repairKeys {
			break
		}
	}
	s.away += len(keys)
	return slot, keys
}

// done forgets keys that were taken.
func (s *suspects) done(keys [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away -= len(keys)
}

// back puts keys that were taken on the list again, without a wake.
func (s *suspects) back(slot int, keys [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away -= len(keys)
	for _, key := range keys {
		s.list[suspect{slot, string(key)}] = true
	}
}

// leave keeps a key that no volume has undamaged from being looked at again at every read.
func (s *suspects) leave(slot int, key []byte, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lost) >= suspectsKept {
		clear(s.lost)
	}
	s.lost[suspect{slot, string(key)}] = now.Add(lostPause)
}

// suspect remembers that a value did not read right on a volume, to be repaired in the background.
// kind is reported at once if it is certain, and once a key; an empty kind waits for the repair.
func (m *Mirror) suspect(mem *member, kind EventKind, key []byte, what string) {
	alone := !m.twinned(mem)
	if kind == "" && alone || !m.suspects.add(mem.slot, key, m.c.Now()) || kind == "" {
		return
	}
	m.event(kind, mem, "%s", what)
	if alone { // nobody can repair it, nor say that it was a false alarm
		m.strike(mem, key)
	}
}

// twinned says whether another volume is in sync.
func (m *Mirror) twinned(mem *member) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.other(mem) != nil
}

// heal repairs in the background what readers found, until ctx ends.
func (m *Mirror) heal(ctx context.Context) {
	again := time.NewTicker(suspectPause)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.suspects.wake:
		case <-again.C:
		}
		m.healAll(ctx)
		if mem := m.maimed(); mem != nil && m.rechecking.TryLock() {
			m.done.Go(func() {
				defer m.rechecking.Unlock()
				m.recheck(ctx, mem)
			})
		}
	}
}

// maimed gives a volume in sync, beside a twin, that opened with less of a value log than it had, and
// was not looked at since.
func (m *Mirror) maimed() *member {
	m.mu.Lock()
	defer m.mu.Unlock()
	in := m.insync()
	for _, mem := range in {
		if len(in) > 1 && mem.state.Cut > 0 && mem.checked != mem.proc {
			return mem
		}
	}
	return nil
}

// recheck compares all that a volume holds with its twin. The audit of its tail restores what batches
// put there; what lay there out of their order, repaired or filled in, may be of any age. A crash leaves
// the rest to the next scrub.
func (m *Mirror) recheck(ctx context.Context, mem *member) {
	m.mu.Lock()
	proc := mem.proc
	m.mu.Unlock()
	m.c.Log.Warn("a volume lost the end of a value log: all it holds is compared with its twin", "volume", mem.slot)
	err := m.compareAll(ctx, mem.slot)
	if err != nil && ctx.Err() == nil {
		m.c.Log.Warn("comparing a volume with its twin", "volume", mem.slot, "error", err)
		return // again, with the next look
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	mem.checked = proc
}

// healAll goes once through what is on the list.
func (m *Mirror) healAll(ctx context.Context) {
	type rest struct {
		slot int
		keys [][]byte
	}
	var later []rest
	for ctx.Err() == nil {
		slot, keys := m.suspects.take()
		if len(keys) == 0 {
			break
		}
		if _, err := m.mend(ctx, slot, keys); err != nil {
			if !errors.Is(err, ErrUnavailable) {
				m.c.Log.Warn("values are not repaired", "volume", slot, "values", len(keys), "error", err)
			}
			later = append(later, rest{slot, keys})
			continue
		}
		m.suspects.done(keys)
	}
	for _, r := range later {
		m.suspects.back(r.slot, r.keys)
	}
}
