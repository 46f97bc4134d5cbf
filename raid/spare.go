package raid

import (
	"context"
	"errors"
	"fmt"

	"casemate/raid/volume"
)

// promote puts a spare in the place of a volume that failed for good, or was missed for SpareAfter.
// The lost one becomes a spare to be. One epoch says both: a crash leaves it as it was or done.
func (m *Mirror) promote(ctx context.Context) error {
	if lost, _ := m.vacancy(); lost == nil {
		return nil
	}
	m.acts.Lock()
	defer m.acts.Unlock()
	lost, spares := m.vacancy() // again, now that nobody changes the roster
	if lost == nil {
		return nil
	}
	for _, spare := range spares {
		if err := m.locate(ctx, spare); err != nil {
			m.tellSpare(spare, err)
			continue
		}
		err := m.editRoster(func(r *volume.Roster) {
			a, b := seatOf(r, lost.id), seatOf(r, spare.id)
			a.Spare, b.Spare, b.Replaces, a.Replaces = true, false, a.Replaces, volume.ID{}
		})
		if err != nil {
			return fmt.Errorf("promoting the spare %q: %w", spare.dir, err)
		}
		m.event(EventPromoted, spare, "the spare takes the place of %q: %s", lost.dir, lost.reason)
		return nil
	}
	return nil
}

// vacancy gives a volume that is to be replaced by a spare, and the spares there are.
func (m *Mirror) vacancy() (lost *member, spares []*member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead != nil || m.closed || len(m.insync()) == 0 {
		return nil, nil
	}
	now := m.c.Now()
	for _, mem := range m.members {
		switch {
		case mem.role == roleRetired, mem.seat.Detached, mem.role == roleIn:
		case mem.fitSpare():
			spares = append(spares, mem)
		case mem.seat.Spare: // not there, or failed
		case mem.role == roleSyncing && mem.proc != nil: // on its way back
		case lost == nil && (mem.cause == CauseSync || mem.held || now.Sub(mem.since) >= m.c.SpareAfter):
			lost = mem
		}
	}
	if len(spares) == 0 {
		return nil, nil
	}
	return lost, spares
}

// tendSpares looks whether spares are there, and empties those that hold what they had when their
// place was taken. They are emptied only once every volume is in sync: until then what they hold may
// be the last copy of something.
func (m *Mirror) tendSpares(ctx context.Context) {
	m.acts.Lock()
	defer m.acts.Unlock()
	m.mu.Lock()
	var spares []*member
	for _, mem := range m.members {
		if mem.seat.Spare && mem.role == roleOut {
			spares = append(spares, mem)
		}
	}
	whole := len(m.insync()) == m.wanted() && m.dead == nil
	m.mu.Unlock()
	for _, mem := range spares {
		err := m.locate(ctx, mem)
		if err == nil {
			p := survey(ctx, []string{mem.dir})[0]
			switch err = p.err; {
			case err != nil || p.blank:
			case p.sb.Mark == volume.Failed || mem.cause == CauseSync:
				err = because(CauseSync, "its disk failed: a spare would be better off on another one")
			default:
				err = because(CauseOther, "it is emptied once every volume is in sync")
				if whole {
					err = m.empty(ctx, mem)
				}
			}
		}
		m.tellSpare(mem, err)
	}
}

// tellSpare notes what a spare is like.
func (m *Mirror) tellSpare(mem *member, err error) {
	m.mu.Lock()
	news, dir := err != nil && err.Error() != mem.reason, mem.dir
	switch {
	case err != nil:
		mem.out(m.c.Now(), err)
	case mem.cause != CauseNone || mem.since.IsZero():
		mem.cause, mem.reason, mem.since = CauseNone, "", m.c.Now()
	}
	m.mu.Unlock()
	if news {
		m.c.Log.Warn("a spare is not ready", "dir", dir, "error", err)
	}
}

// empty erases what a volume that became a spare still holds. acts is held, so it stays a spare.
func (m *Mirror) empty(ctx context.Context, mem *member) error {
	proc, err := start(m.c.Command, mem.dir, m.c.Log)
	if err != nil {
		return err
	}
	m.running.Go(func() { <-proc.exited })
	defer proc.kill()
	ctx, cancel := context.WithTimeout(ctx, openWait)
	defer cancel()
	st, err := proc.client.Hello(ctx, m.c.MinFree, true)
	if err != nil {
		return err
	}
	if !m.owns(mem, st) {
		return because(CauseForeign, "%q does not hold the volume %s of this mirror", mem.dir, short(mem.id))
	}
	if _, err := proc.client.Control(ctx, volume.Request{Act: volume.ActErase}); err != nil {
		return fmt.Errorf("erasing it: %w", err)
	}
	m.event(EventRoster, mem, "the spare in %q was emptied", mem.dir)
	return errors.Join(m.budget.forgive(mem.id), proc.stop(ctx))
}
