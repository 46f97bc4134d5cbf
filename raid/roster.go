package raid

import (
	"fmt"
	"path/filepath"
	"strings"

	"casemate/raid/volume"
)

// Ref names a volume: its directory, its identity, or the first eight digits of that.
type Ref string

// shortRef is the fewest digits of an identity that name a volume.
const shortRef = 8

// find gives the member a name stands for. mu is held.
func (m *Mirror) find(ref Ref) (*member, error) {
	name := strings.ToLower(string(ref))
	dir, err := filepath.Abs(string(ref))
	if err != nil {
		return nil, err
	}
	var found []*member
	for _, mem := range m.members {
		if mem.role == roleRetired {
			continue
		}
		if mem.dir == dir || len(name) >= shortRef && strings.HasPrefix(mem.id.String(), name) {
			found = append(found, mem)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%w: %q names %d of them", ErrNoVolume, ref, len(found))
	}
	return found[0], nil
}

// lookup is find for who does not hold mu.
func (m *Mirror) lookup(ref Ref) (*member, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.find(ref)
}

// dispensable says whether the mirror can do without a member: enough others are in sync, for writing
// too. mu is held.
func (m *Mirror) dispensable(mem *member) error {
	if mem.role != roleIn {
		return nil
	}
	if left := len(m.insync()) - 1; left < max(1, m.c.MinCopies) {
		return fmt.Errorf("%w: %d without %q, %d are needed", ErrLast, left, mem.dir, max(1, m.c.MinCopies))
	}
	return nil
}

// editRoster declares a changed roster, writers held back for the moment. Acts are serialised by
// the caller, who holds acts.
func (m *Mirror) editRoster(edit func(*volume.Roster)) error {
	if err := m.pause(); err != nil {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	defer m.resume()
	return m.declareEpoch(nil, edit)
}

// seatOf gives the seat of a volume in a roster that is being edited; nil if it has none.
func seatOf(r *volume.Roster, id volume.ID) *volume.Seat {
	for i := range r.Seats {
		if r.Seats[i].ID == id {
			return &r.Seats[i]
		}
	}
	return nil
}

// withoutSeat takes a volume from a roster, also as one to be replaced.
func withoutSeat(r *volume.Roster, id volume.ID) {
	var left []volume.Seat
	for _, s := range r.Seats {
		if s.Replaces == id {
			s.Replaces = volume.ID{}
		}
		if s.ID != id {
			left = append(left, s)
		}
	}
	r.Seats = left
}

// members counts the volumes of a roster that hold, or are to hold, the mirror's data.
func members(r volume.Roster) (n int) {
	for _, s := range r.Seats {
		if !s.Spare {
			n++
		}
	}
	return n
}
