package raid

import (
	"fmt"
	"strings"
	"time"
)

// Status gives the state as last known; it asks no volume.
func (m *Mirror) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Status{Set: m.set.String(), Sequence: m.head.Sequence, Epoch: m.history.Last().Number, MinCopies: m.c.MinCopies}
	s.State, s.Why = m.condition()
	s.ReadOnly = s.State == ReadOnly
	if s.State != m.shown.state {
		m.shown.state, m.shown.since = s.State, m.c.Now()
	}
	s.Since = m.shown.since
	for _, mem := range m.members {
		if mem.role != roleRetired {
			s.Volumes = append(s.Volumes, m.describe(mem))
		}
	}
	return s
}

// shown is the state that was last given, and since when it is that one.
type shown struct {
	state State
	since time.Time
}

// condition is the mirror's state and why. mu is held.
func (m *Mirror) condition() (State, string) {
	if m.dead != nil {
		return ReadOnly, m.dead.Error()
	}
	in := len(m.insync())
	if in < m.c.MinCopies {
		return ReadOnly, fmt.Sprintf("%d volumes must be in sync for a write, %d are", m.c.MinCopies, in)
	}
	state, why := Healthy, []string(nil)
	for _, mem := range m.members {
		v := mem.standing()
		if v == InSync || v == Spare || mem.role == roleRetired {
			continue
		}
		if why = append(why, fmt.Sprintf("%q is %s: %s", mem.dir, v, mem.reason)); state == Healthy {
			state = Degraded
		}
		if v == Syncing {
			state = Resilvering
		}
	}
	return state, strings.Join(why, "; ")
}

// standing is the state of a member in words for a person. mu is held.
func (mem *member) standing() VolumeState {
	switch {
	case mem.role == roleIn:
		return InSync
	case mem.role == roleSyncing && mem.proc != nil:
		return Syncing
	case mem.role == roleOut && mem.cause == CauseBehind && !mem.held && !mem.seat.Spare && !mem.seat.Detached:
		return Syncing // its turn comes at once
	case mem.seat.Detached:
		return Detached
	case mem.absent():
		return Missing
	case mem.fitSpare():
		return Spare
	}
	return Faulted // a spare that failed too: who counts on it must know
}

// fitSpare says whether a member is a spare that could take the place of another, as far as is known.
func (mem *member) fitSpare() bool {
	return mem.seat.Spare && (mem.cause == CauseNone || mem.cause == CauseOther)
}

// absent says whether there is no volume at its place.
func (mem *member) absent() bool {
	return mem.cause == CauseGone || mem.cause == CauseForeign || mem.cause == CauseUnmount
}

// describe is one volume's part of the state. mu is held.
func (m *Mirror) describe(mem *member) VolumeStatus {
	v := VolumeStatus{
		Slot: mem.slot, ID: mem.id.String(), Dir: mem.dir, State: mem.standing(), Since: mem.since,
		Cause: mem.cause, Why: mem.reason, Sequence: mem.sequence(m.head.Sequence),
		Generation: mem.state.Generation, Free: mem.free, Size: mem.state.Size, Floor: mem.state.Floor,
		Faults: m.budget.count(mem.id, m.c.Now()), Budget: m.budget.limit,
		Progress: mem.progress(m.c.Now()), Landlock: mem.state.Landlock,
	}
	if mem.proc != nil {
		v.PID = mem.state.PID
	}
	if v.State == Detached {
		v.Cause, v.Why = CauseNone, ""
	}
	return v
}

// sequence is the last batch a member is known to have; head is the mirror's. mu is held.
func (mem *member) sequence(head uint64) uint64 {
	if mem.role == roleIn {
		return head
	}
	return max(mem.state.Head.Sequence, mem.known)
}
