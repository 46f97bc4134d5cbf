package raid

import (
	"context"
	"errors"
	"fmt"
	"time"

	"casemate/raid/volume"
)

// source is a member as readers use it.
type source struct {
	mem    *member
	client *volume.Client
}

// sources gives the members in sync, those that answer first, in turn; and what a reader needs to
// tell a fault from a write under way.
func (m *Mirror) sources() (list []source, head uint64, busy bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	in := m.insync()
	at := int(m.reader.Add(1)) % max(1, len(in))
	for i := range in {
		mem := in[(at+i)%len(in)]
		list = append(list, source{mem, mem.proc.client})
	}
	if len(list) > 1 && list[0].mem.slow.Load() {
		list = append(list[1:], list[0])
	}
	return list, m.head.Sequence, len(m.flight) > 0
}

// stored fetches a value as it is stored, within the deadline.
func (m *Mirror) stored(ctx context.Context, s source, key []byte) ([]byte, error) {
	rctx, cancel := context.WithTimeout(ctx, m.c.WriteDeadline)
	defer cancel()
	v, err := s.client.Get(rctx, key)
	switch {
	case err == nil:
		s.mem.slow.Store(false)
		return v, nil
	case errors.Is(err, volume.ErrNotFound):
		return nil, ErrNotFound
	case errors.Is(err, volume.ErrDamaged):
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, volume.ErrExpired):
		s.mem.slow.Store(true)
		return nil, fmt.Errorf("%w: volume %d within %v", ErrUnavailable, s.mem.slot, m.c.WriteDeadline)
	default:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

// fetch fetches and opens a value.
func (m *Mirror) fetch(ctx context.Context, s source, key []byte) (plain []byte, sequence uint64, err error) {
	v, err := m.stored(ctx, s, key)
	if err != nil {
		return nil, 0, err
	}
	return m.seal.open(key, v)
}

// Get gives the value of a key, authenticated. A volume that lacks it or holds it damaged is
// passed over for its twin, and the fault is counted and reported. ErrNotFound means that no
// volume in sync has the key; ErrCorrupt that none has it undamaged.
func (m *Mirror) Get(ctx context.Context, key []byte) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	m.calls.begin()
	defer func() { m.calls.end(m.c.Now()) }()
	return m.value(ctx, key)
}

// reading is one round of asking for a value.
type reading struct {
	plain            []byte
	lacking, damaged []*member
	down             error // of a volume that did not answer
	asked            int
}

// value is Get. A volume that dies under a reader is in sync until it is noticed: what the others say
// counts once it is out.
func (m *Mirror) value(ctx context.Context, key []byte) ([]byte, error) {
	for end := m.c.Now().Add(patience * m.c.WriteDeadline); ; {
		r, err := m.inquire(ctx, key)
		switch {
		case err != nil:
			return nil, err
		case r.plain != nil:
			return r.plain, nil
		case r.down == nil && len(r.damaged) > 0:
			return nil, fmt.Errorf("reading from %d volumes: %w", r.asked, ErrCorrupt)
		case r.down == nil && r.asked > 0:
			return nil, ErrNotFound
		case r.asked == 0:
			return nil, ErrUnavailable
		case len(r.damaged)+len(r.lacking) == 0 || m.c.Now().After(end):
			return nil, r.down
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}

// inquire asks one volume after the other until one gives the value.
func (m *Mirror) inquire(ctx context.Context, key []byte) (r reading, err error) {
	list, head, busy := m.sources()
	r.asked = len(list)
	for _, s := range list {
		plain, sequence, err := m.fetch(ctx, s, key)
		switch {
		case err == nil:
			for _, mem := range r.lacking {
				// A batch under way may have reached one volume and not the other.
				if sequence <= head && !busy {
					m.suspect(mem, "", key, "")
				}
			}
			if r.plain = plain; plain == nil {
				r.plain = []byte{}
			}
			return r, nil
		case errors.Is(err, ErrNotFound):
			r.lacking = append(r.lacking, s.mem)
		case errors.Is(err, ErrCorrupt):
			m.misread(s.mem, key, err)
			r.damaged = append(r.damaged, s.mem)
		case ctx.Err() != nil:
			return r, ctx.Err()
		default:
			r.down = err
		}
	}
	return r, nil
}

// misread tells of a value that does not read, to be repaired; a gap was told of when it was made.
func (m *Mirror) misread(mem *member, key []byte, err error) {
	if errors.Is(err, errGap) {
		m.suspect(mem, "", key, "")
		return
	}
	m.suspect(mem, EventBadValue, key, "a value does not read as it was written")
}

// GetFrom gives the value of a key from one volume alone, authenticated.
func (m *Mirror) GetFrom(ctx context.Context, slot int, key []byte) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	s, err := m.source(slot)
	if err != nil {
		return nil, err
	}
	m.calls.begin()
	defer func() { m.calls.end(m.c.Now()) }()
	plain, _, err := m.fetch(ctx, s, key)
	switch {
	case errors.Is(err, ErrCorrupt):
		m.misread(s.mem, key, err)
	case errors.Is(err, ErrNotFound):
		m.suspect(s.mem, "", key, "") // the twin will tell
	}
	return plain, err
}

// source gives one member in sync.
func (m *Mirror) source(slot int) (source, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slot < 0 || slot >= len(m.members) || m.members[slot].role != roleIn {
		return source{}, fmt.Errorf("%w: volume %d is not in sync", ErrUnavailable, slot)
	}
	return source{m.members[slot], m.members[slot].proc.client}, nil
}

func checkKey(key []byte) error {
	if len(key) == 0 || len(key) > MaxKey || key[0] == volume.MetaPrefix {
		return fmt.Errorf("%w: a key of %d bytes, or one that begins with zero", ErrTooLarge, len(key))
	}
	return nil
}
