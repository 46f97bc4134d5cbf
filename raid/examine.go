package raid

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"casemate/raid/volume"
)

// Examine reads what volumes and state directory say of themselves, starting and writing nothing:
// for a mirror that is not open. Without StateDir only the volumes speak; without Key nothing is
// authenticated, and Command is not used. The mirror's state is the one it would come up in as far
// as that can be seen, or Refused with the choices there were when it last did not open. A volume
// that is there and not of the mirror has slot -1.
func Examine(ctx context.Context, c Config) (Status, error) {
	c.Log, c.Event, c.Witness = slog.New(slog.DiscardHandler), func(Event) {}, nil
	if c.Now == nil {
		c.Now = time.Now
	}
	c.MinCopies = max(c.MinCopies, 1)
	auth, err := newAuthority(c.Key)
	if err != nil {
		return Status{}, err
	}
	auth.blind = c.Key == [32]byte{}
	m := &Mirror{c: c, auth: auth, budget: openBudget(&c)}
	m.turn.L = &m.mu
	o := &opening{m: m}
	if c.StateDir != "" {
		o.loadWitnesses(ctx)
	}
	err = o.muster(ctx)
	if err != nil && !undecidable(err) && !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrCorrupt) {
		return Status{}, err
	}
	s := o.outline()
	if err != nil {
		s.State, s.Why = Refused, err.Error()
		if errors.Is(err, ErrUnavailable) && o.rec != nil {
			s.Volumes = o.remembered()
		}
	}
	if c.StateDir == "" {
		return s, nil
	}
	r, err := readRefused(c.StateDir)
	if r != nil {
		s.State, s.Why, s.Since, s.Choices = Refused, r.Why, r.At, r.Choices
	}
	return s, err
}

// outline is the state of a mirror as it lies there.
func (o *opening) outline() Status {
	m := o.m
	s := Status{Set: m.set.String(), MinCopies: m.c.MinCopies, State: Healthy}
	var best volume.History
	for _, mem := range m.members {
		if mem.place != nil && (best == nil || o.better(mem.place.sb.History, best)) {
			best = mem.place.sb.History
		}
	}
	s.Epoch = best.Last().Number
	var why []string
	in := 0
	for _, mem := range m.members {
		v := o.portray(mem, best)
		s.Volumes = append(s.Volumes, v)
		switch s.Sequence = max(s.Sequence, v.Sequence); v.State {
		case InSync:
			in++
		case Spare:
		case Syncing, Faulted, Missing, Detached:
			s.State = Degraded
			why = append(why, fmt.Sprintf("%q is %s: %s", v.Dir, v.State, v.Why))
		}
	}
	for i := range o.places {
		if p := &o.places[i]; p.sb.Set != (volume.ID{}) && m.byPlace(p) == nil {
			s.Volumes = append(s.Volumes, alien(p))
		}
	}
	if in < m.c.MinCopies {
		s.State = ReadOnly
	}
	s.Why = strings.Join(append(why, o.doubts...), "; ")
	return s
}

// portray is one volume as it lies there; history is the newest there is.
func (o *opening) portray(mem *member, history volume.History) VolumeStatus {
	v := VolumeStatus{
		Slot: mem.slot, ID: mem.id.String(), Dir: mem.dir, Since: mem.since, State: Missing, Cause: mem.cause, Why: mem.reason,
		Faults: o.m.budget.count(mem.id, o.m.c.Now()), Budget: o.m.budget.limit,
	}
	if mem.place == nil {
		if s, ok := o.rec.find(mem.id); ok {
			v.Sequence = s.Sequence
		}
		if mem.seat.Detached {
			v.State, v.Cause, v.Why = Detached, CauseNone, ""
		}
		return v
	}
	sb := mem.place.sb
	v.Sequence, v.Generation, v.Cause, v.Why = mem.place.head.Sequence, sb.Generation, CauseNone, ""
	v.Free, v.Size = room(mem.dir)
	switch e := history.Last(); {
	case mem.seat.Spare && mem.place.blank:
		v.State = Spare
	case mem.seat.Detached:
		v.State = Detached
	case sb.Mark == volume.Failed:
		v.State, v.Since, v.Cause, v.Why = Faulted, sb.Since, CauseSync, sb.Reason
	case mem.held:
		v.State, v.Cause, v.Why = Faulted, CauseErrors, "it used its budget of errors up"
	case sb.Mark != volume.Ready:
		v.State, v.Since, v.Cause, v.Why = Syncing, sb.Since, CauseBehind, sb.Reason
	case !e.Has(mem.id) || !history.Contains(sb.History):
		v.State, v.Cause, v.Why = Faulted, CauseBehind, fmt.Sprintf("it is not in epoch %d", e.Number)
	default:
		v.State = InSync
	}
	return v
}

// alien is a volume that is there and not of the roster.
func alien(p *place) VolumeStatus {
	v := VolumeStatus{
		Slot: -1, ID: p.sb.Volume.String(), Dir: p.dir, State: Faulted, Cause: CauseForeign, Why: "it was retired, or is a copy",
		Sequence: p.head.Sequence, Generation: p.sb.Generation,
	}
	if p.err != nil {
		v.Cause, v.Why = causeOf(p.err), p.err.Error()
	}
	v.Free, v.Size = room(p.dir)
	return v
}

// remembered is what the record knows of volumes of which none was found.
func (o *opening) remembered() (list []VolumeStatus) {
	for i, seat := range o.rec.Roster.Seats {
		v := VolumeStatus{Slot: i, ID: seat.ID.String(), Dir: seat.Dir, State: Missing, Cause: CauseGone}
		if s, ok := o.rec.find(seat.ID); ok {
			v.Sequence = s.Sequence
			if s.State != InSync {
				v.Since, v.Why = s.Since, s.Why
			}
		}
		for _, p := range o.places {
			if p.dir == seat.Dir && p.err != nil {
				v.Cause, v.Why = causeOf(p.err), p.err.Error()
			}
		}
		list = append(list, v)
	}
	return list
}

// room gives the free bytes and the size of a directory's file system.
func room(dir string) (free, size int64) {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return 0, 0
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize // #nosec G115 -- block counts
}
