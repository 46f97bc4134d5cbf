package raid

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"casemate/raid/volume"
)

// Bounds of what is repaired in one go, while writers wait.
const (
	repairKeys  = 32
	repairBytes = 2 << 20
)

// Repairs is the outcome of Repair.
type Repairs struct {
	Checked  int
	Repaired int // written again from the twin, and read back right
	Lost     int // bad on every volume
}

// Repair reads keys from one volume and writes those that are bad or missing there, or older than
// the twin's, again from the twin; then it reads them back. Writers wait for moments, so that
// nothing newer is ever overwritten; what is good is not touched. A volume that does not give back
// what was repaired is faulted. ErrUnavailable: it, or every twin, is not in sync. A crash leaves
// keys repaired or as they were.
func (m *Mirror) Repair(ctx context.Context, slot int, keys ...[]byte) (Repairs, error) {
	for _, key := range keys {
		if err := checkKey(key); err != nil {
			return Repairs{}, err
		}
	}
	return m.mend(ctx, slot, keys)
}

// mend is Repair, for the mirror's own keys too.
func (m *Mirror) mend(ctx context.Context, slot int, keys [][]byte) (out Repairs, err error) {
	for len(keys) > 0 && err == nil {
		some := keys[:min(len(keys), repairKeys)]
		keys = keys[len(some):]
		out.Checked += len(some)
		// Most are well: only those in doubt are worth making writers wait.
		var doubtful [][]byte
		var past memories
		if doubtful, past, err = m.doubtful(ctx, slot, some); err != nil {
			break
		}
		for len(doubtful) > 0 && err == nil {
			var done int
			done, err = m.mendSome(ctx, slot, doubtful, past, &out)
			doubtful = doubtful[done:]
		}
	}
	return out, err
}

// doubtful gives those of some keys that are not as they should be, and what the manifests say of those that
// one volume has and another lacks.
func (m *Mirror) doubtful(ctx context.Context, slot int, keys [][]byte) (list [][]byte, past memories, err error) {
	dst, twins, err := m.twins(slot)
	if err != nil {
		return nil, nil, err
	}
	past = memories{}
	for _, key := range keys {
		d, err := m.judge(ctx, dst, twins, key, past)
		if err != nil {
			return nil, nil, err
		}
		if d.contested {
			past[string(key)] = &memory{since: d.since}
		}
		if d.contested || d.wrong != "" {
			list = append(list, key)
		}
	}
	return list, past, m.recall(ctx, past)
}

