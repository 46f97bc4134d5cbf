package raid

import (
	"context"
	"fmt"
	"time"

	"casemate/raid/volume"
)

// Resilver has a volume brought up at once, a detached or a faulted one too; whole fills it anew,
// beside what it holds. It returns when the volume was found and its turn has come; Status tells how
// far it is. A volume in sync that is not to be filled anew stays as it is.
func (m *Mirror) Resilver(ctx context.Context, ref Ref, whole bool) error {
	m.acts.Lock()
	defer m.acts.Unlock()
	m.mu.Lock()
	mem, err := m.find(ref)
	if err == nil && mem.seat.Spare {
		err = fmt.Errorf("%w: a spare waits for its turn", ErrNoVolume)
	}
	if err == nil && whole {
		err = m.dispensable(mem)
	}
	idle := err == nil && mem.role == roleIn && !whole
	m.mu.Unlock()
	if err != nil {
		return fmt.Errorf("bringing up %q: %w", ref, err)
	}
	if idle {
		return nil
	}
	if err := m.summon(ctx, mem, whole); err != nil {
		return fmt.Errorf("bringing up %q: %w", ref, err)
	}
	return nil
}

// summon makes a volume the next to be brought up. acts is held.
func (m *Mirror) summon(ctx context.Context, mem *member, whole bool) error {
	m.mu.Lock()
	in, detached := mem.role == roleIn, mem.seat.Detached
	m.mu.Unlock()
	if !in {
		if err := m.locate(ctx, mem); err != nil {
			return err
		}
	}
	if err := m.budget.forgive(mem.id); err != nil {
		return err
	}
	if whole {
		if err := m.budget.demand(mem.id, mem.state.Generation); err != nil {
			return err
		}
	}
	if detached {
		if err := m.editRoster(func(r *volume.Roster) { seatOf(r, mem.id).Detached = false }); err != nil {
			return err
		}
		m.event(EventRoster, mem, "%q is taken back", mem.dir)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if whole {
		if err := m.dispensable(mem); err != nil { // the others may have gone meanwhile
			return err
		}
	}
	if whole && mem.role == roleIn {
		m.expel(mem, because(CauseBehind, "it is to be filled anew, as was asked"))
		m.advance()
	}
	mem.held, mem.retry, mem.wait = false, time.Time{}, 0
	return nil
}
