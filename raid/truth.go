package raid

import (
	"context"
	"fmt"
	"strings"

	"casemate/raid/volume"
)

// choose finds the volume whose contents are the truth: of the newest epoch, whole, and the
// furthest along its chain, for every acknowledged batch is on each member of its epoch.
func (o *opening) choose() (*member, error) {
	newest, err := o.newest()
	if err != nil {
		return nil, err
	}
	var truth *member
	var unfit []string
	for _, mem := range o.m.members {
		st := mem.state
		switch {
		case mem.seat.Spare:
		case mem.proc == nil:
			unfit = append(unfit, fmt.Sprintf("%q: %s", mem.dir, mem.reason))
		case !newest.Last().Has(mem.id) || !newest.Contains(mem.declared.History):
			unfit = append(unfit, fmt.Sprintf("%q was put out before epoch %d", mem.dir, newest.Last().Number))
		case !st.Opened || st.Mark != volume.Ready:
			unfit = append(unfit, fmt.Sprintf("%q is marked %q: %s", mem.dir, st.Mark, st.Reason))
		case st.Behind():
			o.m.event(EventBehind, mem, "opened at batch %d, its ring has %d", st.Head.Sequence, st.Ring.Sequence)
			unfit = append(unfit, fmt.Sprintf("%q lost the batches after %d of %d", mem.dir, st.Head.Sequence, st.Ring.Sequence))
		case truth == nil || st.Head.Sequence > truth.state.Head.Sequence:
			truth = mem
		}
	}
	if truth == nil {
		return nil, fmt.Errorf("%w: %s", ErrNotWitnessed, strings.Join(unfit, "; "))
	}
	if o.also != nil {
		if err := o.attest(newest, truth, o.also); err != nil {
			return nil, err
		}
	}
	return truth, o.attest(newest, truth, o.w)
}

// newest gives the longest history of the volumes present; they must all be of one history.
func (o *opening) newest() (volume.History, error) {
	var best *member
	for _, mem := range o.m.members {
		if mem.proc != nil && (best == nil || o.better(mem.declared.History, best.declared.History)) {
			best = mem
		}
	}
	if best == nil {
		var errs []string
		kind := ErrUnavailable
		for _, mem := range o.m.members {
			if errs = append(errs, fmt.Sprintf("%q: %s", mem.dir, mem.reason)); mem.eligible() {
				kind = ErrNotWitnessed
			}
		}
		for _, mem := range o.last() {
			kind, errs = ErrNotWitnessed, append(errs, fmt.Sprintf("%q was retired", mem.dir))
		}
		return nil, fmt.Errorf("%w: %s", kind, strings.Join(errs, "; "))
	}
	line := best.declared.History
	for _, mem := range o.m.members {
		if mem.proc != nil && strayed(line, mem) == strayForked {
			return nil, fork(best, mem)
		}
	}
	return line, nil
}

// stray is how a volume's history differs from the mirror's.
type stray int

const (
	strayNot    stray = iota // it is the beginning of it
	strayUnused              // it has epochs of its own, and no batch of them: a change cut short
	strayAnew                // persons decided on another history: to be filled anew
	strayOld                 // it was away for so long that the mirror remembers no epoch of its
	strayForked              // it went its own way
)

// strayed compares a volume's history with the mirror's. An epoch that was declared to a volume
// and under which it never took a batch is none: nothing was acknowledged under it here.
func strayed(line volume.History, mem *member) stray {
	theirs := mem.declared.History
	if line.Contains(theirs) {
		return strayNot
	}
	st := mem.state
	switch {
	case st.Mark == volume.Rebuilding, st.Mark == volume.Empty: // it holds nothing
		return strayUnused
	case theirs.Last().Number < line[0].Number:
		return strayOld
	}
	common := line.Common(theirs)
	for _, e := range line {
		if e.Number > common.Number && e.Decided {
			return strayAnew
		}
	}
	told := st.Opened || st.Ring.Sequence > 0 // of one that does not open, its ring tells what it took
	if common.Number > 0 && told && st.Head.Epoch <= common.Number && st.Ring.Epoch <= common.Number {
		return strayUnused
	}
	return strayForked
}

// attest checks the truth chosen against a mark. Without one all members of the roster must be present
// and in the newest epoch: they are each other's witnesses.
func (o *opening) attest(newest volume.History, truth *member, w *mark) error {
	if w == nil {
		for _, mem := range o.m.members {
			if !mem.seat.Spare && !mem.seat.Detached && (mem.proc == nil || !newest.Last().Has(mem.id)) {
				return fmt.Errorf("%w: nothing is on record, and %q is not there or was put out",
					ErrNotWitnessed, mem.dir)
			}
		}
		return nil
	}
	known, ok := newest.Find(w.Epoch)
	switch {
	case newest.Last().Number < w.Epoch, ok && known.ID == w.EpochID && !known.Has(truth.id):
		return fmt.Errorf("%w: epoch %d is on record, the best volume present is %q of epoch %d",
			ErrNotWitnessed, w.Epoch, truth.dir, truth.declared.History.Last().Number)
	case ok && known.ID != w.EpochID:
		return fmt.Errorf("%w: epoch %d of the volumes is not the one on record", ErrFork, w.Epoch)
	case truth.state.Head.Sequence < w.Head, truth.state.Head.Sequence == w.Head && truth.state.Head.Digest != w.Digest:
		return fmt.Errorf("%w: batch %d %s is on record, the best volume has %d %s", ErrRolledBack,
			w.Head, w.Digest, truth.state.Head.Sequence, truth.state.Head.Digest)
	}
	return nil
}

// fork describes two histories.
func fork(a, b *member) error {
	say := func(mem *member) string {
		st, e := mem.state, mem.declared.History.Last()
		return fmt.Sprintf("%q: epoch %d (%s, %d members, from batch %d %s), head %d %s",
			mem.dir, e.Number, e.ID, len(e.Members), e.Base, e.Digest, st.Head.Sequence, st.Head.Digest)
	}
	return fmt.Errorf("%w: %s; %s", ErrFork, say(a), say(b))
}

// verifyKey refuses a wrong key before anything is written under it: no volume with the truth's head has a manifest
// of it that opens. One that lost it, or holds it damaged, is mended from another like any value of its tail.
func (m *Mirror) verifyKey(ctx context.Context, truth *member) error {
	if m.head.Sequence == 0 {
		return nil
	}
	var first error
	for _, mem := range append([]*member{truth}, m.members...) {
		if mem.proc == nil || mem.state.Head != m.head || mem == truth && first != nil {
			continue
		}
		_, _, err := m.manifest(ctx, source{mem, mem.proc.client}, m.head.Sequence)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return fmt.Errorf("the newest manifest does not open, is the key right? %w", first)
}
