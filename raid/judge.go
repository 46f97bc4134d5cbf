package raid

import (
	"context"
	"errors"
	"fmt"
)

// What may be wrong with a key on a volume.
const (
	wrongBad     = "does not read as it was written"
	wrongMissing = "is missing"
	wrongOlder   = "is an older one"
	wrongRemoved = "was removed"
)

// diagnosis is what a key wants.
type diagnosis struct {
	key   []byte
	wrong string // empty if it is well
	value []byte // as a twin stores it; nil if no twin has it undamaged
	gap   bool   // it was damaged everywhere when the volume was filled

	marked    bool   // the volume lacks it, and says that it removed it; nothing authentic does
	contested bool   // one volume has it, sound or not, and another lacks it
	since     uint64 // the batch of the newest sound value
}

// examine is judge while nothing is being written: what the manifests say of a key that became contested
// since they were asked is asked now.
func (m *Mirror) examine(ctx context.Context, dst source, twins []source, key []byte, past memories) (diagnosis, error) {
	d, err := m.judge(ctx, dst, twins, key, past)
	if p := past[string(key)]; err != nil || !d.contested || p != nil && p.since <= d.since {
		return d, err
	}
	past[string(key)] = &memory{since: d.since}
	if err := m.recall(ctx, past); err != nil {
		return d, err
	}
	return m.judge(ctx, dst, twins, key, past)
}

// held is what volumes have of a key.
type held struct {
	best          []byte // the newest sound value
	lacking       int
	down          error // of a volume that does not answer
	sound, spoilt []*member
}

// judge compares a key on a volume with its twins. With nothing being written it is exact, but for a key that
// one volume has and another lacks: see [memory].
func (m *Mirror) judge(ctx context.Context, dst source, twins []source, key []byte, past memories) (diagnosis, error) {
	d := diagnosis{key: key}
	mine, err := m.sound(ctx, dst, key)
	lacks := errors.Is(err, ErrNotFound)
	switch {
	case errors.Is(err, ErrCorrupt):
		d.wrong, d.gap = wrongBad, errors.Is(err, errGap)
	case err != nil && !lacks:
		return d, err
	}
	h := m.ask(ctx, twins, key)
	if best := h.best; best == nil || mine != nil && !younger(best, mine) {
		h.best = mine
	}
	d.since, _, _ = identify(h.best)
	d.contested = lacks && len(h.sound)+len(h.spoilt) > 0 || !lacks && h.lacking > 0
	p := past[string(key)]
	switch {
	case p != nil && p.removes(d.since) && lacks: // well; those who have it are not
		for _, mem := range append(h.sound, h.spoilt...) {
			m.suspect(mem, "", key, "")
		}
		return d, nil
	case p != nil && p.removes(d.since):
		d.wrong = wrongRemoved
		return d, nil
	case p != nil && p.replaces(d.since): // and what was put then is lost: nothing older stands for it
		h.best = nil
		if mine != nil {
			d.wrong = wrongOlder
		}
	}
	for _, mem := range h.spoilt {
		m.suspect(mem, "", key, "")
	}
	switch {
	case h.best == nil && h.down != nil: // it may be there
		return d, h.down
	case lacks && d.contested:
		d.wrong = wrongMissing
		if p != nil && p.trimmed && p.last == 0 {
			if d.marked, err = m.marked(ctx, dst, key); err != nil {
				return d, err
			}
		}
	case mine != nil && h.best != nil && younger(h.best, mine):
		d.wrong = wrongOlder
	}
	if d.wrong != "" {
		d.value = h.best
	}
	return d, nil
}

// marked asks a volume whether it still knows that it removed a key.
func (m *Mirror) marked(ctx context.Context, s source, key []byte) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, m.c.WriteDeadline)
	defer cancel()
	marked, err := s.client.Removed(ctx, key)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return marked, err
}

// ask looks what the twins of a volume have of a key.
func (m *Mirror) ask(ctx context.Context, twins []source, key []byte) (h held) {
	for _, twin := range twins {
		v, err := m.sound(ctx, twin, key)
		switch {
		case err == nil:
			h.sound = append(h.sound, twin.mem)
			if h.best == nil || younger(v, h.best) {
				h.best = v
			}
		case errors.Is(err, ErrCorrupt):
			h.spoilt = append(h.spoilt, twin.mem)
		case errors.Is(err, ErrNotFound):
			h.lacking++
		default:
			h.down = err
		}
	}
	return h
}