// twins gives a volume in sync and the others in sync.
func (m *Mirror) twins(slot int) (dst source, twins []source, err error) {
	if dst, err = m.source(slot); err != nil {
		return dst, nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mem := range m.insync() {
		if mem != dst.mem {
			twins = append(twins, source{mem, mem.proc.client})
		}
	}
	if len(twins) == 0 {
		return dst, nil, fmt.Errorf("%w: no other volume is in sync with volume %d", ErrUnavailable, slot)
	}
	return dst, twins, nil
}

// sound fetches a value as it is stored and authenticates it.
func (m *Mirror) sound(ctx context.Context, s source, key []byte) ([]byte, error) {
	v, err := m.stored(ctx, s, key)
	if err == nil {
		err = m.seal.check(key, v)
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// younger says whether a stored value is of a later batch than another.
func younger(a, b []byte) bool {
	s1, _, _ := identify(a)
	s2, _, _ := identify(b)
	return s1 > s2
}

// mending is what one go did.
type mending struct {
	mem     *member
	done    int      // keys looked at
	right   [][]byte // keys that read back right
	removed [][]byte // keys removed again, and gone
	broken  int      // those that were written and do not
}

// mendSome repairs the first of some keys, as many as fit in one go, and gives how many.
func (m *Mirror) mendSome(ctx context.Context, slot int, keys [][]byte, past memories, out *Repairs) (done int, err error) {
	x, err := m.mendPaused(ctx, slot, keys, past, out)
	m.told.handOn(m.relay) // what was found comes before what was done about it, and before the end of the call
	out.Repaired += len(x.right) + len(x.removed)
	if len(x.right) > 0 {
		m.repaired(x.mem, x.right)
	}
	if x.broken > 0 && err == nil {
		m.condemn(x.mem, fmt.Sprintf("%d values that were repaired do not read back", x.broken))
		err = fmt.Errorf("%w: %d values that were repaired do not read back from volume %d", ErrCorrupt, x.broken, slot)
	}
	return x.done, err
}

// mendPaused is the part of it that writers wait for.
func (m *Mirror) mendPaused(ctx context.Context, slot int, keys [][]byte, past memories, out *Repairs) (x mending, err error) {
	if err := m.pause(); err != nil {
		return x, err
	}
	defer m.resume()
	dst, twins, err := m.twins(slot)
	if err != nil {
		return x, err
	}
	x.mem = dst.mem
	if err := m.recall(ctx, past); err != nil {
		return x, err
	}
	var sick []diagnosis
	var gaps [][]byte
	for size := 0; x.done < len(keys) && size < repairBytes; x.done++ {
		d, err := m.examine(ctx, dst, twins, keys[x.done], past)
		if err != nil {
			return x, err
		}
		if d.wrong == "" {
			continue
		}
		if d.marked { // its twin may have lost that, but a mark is no proof: the journal knows
			m.suspects.leave(slot, d.key, m.c.Now())
			m.eventLocked(EventLostValue, dst.mem, "a value that this volume once removed is there on its twin, and is left as it is")
			continue
		}
		if !d.gap {
			m.strike(dst.mem, d.key)
		}
		switch {
		case d.wrong == wrongRemoved:
			m.eventLocked(EventLostValue, dst.mem, "it had lost that a value was removed")
		case d.value == nil:
			out.Lost++
			m.suspects.leave(slot, d.key, m.c.Now())
			m.eventLocked(EventBadValue, dst.mem, "a value %s, and no other volume has it undamaged", d.wrong)
			if d.wrong != wrongBad && d.key[0] != volume.MetaPrefix {
				gaps = append(gaps, d.key)
			}
			continue
		case d.wrong == wrongMissing:
			m.eventLocked(EventLostValue, dst.mem, "a value is missing that the twin has")
		}
		sick, size = append(sick, d), size+len(d.value)
	}
	if err := m.leaveGaps(ctx, dst, gaps); err != nil {
		return x, fmt.Errorf("marking values as damaged: %w", err)
	}
	x.right, x.removed, err = m.cure(ctx, dst, sick)
	x.broken = len(sick) - len(x.right) - len(x.removed)
	return x, err
}

// cure writes values again, or removes them again, and reads them back. It gives the keys that came back
// right, and those that are gone as they should be.
func (m *Mirror) cure(ctx context.Context, dst source, sick []diagnosis) (right, removed [][]byte, err error) {
	if len(sick) == 0 {
		return nil, nil, nil
	}
	ops := make([]volume.Op, len(sick))
	for i, d := range sick {
		ops[i] = volume.Op{Key: d.key, Value: d.value, Delete: d.wrong == wrongRemoved}
	}
	wctx, cancel := context.WithTimeout(ctx, patience*m.c.WriteDeadline)
	defer cancel()
	if err := dst.client.Refill(wctx, ops, volume.FlagRepair); err != nil {
		err = fmt.Errorf("repairing values: %w", err)
		if volume.OutcomeOf(err) == volume.Unknown && ctx.Err() == nil {
			m.drop(dst, err)
		}
		return nil, nil, err
	}
	for _, d := range sick {
		v, err := m.sound(ctx, dst, d.key)
		switch {
		case d.wrong == wrongRemoved && errors.Is(err, ErrNotFound):
			removed = append(removed, d.key)
		case d.wrong != wrongRemoved && err == nil && bytes.Equal(v, d.value):
			right = append(right, d.key)
		case err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNotFound):
			return right, removed, err
		}
	}
	return right, removed, nil
}

// repaired tells of values copied from the twin.
func (m *Mirror) repaired(mem *member, keys [][]byte) {
	m.mu.Lock()
	e := newEvent(EventRepaired, mem, "%d values copied from the twin", len(keys))
	m.mu.Unlock()
	e.Count = len(keys)
	for _, key := range keys {
		if key[0] != volume.MetaPrefix {
			e.Keys = append(e.Keys, key)
		}
	}
	m.announce(e)
}

// drop puts a member out, if it still is the process that failed.
func (m *Mirror) drop(s source, why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.mem.proc != nil && s.mem.proc.client == s.client {
		m.expel(s.mem, why)
		m.advance()
	}
}
