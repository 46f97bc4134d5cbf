package raid

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"casemate/raid/volume"
)

// Undecided is the error of a mirror that does not open before persons decide what the truth is.
// errors.Is finds in it why: ErrNotWitnessed, ErrFork or ErrRolledBack.
type Undecided struct {
	Err     error
	Choices []Choice // what there is to choose from; none if no volume present holds a whole state
}

func (u *Undecided) Error() string { return u.Err.Error() }
func (u *Undecided) Unwrap() error { return u.Err }

// undecidable says whether an error is for persons to decide on.
func undecidable(err error) bool {
	return errors.Is(err, ErrNotWitnessed) || errors.Is(err, ErrFork) || errors.Is(err, ErrRolledBack)
}

// undecided lays out what persons may choose from. The volumes are as they were started.
func (o *opening) undecided(err error) *Undecided {
	u := &Undecided{Err: err}
	for _, mem := range o.m.members {
		if mem.eligible() {
			u.Choices = append(u.Choices, o.choice(mem))
		}
	}
	for _, mem := range o.last() {
		u.Choices = append(u.Choices, o.choice(mem))
	}
	return u
}

// recognise keeps a volume that was retired in mind: when nothing else is left persons may want it back.
// Of copies the one further along counts.
func (o *opening) recognise(p *place) {
	for _, mem := range o.retired {
		if mem.id == p.sb.Volume {
			if p.ahead(mem.place) {
				mem.place, mem.dir = p, p.dir
			}
			return
		}
	}
	seat := volume.Seat{ID: p.sb.Volume, Dir: p.dir, Detached: true}
	o.retired = append(o.retired, &member{slot: -1, id: seat.ID, seat: seat, dir: p.dir, place: p, retired: true})
}

// last gives the retired volumes that hold a state, if no volume of the roster does.
func (o *opening) last() (list []*member) {
	for _, mem := range o.m.members {
		if mem.eligible() {
			return nil
		}
	}
	for _, mem := range o.retired {
		if mem.eligible() {
			list = append(list, mem)
		}
	}
	return list
}

// reinstate makes a retired volume that persons chose a member again; nil if it is not there.
func (o *opening) reinstate(id volume.ID) *member {
	for _, mem := range o.last() {
		if mem.id == id {
			mem.slot = len(o.m.members)
			o.m.members = append(o.m.members, mem)
			return mem
		}
	}
	return nil
}

// eligible says whether a volume holds a state that could be the truth, be it for lack of a better
// one: not one that is being filled from nothing, and none whose database does not open.
func (mem *member) eligible() bool {
	if mem.seat.Spare || mem.place == nil {
		return false
	}
	switch mem.mark() {
	case volume.Rebuilding, volume.Empty:
		return false
	case volume.Failed:
		return true
	case volume.Ready, volume.Syncing:
	}
	if mem.seat.Detached && mem.proc == nil {
		return true
	}
	return mem.proc != nil && mem.state.Opened
}

// mark is what a volume says of itself; of one that was not started, its superblock.
func (mem *member) mark() volume.Mark {
	if mem.proc == nil {
		return mem.place.sb.Mark
	}
	return mem.state.Mark
}

// reach is the newest batch a volume has, as far as it can be seen without trusting it.
func (mem *member) reach() volume.Head {
	if mem.proc != nil && mem.state.Opened {
		return mem.state.Head
	}
	return mem.place.head
}

// past is the history a volume knows of.
func (mem *member) past() volume.History {
	if mem.proc == nil {
		return mem.place.sb.History
	}
	return mem.declared.History
}

