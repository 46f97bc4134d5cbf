package raid

import (
	"context"
	"fmt"

	"casemate/raid/volume"
)

// Remove retires a volume for good: its directory is not taken back before it was emptied. ErrLast
// if the mirror cannot do without it.
func (m *Mirror) Remove(_ context.Context, ref Ref) error {
	m.acts.Lock()
	defer m.acts.Unlock()
	m.mu.Lock()
	mem, err := m.find(ref)
	if err == nil {
		err = m.dispensable(mem)
	}
	if err == nil && !mem.seat.Spare && members(m.roster) == 1 {
		err = fmt.Errorf("%w: it is the only member", ErrLast)
	}
	m.mu.Unlock()
	if err != nil {
		return fmt.Errorf("removing %q: %w", ref, err)
	}
	if err := m.editRoster(func(r *volume.Roster) { withoutSeat(r, mem.id) }); err != nil {
		return fmt.Errorf("removing %q: %w", ref, err)
	}
	m.event(EventRoster, mem, "%q was removed", mem.dir)
	return nil
}

// Detach closes a volume cleanly, to be carried away; it returns when the volume's process has
// ended. The volume stays in the roster and is brought up when Resilver asks for it again. ErrLast
// if the mirror cannot do without it.
func (m *Mirror) Detach(ctx context.Context, ref Ref) error {
	m.acts.Lock()
	defer m.acts.Unlock()
	m.mu.Lock()
	mem, err := m.find(ref)
	var proc *process
	if err == nil {
		proc, err = mem.proc, m.dispensable(mem)
	}
	if err == nil && mem.seat.Spare {
		err = fmt.Errorf("%w: a spare holds nothing and is removed instead", ErrDirectory)
	}
	m.mu.Unlock()
	if err != nil {
		return fmt.Errorf("detaching %q: %w", ref, err)
	}
	if err := m.editRoster(func(r *volume.Roster) { seatOf(r, mem.id).Detached = true }); err != nil {
		return fmt.Errorf("detaching %q: %w", ref, err)
	}
	m.event(EventRoster, mem, "%q was detached", mem.dir)
	if proc == nil {
		return nil
	}
	select {
	case <-proc.exited:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for %q to close: %w", mem.dir, ctx.Err())
	}
}
