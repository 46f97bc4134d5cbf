package raid

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"casemate/raid/volume"
)

// change declares an epoch of the members in sync, and of joining if not nil.
func (m *Mirror) change(joining *member) error { return m.declareEpoch(joining, nil) }

// declareEpoch declares an epoch of the members in sync, and of joining if not nil, with the roster
// changed by edit: durable on each of them, then with the witnesses. Only then may anything be
// acknowledged under it. A crash in between is harmless: a member with the new epoch and one without
// agree on all batches, the epoch on record is in both histories, and the roster goes with the
// epoch. An epoch that some member may have and another refused stays in the history and is followed
// by one without the other. Nothing is in flight that was not answered.
func (m *Mirror) declareEpoch(joining *member, edit func(*volume.Roster)) error {
	m.changeMu.Lock()
	defer m.changeMu.Unlock()
	m.mu.Lock()
	history := m.history
	m.mu.Unlock()
	var lost error    // why joining is not among them, or nothing is edited
	var roster uint64 // the number of the roster told last
	for {
		p, err := m.draft(history, joining, edit)
		if errors.Is(err, ErrLast) && roster > 0 && edit != nil {
			// Who failed meanwhile was to be left alone. It is out already, and must not stay in the epoch.
			edit, lost = nil, errors.Join(lost, err)
			continue
		}
		if err != nil {
			return errors.Join(lost, err)
		}
		p.roster.Number = max(p.roster.Number, roster)
		history, roster = p.history, p.roster.Number
		failed, err := m.tell(p)
		switch {
		case failed == nil:
			return errors.Join(lost, m.enact(p))
		case failed == joining:
			joining, lost = nil, err
		default: // the epoch without it is what is wanted
			m.mu.Lock()
			m.remove(failed, err)
			m.mu.Unlock()
		}
	}
}

// draft is an epoch about to be declared.
type draft struct {
	history volume.History
	roster  volume.Roster
	in      []*member
	joining *member // comes into service with it; nil none
}

// draft puts the next epoch together. mu is not held.
func (m *Mirror) draft(history volume.History, joining *member, edit func(*volume.Roster)) (draft, error) {
	e := volume.Epoch{Number: history.Last().Number + 1}
	if _, err := rand.Read(e.ID[:]); err != nil {
		return draft{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead != nil {
		return draft{}, m.dead
	}
	in := m.insync()
	if joining != nil {
		if joining.role != roleSyncing || joining.seat.Spare || joining.seat.Detached {
			return draft{}, fmt.Errorf("%w: it was taken out meanwhile", ErrUnavailable)
		}
		in = append([]*member{joining}, in...)
	}
	d := draft{roster: m.nextRoster(joining, edit), joining: joining}
	for _, mem := range in {
		seat, ok := d.roster.Find(mem.id)
		if ok && !seat.Spare && !seat.Detached {
			d.in, e.Members = append(d.in, mem), append(e.Members, mem.id)
		}
	}
	if len(d.in) == 0 {
		return draft{}, ErrLast
	}
	e.Base, e.Digest = m.head.Sequence, m.head.Digest
	d.history = history.With(e)
	return d, nil
}

// nextRoster is the roster as it is to be declared: where volumes are now, the edit, and without
// the one whose place joining takes. mu is held.
func (m *Mirror) nextRoster(joining *member, edit func(*volume.Roster)) volume.Roster {
	r := volume.Roster{Number: m.roster.Number, Seats: slices.Clone(m.roster.Seats)}
	for i := range r.Seats {
		for _, mem := range m.members {
			if mem.id == r.Seats[i].ID {
				r.Seats[i].Dir = mem.dir
			}
		}
	}
	if edit != nil {
		edit(&r)
	}
	if joining != nil {
		for i := range r.Seats {
			if old := r.Seats[i].Replaces; r.Seats[i].ID == joining.id && old != (volume.ID{}) {
				r.Seats[i].Replaces = volume.ID{}
				r.Seats = slices.DeleteFunc(r.Seats, func(s volume.Seat) bool { return s.ID == old })
				break
			}
		}
	}
	if !reflect.DeepEqual(r.Seats, m.roster.Seats) {
		r.Number++
	}
	return r
}

// tell writes a draft to its members, one after the other; it gives the first that failed.
func (m *Mirror) tell(d draft) (*member, error) {
	for _, mem := range d.in {
		if err := m.declareTo(mem, d.history, d.roster); err != nil {
			return mem, fmt.Errorf("recording epoch %d: %w", d.history.Last().Number, err)
		}
	}
	return nil, nil
}

// declareTo has one volume record what is declared.
func (m *Mirror) declareTo(mem *member, history volume.History, roster volume.Roster) error {
	d := volume.Declared{Set: m.set, Volume: mem.id, History: history, Roster: roster}
	m.mu.Lock()
	proc, known := mem.proc, reflect.DeepEqual(mem.declared, d)
	m.mu.Unlock()
	if known {
		return nil
	}
	if proc == nil {
		return ErrUnavailable
	}
	mac, err := m.auth.mac(kindDeclared, d)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience*m.c.WriteDeadline)
	defer cancel()
	if err := m.control(ctx, mem, volume.Request{Act: volume.ActDeclare, Declared: &d, MAC: mac}); err != nil {
		return err
	}
	m.mu.Lock()
	mem.declared = d
	m.mu.Unlock()
	return nil
}

// enact makes a draft that all its members have the mirror's, once the witnesses know it. If they
// cannot be told nothing may be acknowledged any more, and opening again is the way out.
func (m *Mirror) enact(d draft) error {
	m.mu.Lock()
	m.history, m.roster = d.history, d.roster
	m.budget.retain(d.roster)
	m.sit(d.roster)
	m.mu.Unlock()
	err := m.bearWitness(d.history, false)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.die(err)
		return err
	}
	for _, mem := range m.members {
		seat, ok := d.roster.Find(mem.id)
		switch {
		case ok && mem == d.joining:
			m.enterLocked(mem)
		case !ok && mem.role == roleRetired:
		case !ok:
			m.part(mem, d, because(CauseForeign, "it was retired"))
			mem.role = roleRetired
		case (seat.Detached || seat.Spare) && mem.role != roleOut:
			m.part(mem, d, because(CauseOther, "taken out"))
		}
	}
	return nil
}