// choice says what it means to take one volume for the truth.
func (o *opening) choice(mem *member) Choice {
	head, last := mem.reach(), mem.past().Last()
	c := Choice{
		Dir: mem.dir, Volume: mem.id.String(), Epoch: last.Number,
		Sequence: head.Sequence, Written: mem.place.written.UTC(), member: mem,
	}
	var lost []string
	lost = append(lost, o.recorded(mem, &c)...)
	lost = append(lost, own(mem, &c)...)
	for _, other := range o.m.members {
		if other == mem || other.seat.Spare || other.place == nil {
			continue
		}
		c.Anew = append(c.Anew, other.dir)
		if other.eligible() {
			lost = append(lost, between(mem, other)...)
		}
	}
	if len(lost) == 0 {
		lost = []string{"nothing that is known"}
	}
	c.Loses = strings.Join(lost, "; ")
	id := sha256.Sum256(fmt.Appendf(nil, "casemate choice 2\n%s\n%s\n%d %s\n%d %s\n%s\n%s\n%q\n", o.m.set, mem.id,
		last.Number, last.ID, head.Sequence, hex.EncodeToString(head.Digest[:]), mem.mark(), c.Loses, c.Anew))
	c.ID = hex.EncodeToString(id[:16])
	return c
}

// recorded says what a volume lacks of what the witnesses know.
func (o *opening) recorded(mem *member, c *Choice) (lost []string) {
	w, head, history := o.w, mem.reach(), mem.past()
	if o.also != nil {
		w = o.also
	}
	if w == nil {
		c.Doubt = true
		return []string{"nothing is on record outside the volumes: whatever others may hold that are not here"}
	}
	if w.Head > head.Sequence {
		c.Missing = w.Head - head.Sequence
		lost = append(lost, fmt.Sprintf("the batches %d to %d, which are on record", head.Sequence+1, w.Head))
	}
	if e, ok := history.Find(w.Epoch); !ok && history.Last().Number < w.Epoch || ok && (e.ID != w.EpochID || !e.Has(mem.id)) {
		c.Doubt = true
		lost = append(lost, fmt.Sprintf("an unknown number of batches written since epoch %d without it", w.Epoch))
	} else if c.Missing > 0 {
		c.Doubt = true
		lost = append(lost, "whatever was written after that")
	}
	return lost
}

// own says what a volume may have lost by itself.
func own(mem *member, c *Choice) (lost []string) {
	st := mem.state
	if mem.retired {
		c.Doubt = true
		lost = append(lost, "whatever was written after it was retired from the mirror")
	}
	switch {
	case mem.mark() == volume.Failed:
		c.Doubt = true
		lost = append(lost, "what it wrote last, of which it could not say whether it is on its disk")
	case mem.mark() == volume.Syncing:
		c.Doubt = true
		lost = append(lost, fmt.Sprintf("whatever it had not been given yet: it was being brought up, and mixes batch %d with later ones", mem.reach().Sequence))
	case st.Behind():
		c.Missing = max(c.Missing, st.Ring.Sequence-st.Head.Sequence)
		lost = append(lost, fmt.Sprintf("the batches %d to %d, which it had and lost", st.Head.Sequence+1, st.Ring.Sequence))
	}
	return lost
}

// between says what another volume holds that a volume lacks.
func between(mem, other *member) []string {
	head, theirs := mem.reach(), other.reach()
	common := mem.past().Common(other.past())
	next, ok := other.past().Find(common.Number + 1)
	switch {
	case common.Number == 0:
		return []string{fmt.Sprintf("all %d batches of %q: their histories share nothing", theirs.Sequence, other.dir)}
	case ok && theirs.Sequence > next.Base && mem.past().Last().Number > common.Number:
		return []string{fmt.Sprintf("the batches %d to %d as %q has them", next.Base+1, theirs.Sequence, other.dir)}
	case theirs.Sequence > head.Sequence:
		return []string{fmt.Sprintf("the batches %d to %d, which %q has", head.Sequence+1, theirs.Sequence, other.dir)}
	case theirs.Sequence == head.Sequence && theirs.Digest != head.Digest:
		return []string{fmt.Sprintf("batch %d as %q has it, and perhaps some before", head.Sequence, other.dir)}
	}
	return nil
}
