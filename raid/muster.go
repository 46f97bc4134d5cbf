package raid

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"casemate/raid/volume"
)

// opening is what is known of a mirror before it is in service.
type opening struct {
	m      *Mirror
	rec    *record // of the state directory, nil if it has none to believe
	w      *mark   // the newest mark of all witnesses, nil if there is none
	also   *mark   // the state directory's, of a later epoch though its order is lower: it holds too
	places []place
	// configured are the directories of the configuration, absolute.
	configured []string
	doubts     []string  // what a person has to know about witnesses that were of no use
	retired    []*member // volumes that left the roster and are there, none of them started
}

// muster finds the mirror's volumes by their identity, wherever they lie, and seats them: looked
// at are the configured directories and those where any roster found last saw a volume. Nothing is
// started and nothing written.
func (o *opening) muster(ctx context.Context) error {
	var known []string
	if o.rec != nil {
		known = seatDirs(o.rec.Roster)
	}
	var err error
	if o.configured, err = absolute(o.m.c.Dirs); err != nil {
		return err
	}
	dirs, err := absolute(o.configured, known)
	if err != nil {
		return err
	}
	for len(dirs) > 0 {
		from := len(o.places)
		o.places = append(o.places, survey(ctx, dirs)...)
		o.judge(o.places[from:])
		dirs = o.unseen()
	}
	if err := o.name(); err != nil {
		return err
	}
	roster, err := o.roster()
	if err != nil {
		return err
	}
	o.m.roster = roster
	o.m.budget.retain(roster)
	for _, seat := range roster.Seats {
		o.m.members = append(o.m.members, o.seat(seat))
	}
	o.strays()
	return nil
}

// judge refuses superblocks that the mirror did not declare.
func (o *opening) judge(places []place) {
	for i := range places {
		p := &places[i]
		if p.err == nil && !o.m.auth.holds(kindDeclared, p.sb.Declared, p.sb.MAC) {
			p.err = because(CauseForeign, "the superblock in %q is not authentic", p.dir)
		}
	}
}

// unseen gives the directories that rosters name and nobody has looked at.
func (o *opening) unseen() (dirs []string) {
	var seen []string
	for _, p := range o.places {
		seen = append(seen, p.dir)
	}
	for _, p := range o.places {
		if p.err != nil {
			continue
		}
		for _, dir := range seatDirs(p.sb.Roster) {
			if !slices.Contains(seen, dir) {
				seen, dirs = append(seen, dir), append(dirs, dir)
			}
		}
	}
	return dirs
}

// name settles which mirror this is: the one on record, or that of all volumes found.
func (o *opening) name() error {
	m := o.m
	if o.w != nil {
		m.set = o.w.Set
	}
	var errs []error
	for i := range o.places {
		p := &o.places[i]
		if p.err != nil {
			errs = append(errs, p.err)
			continue
		}
		switch {
		case m.set == volume.ID{}:
			m.set = p.sb.Set
		case p.sb.Set != m.set && o.w == nil:
			return fmt.Errorf("%w: %q belongs to the mirror %s, another volume to %s, and nothing is on record",
				ErrFork, p.dir, p.sb.Set, m.set)
		case p.sb.Set != m.set:
			p.err = because(CauseForeign, "the volume in %q belongs to another mirror, %s", p.dir, p.sb.Set)
			errs = append(errs, p.err)
		}
	}
	if len(errs) == len(o.places) {
		return o.nothing(errs)
	}
	return nil
}

// nothing says why no volume was found.
func (o *opening) nothing(errs []error) error {
	kind := ErrUnavailable
	for _, p := range o.places {
		if p.sb.Set != (volume.ID{}) && !o.m.auth.holds(kindDeclared, p.sb.Declared, p.sb.MAC) {
			kind = fmt.Errorf("%w: is the key right?", ErrCorrupt)
		}
	}
	return fmt.Errorf("%w: %w", kind, errors.Join(errs...))
}

