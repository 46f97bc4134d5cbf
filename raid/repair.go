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
		if doubtful, err = m.doubtful(ctx, slot, some); err != nil {
			break
		}
		for len(doubtful) > 0 && err == nil {
			var done int
			done, err = m.mendSome(ctx, slot, doubtful, &out)
			doubtful = doubtful[done:]
		}
	}
	return out, err
}

func (m *Mirror) doubtful(ctx context.Context, slot int, keys [][]byte) (list [][]byte, err error) {
	dst, twins, err := m.twins(slot)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		d, err := m.judge(ctx, dst, twins, key)
		if err != nil {
			return nil, err
		}
		if d.wrong != "" {
			list = append(list, key)
		}
	}
	return list, nil
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

// What may be wrong with a key on a volume.
const (
	wrongBad     = "does not read as it was written"
	wrongMissing = "is missing"
	wrongOlder   = "is an older one"
)

// diagnosis is what a key wants.
type diagnosis struct {
	key   []byte
	wrong string // empty if it is well
	value []byte // as a twin stores it; nil if no twin has it undamaged
}

// judge compares a key on a volume with its twins. With nothing being written it is exact. A value
// that only one volume has is taken for lost on the others: what was removed is in no volume in
// sync, and losing is the worse mistake.
func (m *Mirror) judge(ctx context.Context, dst source, twins []source, key []byte) (diagnosis, error) {
	d := diagnosis{key: key}
	mine, err := m.sound(ctx, dst, key)
	switch {
	case errors.Is(err, ErrCorrupt):
		d.wrong = wrongBad
	case errors.Is(err, ErrNotFound): // well, unless a twin has it
	case err != nil:
		return d, err
	}
	best := mine
	var down error
	for _, twin := range twins {
		theirs, err := m.sound(ctx, twin, key)
		switch {
		case errors.Is(err, ErrCorrupt):
			if m.suspect(twin.mem, "", key, ""); mine == nil && d.wrong == "" {
				d.wrong = wrongMissing
			}
		case errors.Is(err, ErrNotFound):
		case err != nil:
			down = err
		case best == nil || younger(theirs, best):
			best = theirs
		}
	}
	switch {
	case best == nil:
		return d, down // a twin that does not answer may have it
	case mine == nil && d.wrong == "":
		d.wrong = wrongMissing
	case mine != nil && younger(best, mine):
		d.wrong = wrongOlder
	}
	if d.wrong != "" {
		d.value = best
	}
	return d, nil
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
	mem    *member
	done   int      // keys looked at
	right  [][]byte // keys that read back right
	broken int      // those that were written and do not
}

// mendSome repairs the first of some keys, as many as fit in one go, and gives how many.
func (m *Mirror) mendSome(ctx context.Context, slot int, keys [][]byte, out *Repairs) (done int, err error) {
	x, err := m.mendPaused(ctx, slot, keys, out)
	out.Repaired += len(x.right)
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
func (m *Mirror) mendPaused(ctx context.Context, slot int, keys [][]byte, out *Repairs) (x mending, err error) {
	if err := m.pause(); err != nil {
		return x, err
	}
	defer m.resume()
	dst, twins, err := m.twins(slot)
	if err != nil {
		return x, err
	}
	x.mem = dst.mem
	var sick []diagnosis
	for size := 0; x.done < len(keys) && size < repairBytes; x.done++ {
		d, err := m.judge(ctx, dst, twins, keys[x.done])
		if err != nil {
			return x, err
		}
		if d.wrong == "" {
			continue
		}
		m.strike(dst.mem, d.key)
		switch {
		case d.value == nil:
			out.Lost++
			m.suspects.leave(slot, d.key, m.c.Now())
			m.event(EventBadValue, dst.mem, "a value %s, and no other volume has it undamaged", d.wrong)
			continue
		case d.wrong == wrongMissing:
			m.event(EventLostValue, dst.mem, "a value is missing that the twin has")
		}
		sick, size = append(sick, d), size+len(d.value)
	}
	x.right, err = m.cure(ctx, dst, sick)
	x.broken = len(sick) - len(x.right)
	return x, err
}

// cure writes values again and reads them back. It gives the keys that came back right.
func (m *Mirror) cure(ctx context.Context, dst source, sick []diagnosis) (right [][]byte, err error) {
	if len(sick) == 0 {
		return nil, nil
	}
	ops := make([]volume.Op, len(sick))
	for i, d := range sick {
		ops[i] = volume.Op{Key: d.key, Value: d.value}
	}
	wctx, cancel := context.WithTimeout(ctx, patience*m.c.WriteDeadline)
	defer cancel()
	if err := dst.client.Refill(wctx, m.pool, ops, volume.FlagRepair); err != nil {
		err = fmt.Errorf("repairing values: %w", err)
		if volume.OutcomeOf(err) == volume.Unknown && ctx.Err() == nil {
			m.drop(dst, err)
		}
		return nil, err
	}
	for _, d := range sick {
		v, err := m.sound(ctx, dst, d.key)
		switch {
		case err == nil && bytes.Equal(v, d.value):
			right = append(right, d.key)
		case err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNotFound):
			return right, err
		}
	}
	return right, nil
}

// repaired tells of values copied from the twin.
func (m *Mirror) repaired(mem *member, keys [][]byte) {
	m.mu.Lock()
	e := Event{Kind: EventRepaired, Volume: mem.slot, ID: mem.id.String(), Dir: mem.dir, Count: len(keys)}
	m.mu.Unlock()
	e.Detail = fmt.Sprintf("%d values copied from the twin", len(keys))
	for _, key := range keys {
		if key[0] != volume.MetaPrefix {
			e.Keys = append(e.Keys, key)
		}
	}
	m.c.Log.Warn("mirror event", "kind", e.Kind, "volume", e.Volume, "detail", e.Detail)
	m.c.Event(e)
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
