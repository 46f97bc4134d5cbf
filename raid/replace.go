package raid

import (
	"context"
	"fmt"

	"casemate/raid/volume"
)

// Replace retires a volume for good and makes an empty directory a member in its place. A volume
// that is in sync, or about to be, is kept until the new one is: so the mirror never has a copy less
// than it could. One that is away, failed or detached is retired at once.
func (m *Mirror) Replace(ctx context.Context, old Ref, dir string) (id string, err error) {
	m.acts.Lock()
	defer m.acts.Unlock()
	mem, err := m.lookup(old)
	if err != nil {
		return "", err
	}
	m.mu.Lock()
	keep, was := mem.role == roleIn || mem.role == roleSyncing && mem.proc != nil, mem.seat
	m.mu.Unlock()
	seat := volume.Seat{Dir: dir, Spare: was.Spare, Replaces: was.Replaces}
	leaving := mem.id
	if keep && was.Replaces == (volume.ID{}) {
		seat.Replaces, leaving = mem.id, volume.ID{}
	}
	if err := m.furnish(ctx, &seat, leaving); err != nil {
		return "", fmt.Errorf("replacing %q by %q: %w", mem.dir, dir, err)
	}
	err = m.editRoster(func(r *volume.Roster) {
		replaces := seat
		if leaving != (volume.ID{}) {
			withoutSeat(r, leaving)
		}
		for i := range r.Seats { // another one was to take its place: it is a member of its own now
			if replaces.Replaces != (volume.ID{}) && r.Seats[i].Replaces == replaces.Replaces {
				r.Seats[i].Replaces = volume.ID{}
			}
		}
		r.Seats = append(r.Seats, replaces)
	})
	if err != nil {
		return "", fmt.Errorf("replacing %q by %q: %w", mem.dir, dir, err)
	}
	m.event(EventRoster, m.member(seat.ID), "%q takes the place of %q", dir, mem.dir)
	return seat.ID.String(), nil
}