// roster gives the newest roster there is: that of the newest epoch, for every change of the roster
// is declared with an epoch of its own. A history that has the epoch on record goes before one
// that has not.
func (o *opening) roster() (volume.Roster, error) {
	var best *place
	for i := range o.places {
		p := &o.places[i]
		if p.err == nil && (best == nil || o.better(p.sb.History, best.sb.History)) {
			best = p
		}
	}
	if o.rec != nil && o.rec.Mark.Set == o.m.set {
		if h := best.sb.History; !h.Knows(o.rec.Mark.Epoch, o.rec.Mark.EpochID) && h.Last().Number <= o.rec.Mark.Epoch {
			return o.rec.Roster, nil
		}
	}
	return best.sb.Roster, nil
}

// better says whether a history is rather the mirror's than another.
func (o *opening) better(a, b volume.History) bool {
	if o.w != nil {
		if x, y := a.Knows(o.w.Epoch, o.w.EpochID), b.Knows(o.w.Epoch, o.w.EpochID); x != y {
			return x
		}
	}
	return a.Last().Number > b.Last().Number
}

// seat makes the member of a seat and finds its place.
func (o *opening) seat(seat volume.Seat) *member {
	mem := &member{slot: len(o.m.members), id: seat.ID, seat: seat, dir: seat.Dir}
	mem.out(o.m.c.Now(), because(CauseGone, "there is no volume in %q", seat.Dir))
	for i := range o.places {
		switch p := &o.places[i]; {
		case p.dir == seat.Dir && p.err != nil:
			mem.out(o.m.c.Now(), p.err)
		case p.err != nil || p.sb.Volume != seat.ID:
		case mem.place == nil || o.rather(p, mem.place, seat.Dir):
			mem.place, mem.dir = p, p.dir
		}
	}
	mem.held = o.m.budget.held(seat.ID)
	was, ok := o.rec.find(seat.ID)
	switch {
	case mem.place == nil:
	case seat.Spare && !mem.place.blank && was.Cause == CauseSync:
		mem.cause, mem.reason = CauseSync, was.Why
	case seat.Spare:
		mem.cause, mem.reason = CauseNone, ""
	case seat.Detached:
		mem.cause, mem.reason = CauseOther, "it was detached"
	default:
		mem.cause, mem.reason = CauseOther, "it was not started"
	}
	switch {
	case ok && was.State == InSync:
		mem.steady, mem.known = was.Since, was.Sequence
	case ok:
		mem.since, mem.known = was.Since, was.Sequence
	}
	if mem.place != nil {
		mem.known = mem.place.head.Sequence
	}
	return mem
}

// rather says which of two copies of a volume is taken: what is configured before what is only
// remembered, then the one that is where the volume was last, then the one further along. Whichever
// it is, it is the truth only if the witnesses know it.
func (o *opening) rather(p, q *place, last string) bool {
	configured := func(x *place) bool { return slices.Contains(o.configured, x.dir) }
	switch {
	case configured(p) != configured(q):
		return configured(p)
	case (p.dir == last) != (q.dir == last):
		return p.dir == last
	}
	return p.ahead(q)
}

// strays tells of directories that hold something else than a volume of the roster.
func (o *opening) strays() {
	for i := range o.places {
		p := &o.places[i]
		owner := o.m.byPlace(p)
		switch {
		case owner != nil && owner.place == p:
		case owner != nil && owner.place.inode == p.inode:
			o.m.c.Log.Warn("one volume under two names", "dir", p.dir, "used", owner.dir)
		case owner != nil:
			o.m.event(EventRoster, nil, "%q holds a copy of the volume in %q and is left alone", p.dir, owner.dir)
		case p.err == nil:
			o.recognise(p)
			o.m.event(EventRoster, nil, "%q holds the volume %s, which was retired from this mirror; it is left alone and can be added again once emptied",
				p.dir, short(p.sb.Volume))
		case !slices.Contains(seatDirs(o.m.roster), p.dir):
			o.m.c.Log.Warn("a configured directory is not part of the mirror; `casemated raid add` or `replace` makes it one",
				"dir", p.dir, "error", p.err)
		}
	}
}

// byPlace gives the member whose identity a place shows.
func (m *Mirror) byPlace(p *place) *member {
	if p.err != nil {
		return nil
	}
	for _, mem := range m.members {
		if mem.id == p.sb.Volume {
			return mem
		}
	}
	return nil
}

// short names a volume for a person.
func short(id volume.ID) string { return id.String()[:8] }
