package raid

import (
	"fmt"
	"time"
)

// patience is how many write deadlines pass before a mirror none of whose volumes answers gives up.
const patience = 4

// expel puts a member out, and keeps every acknowledgement back until the others and the state
// directory know (see fence). mu is held.
func (m *Mirror) expel(mem *member, why error) {
	if !m.remove(mem, why) || m.fencing {
		return
	}
	m.fencing = true
	m.paused++
	m.since = m.c.Now()
}

// remove ends a member's part: its socket is closed, its process killed as far as it can be. The
// last member is never put out; the mirror takes no more writes instead. mu is held.
func (m *Mirror) remove(mem *member, why error) bool {
	if mem.role != roleIn || m.dead != nil {
		return false
	}
	if len(m.insync()) == 1 {
		m.die(fmt.Errorf("the last volume failed: %w", why))
		return false
	}
	m.leave(mem, why)
	m.eventLocked(EventFenced, mem, "%v", why)
	return true
}

// leave takes a member's process from it and says when to try again. mu is held.
func (m *Mirror) leave(mem *member, why error) {
	if mem.role != roleRetired {
		mem.role = roleOut
	}
	mem.out(m.c.Now(), why)
	mem.wait = min(max(2*mem.wait, time.Second), 5*time.Minute)
	mem.retry = m.c.Now().Add(mem.wait)
	if mem.queue != nil {
		close(mem.queue)
		mem.queue = nil
	}
	if mem.proc != nil {
		go mem.proc.kill()
		mem.proc = nil
	}
}

// drain begins the change of epoch once every batch in flight was answered by all who are left.
// mu is held; fencing is true.
func (m *Mirror) drain() {
	for i := 0; i < len(m.flight); i++ {
		yes, no, silent := m.flight[i].tally(m.insync())
		if len(silent) > 0 {
			return
		}
		if len(yes) == 0 || len(no) == 0 {
			continue
		}
		for _, mem := range no {
			m.remove(mem, fmt.Errorf("batch %d refused: %w", m.flight[i].batch.Head.Sequence, m.flight[i].votes[mem]))
		}
		i = -1 // look again with those who are left
	}
	if m.dead == nil && !m.changing {
		m.changing = true
		m.done.Add(1)
		go m.fence()
	}
}

// fence records the new epoch and lets the mirror go on.
func (m *Mirror) fence() {
	defer m.done.Done()
	err := m.change(nil)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changing = false
	if err != nil {
		m.die(err)
	}
	if m.dead != nil {
		return
	}
	if len(m.insync()) < len(m.history.Last().Members) { // another one was put out meanwhile
		m.drain()
		return
	}
	m.fencing = false
	m.paused--
	m.turn.Broadcast()
	m.advance()
}

// overdue looks at the oldest batch in flight: members silent beyond the deadline are put out if
// another has answered it. If none has, they are all slow, and the mirror waits some deadlines
// before it gives up.
func (m *Mirror) overdue() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead != nil || len(m.flight) == 0 {
		return
	}
	age := m.c.Now().Sub(m.since)
	if age > patience*m.c.WriteDeadline && !m.changing {
		m.die(fmt.Errorf("batch %d unanswered for %v", m.flight[0].batch.Head.Sequence, age.Round(time.Millisecond)))
		return
	}
	yes, no, silent := m.flight[0].tally(m.insync())
	if age <= m.c.WriteDeadline || len(silent) == 0 || len(yes)+len(no) == 0 {
		return
	}
	for _, mem := range silent {
		m.expel(mem, fmt.Errorf("no answer to batch %d within %v", m.flight[0].batch.Head.Sequence, m.c.WriteDeadline))
	}
	m.advance()
}
