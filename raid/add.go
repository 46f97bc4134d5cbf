package raid

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"casemate/raid/volume"
)

// Add makes an empty directory a volume of the mirror: a member, filled in the background, or a
// spare. It gives the new volume's identity. The directory may be one that an Add or Replace cut
// short left with a volume that holds nothing.
//
// The volume is made first, then the roster is declared that has it: a crash in between leaves a
// directory that nobody counts on.
func (m *Mirror) Add(ctx context.Context, dir string, spare bool) (id string, err error) {
	m.acts.Lock()
	defer m.acts.Unlock()
	seat := volume.Seat{Dir: dir, Spare: spare}
	if err := m.furnish(ctx, &seat, volume.ID{}); err != nil {
		return "", fmt.Errorf("adding %q: %w", dir, err)
	}
	if err := m.editRoster(func(r *volume.Roster) { r.Seats = append(r.Seats, seat) }); err != nil {
		return "", fmt.Errorf("adding %q: %w", dir, err)
	}
	m.event(EventRoster, m.member(seat.ID), "%q was added%s", dir, map[bool]string{true: " as a spare"}[spare])
	return seat.ID.String(), nil
}

// furnish makes an empty volume in a seat's directory, and names it. leaving is a volume that gives
// its place up, the zero identity for none. acts is held.
func (m *Mirror) furnish(ctx context.Context, seat *volume.Seat, leaving volume.ID) error {
	m.mu.Lock()
	d := volume.Declared{Set: m.set, History: m.history, Roster: m.nextRoster(nil, nil)}
	dead := m.dead
	m.mu.Unlock()
	if dead != nil {
		return fmt.Errorf("%w: %w", ErrReadOnly, dead)
	}
	if len(d.Roster.Seats) >= volume.MaxVolumes && leaving == (volume.ID{}) {
		return fmt.Errorf("%w: a mirror has at most %d volumes", ErrDirectory, volume.MaxVolumes)
	}
	if err := m.vacant(ctx, seat.Dir, d.Roster); err != nil {
		return err
	}
	if _, err := rand.Read(seat.ID[:]); err != nil {
		return err
	}
	if len(d.Roster.Seats) == volume.MaxVolumes {
		withoutSeat(&d.Roster, leaving)
	}
	d.Volume, d.Roster.Seats, d.Roster.Number = seat.ID, append(d.Roster.Seats, *seat), d.Roster.Number+1
	return within(ctx, func() error { return create(m.auth, seat.Dir, d, volume.Empty) })
}

// vacant refuses a directory that cannot become a volume.
func (m *Mirror) vacant(ctx context.Context, dir string, roster volume.Roster) error {
	if !filepath.IsAbs(dir) || filepath.Clean(dir) != dir || len(dir) > volume.MaxPath {
		return fmt.Errorf("%w: it must be an absolute path without detours", ErrDirectory)
	}
	state, err := filepath.Abs(m.c.StateDir)
	if err != nil {
		return err
	}
	for _, other := range append(seatDirs(roster), state) {
		// A new disk often takes the mount point of the one that died.
		if nested(dir, other) && (dir != other || dir == state) {
			return fmt.Errorf("%w: it and %q are one within the other", ErrDirectory, other)
		}
	}
	p := survey(ctx, []string{dir})[0]
	if p.sb.Set == (volume.ID{}) {
		if causeOf(p.err) == CauseGone {
			return nil // no volume: whether it is empty is seen when it is made
		}
		return fmt.Errorf("%w: %w", ErrDirectory, p.err)
	}
	ours := p.sb.Set == m.set && m.auth.holds(kindDeclared, p.sb.Declared, p.sb.MAC)
	if _, seated := roster.Find(p.sb.Volume); seated && ours {
		return fmt.Errorf("%w: it holds the volume %s of this mirror, or a copy of it", ErrDirectory, short(p.sb.Volume))
	}
	switch {
	case ours && p.blank:
		return within(ctx, func() error { return volume.Abandon(dir) })
	case ours:
		return fmt.Errorf("%w: it holds the volume %s, which was retired from this mirror; it must be emptied first",
			ErrDirectory, short(p.sb.Volume))
	}
	return fmt.Errorf("%w: it holds a volume that is not of this mirror; it must be emptied first", ErrDirectory)
}

// nested says whether two directories are the same, or one lies in the other.
func nested(a, b string) bool {
	real := func(dir string) string {
		if r, err := filepath.EvalSymlinks(dir); err == nil {
			dir = r
		}
		return strings.TrimSuffix(dir, "/") + "/"
	}
	a, b = real(a), real(b)
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

// within does something with a disk, but waits no longer than surveyWait for it.
func within(ctx context.Context, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, surveyWait)
	defer cancel()
	got := make(chan error, 1)
	go func() { got <- do() }() // left behind if the disk never answers
	select {
	case err := <-got:
		if errors.Is(err, volume.ErrExists) {
			return fmt.Errorf("%w: %w", ErrDirectory, err)
		}
		return err
	case <-ctx.Done():
		return because(CauseSilent, "its disk does not answer: %w", ctx.Err())
	}
}

// member gives the member of an identity, nil if there is none.
func (m *Mirror) member(id volume.ID) *member {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mem := range m.members {
		if mem.id == id {
			return mem
		}
	}
	return nil
}