// sit gives every volume of a roster its seat: a new one becomes a member that is to be filled. mu is
// held.
func (m *Mirror) sit(r volume.Roster) {
	for _, seat := range r.Seats {
		i := slices.IndexFunc(m.members, func(mem *member) bool { return mem.id == seat.ID })
		if i >= 0 {
			mem := m.members[i]
			if mem.seat.Spare && !seat.Spare { // promoted: its time begins now
				mem.since, mem.held, mem.retry, mem.wait = m.c.Now(), false, time.Time{}, 0
				mem.cause, mem.reason = CauseBehind, "it takes the place of another"
			}
			mem.seat = seat
			continue
		}
		mem := &member{slot: len(m.members), id: seat.ID, seat: seat, dir: seat.Dir, since: m.c.Now()}
		if !seat.Spare {
			mem.out(m.c.Now(), because(CauseBehind, "it is new and empty"))
		}
		m.members = append(m.members, mem)
	}
}

// part lets a volume go that was taken out on purpose: it is told so, for whoever finds it alone one
// day, and closed cleanly, as far as it answers. mu is held.
func (m *Mirror) part(mem *member, d draft, why error) {
	proc := mem.proc
	if mem.role == roleSyncing { // whoever is bringing it up finds it closed, and gives up
		mem.role = roleOut
		mem.out(m.c.Now(), why)
	} else {
		mem.proc = nil
		m.leave(mem, why)
	}
	if proc == nil {
		return
	}
	v := volume.Declared{Set: m.set, Volume: mem.id, History: d.history, Roster: d.roster}
	m.done.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience*m.c.WriteDeadline)
		defer cancel()
		mac, err := m.auth.mac(kindDeclared, v)
		if err == nil {
			_, err = proc.client.Control(ctx, volume.Request{Act: volume.ActDeclare, Declared: &v, MAC: mac})
		}
		if err = errors.Join(err, proc.stop(ctx)); err != nil {
			m.c.Log.Warn("letting a volume go", "dir", mem.dir, "error", err)
		}
	})
}
