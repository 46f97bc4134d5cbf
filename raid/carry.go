package raid

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"casemate/raid/volume"
)

// errStale is a plan that does not fit the volumes any more.
var errStale = errors.New("the decision does not fit the volumes any more")

// openDecided is Open where persons may have decided something. A plan already begun is gone on with;
// a decision is turned into a plan only if its choice is among those there are now; whatever else is
// waiting is dropped once the mirror opens by itself, or when it does not fit.
func openDecided(ctx context.Context, c Config) (*Mirror, error) {
	d, err := readDecision(c.StateDir)
	if err != nil {
		c.Log.Error("a decision that cannot be read is dropped", "error", err)
		d = nil
		if err := dropNotes(c.StateDir, decisionFile); err != nil {
			return nil, err
		}
	}
	if d != nil && d.Plan != nil {
		m, err := open(ctx, c, d)
		if !errors.Is(err, errStale) {
			return m, err
		}
		c.Log.Error("a decision half carried out does not fit any more", "error", err)
	}
	m, err := open(ctx, c, nil)
	var u *Undecided
	switch {
	case err == nil:
		return m, nil // it has dropped the notes
	case !errors.As(err, &u):
		return nil, err
	case d == nil:
		return nil, errors.Join(u, saveNote(c.StateDir, refusedFile, refusedName, note(&c, u)))
	}
	if d.Plan = u.plan(d.Choice); d.Plan == nil {
		c.Log.Error("the decision is for something that is no longer to be chosen, and is dropped", "choice", d.Choice, "by", d.By)
		return nil, errors.Join(u, saveNote(c.StateDir, refusedFile, refusedName, note(&c, u)), dropNotes(c.StateDir, decisionFile))
	}
	if _, err := rand.Read(d.Plan.Epoch[:]); err != nil {
		return nil, err
	}
	if err := d.save(c.StateDir); err != nil {
		return nil, err
	}
	return open(ctx, c, d)
}

func note(c *Config, u *Undecided) refused {
	return refused{At: c.Now().UTC(), Why: clip(u.Error(), 4000), Choices: u.Choices}
}

// plan begins to carry a choice out; nil if there is none of that name.
func (u *Undecided) plan(choice string) *plan {
	for _, c := range u.Choices {
		if c.ID == choice {
			return &plan{Volume: c.member.id, After: c.member.past().Last().ID, Head: c.Sequence, Loses: c.Loses}
		}
	}
	return nil
}

// carry makes the volume that persons chose the only member of an epoch, and so the truth. Each step
// may be done again: the volume takes what it holds for whole, it is told of the epoch, the witnesses
// are, and only then does the decision become the one carried out last.
func (o *opening) carry(ctx context.Context, d *decision) (*member, error) {
	m, p := o.m, d.Plan
	chosen := m.member(p.Volume)
	if chosen == nil {
		chosen = o.reinstate(p.Volume)
	}
	if chosen == nil || chosen.place == nil {
		return nil, fmt.Errorf("%w: the volume %s is not there", errStale, short(p.Volume))
	}
	if chosen.proc == nil { // it was detached, or did not start
		if err := m.launch(ctx, chosen); err != nil {
			return nil, fmt.Errorf("starting the volume that was chosen: %w", err)
		}
	}
	last := chosen.declared.History.Last()
	if done := last.ID == p.Epoch; !done && (last.ID != p.After || chosen.reach().Sequence > p.Head) {
		return nil, fmt.Errorf("%w: %q is at epoch %d, batch %d", errStale, chosen.dir, last.Number, chosen.reach().Sequence)
	}
	if err := m.control(ctx, chosen, volume.Request{Act: volume.ActTrust}); err != nil {
		return nil, fmt.Errorf("opening the volume that was chosen: %w", err)
	}
	m.history, m.head, m.next = chosen.declared.History, chosen.state.Head, chosen.state.Head
	if last.ID != p.Epoch {
		m.history = m.history.With(volume.Epoch{
			Number: last.Number + 1, ID: p.Epoch, Members: []volume.ID{chosen.id}, Base: m.head.Sequence, Digest: m.head.Digest, Decided: true,
		})
	}
	if err := m.verifyKey(ctx, chosen); err != nil {
		return nil, err
	}
	m.roster.Number = max(m.roster.Number, chosen.declared.Roster.Number)
	m.roster = m.nextRoster(nil, func(r *volume.Roster) { o.seatChosen(r, chosen) })
	m.sit(m.roster)
	if err := m.declareTo(chosen, m.history, m.roster); err != nil {
		return nil, fmt.Errorf("declaring what was decided: %w", err)
	}
	m.enter(chosen)
	m.changeMu.Lock()
	err := m.bearWitness(m.history, false)
	m.changeMu.Unlock()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(saveNote(m.c.StateDir, decidedFile, decisionName, d), dropNotes(m.c.StateDir, decisionFile)); err != nil {
		return nil, err
	}
	m.event(EventDecided, chosen, "%s decided that %q is the truth, at batch %d; lost: %s", d.By, chosen.dir, m.head.Sequence, p.Loses)
	return chosen, nil
}

// seatChosen gives the volume that persons chose a seat in the roster. If all are taken, one whose volume is
// not there gives way.
func (o *opening) seatChosen(r *volume.Roster, chosen *member) {
	if seat := seatOf(r, chosen.id); seat != nil {
		seat.Detached = false
		return
	}
	for _, mem := range o.m.members {
		if len(r.Seats) >= volume.MaxVolumes && mem.place == nil {
			withoutSeat(r, mem.id)
		}
	}
	r.Seats = append(r.Seats, volume.Seat{ID: chosen.id, Dir: chosen.dir})
}
