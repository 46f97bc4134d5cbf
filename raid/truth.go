package raid

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"casemate/raid/volume"
)

// choose finds the volume whose contents are the truth: of the newest epoch, whole, and the
// furthest along its chain, for every acknowledged batch is on each member of its epoch.
func (m *Mirror) choose(w *witness) (*member, error) {
	newest, err := m.newest(w)
	if err != nil {
		return nil, err
	}
	var truth *member
	var unfit []string
	for _, mem := range m.members {
		st := mem.state
		switch {
		case mem.proc == nil:
			unfit = append(unfit, fmt.Sprintf("%q: %s", mem.dir, mem.reason))
		case !newest.Last().Has(st.Index):
			unfit = append(unfit, fmt.Sprintf("%q was put out in epoch %d", mem.dir, newest.Last().Number))
		case !st.Opened || st.Mark != volume.Ready:
			unfit = append(unfit, fmt.Sprintf("%q is marked %q: %s", mem.dir, st.Mark, st.Reason))
		case st.Behind():
			m.event(EventBehind, mem, "opened at batch %d, its ring has %d", st.Head.Sequence, st.Ring.Sequence)
			unfit = append(unfit, fmt.Sprintf("%q lost the batches after %d of %d", mem.dir, st.Head.Sequence, st.Ring.Sequence))
		case truth == nil || st.Head.Sequence > truth.state.Head.Sequence:
			truth = mem
		}
	}
	if truth == nil {
		return nil, fmt.Errorf("%w: %s", ErrNotWitnessed, strings.Join(unfit, "; "))
	}
	return truth, m.attest(w, newest, truth)
}

// newest gives the longest history of the volumes present; they must be of one mirror and one
// history.
func (m *Mirror) newest(w *witness) (newest volume.History, err error) {
	seen := map[int]*member{}
	for _, mem := range m.members {
		if mem.proc == nil {
			continue
		}
		st := mem.state
		if w != nil && st.Set != w.Set {
			return nil, fmt.Errorf("%w: %q belongs to the mirror %s, not %s", ErrFork, mem.dir, st.Set, w.Set)
		}
		for _, other := range seen {
			if other.state.Set != st.Set {
				return nil, fmt.Errorf("%w: %q and %q belong to two mirrors", ErrFork, other.dir, mem.dir)
			}
			if !st.History.Contains(other.state.History) && !other.state.History.Contains(st.History) {
				return nil, fork(other, mem)
			}
		}
		if other := seen[st.Index]; other != nil {
			return nil, fmt.Errorf("%w: %q and %q are copies of one volume", ErrFork, other.dir, mem.dir)
		}
		seen[st.Index] = mem
		if st.History.Last().Number > newest.Last().Number {
			newest = st.History
		}
	}
	if len(newest) == 0 {
		var errs []error
		for _, mem := range m.members {
			errs = append(errs, fmt.Errorf("%q: %s", mem.dir, mem.reason))
		}
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(errs...))
	}
	return newest, nil
}

// attest checks the truth chosen against the state directory's witness. Without one all members of
// the newest epoch must be present: they are each other's witnesses.
func (m *Mirror) attest(w *witness, newest volume.History, truth *member) error {
	if w == nil {
		for _, mem := range m.members {
			if mem.proc == nil || !newest.Last().Has(mem.state.Index) {
				return fmt.Errorf("%w: the state directory has no record, and %q is not there or was put out",
					ErrNotWitnessed, mem.dir)
			}
		}
		return nil
	}
	known, ok := newest.Find(w.Epoch.Number)
	switch {
	case newest.Last().Number < w.Epoch.Number, !w.Epoch.Has(truth.state.Index):
		return fmt.Errorf("%w: epoch %d with members %b was declared, the best volume present is %q of epoch %d",
			ErrNotWitnessed, w.Epoch.Number, w.Epoch.Members, truth.dir, newest.Last().Number)
	case ok && known.ID != w.Epoch.ID:
		return fmt.Errorf("%w: epoch %d of the volumes is not the one on record", ErrFork, w.Epoch.Number)
	case truth.state.Head.Sequence < w.Head.Sequence,
		truth.state.Head.Sequence == w.Head.Sequence && truth.state.Head.Digest != w.Head.Digest:
		return fmt.Errorf("%w: batch %d %s was seen, the best volume has %d %s", ErrRolledBack,
			w.Head.Sequence, w.Head.Digest, truth.state.Head.Sequence, truth.state.Head.Digest)
	}
	return nil
}

// fork describes two histories.
func fork(a, b *member) error {
	say := func(mem *member) string {
		st, e := mem.state, mem.state.History.Last()
		return fmt.Sprintf("%q: epoch %d (%s, members %b, from batch %d %s), head %d %s",
			mem.dir, e.Number, e.ID, e.Members, e.Base, e.Digest, st.Head.Sequence, st.Head.Digest)
	}
	return fmt.Errorf("%w: %s; %s", ErrFork, say(a), say(b))
}

// verifyKey refuses a wrong key before anything is written under it.
func (m *Mirror) verifyKey(ctx context.Context, truth *member) error {
	if m.head.Sequence == 0 {
		return nil
	}
	s := source{truth, truth.proc.client}
	if _, _, err := m.manifest(ctx, s, m.head.Sequence); err != nil {
		return fmt.Errorf("the newest manifest does not open, is the key right? %w", err)
	}
	return nil
}
