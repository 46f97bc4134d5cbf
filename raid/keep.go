package raid

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// longestTick is how late, at most, a deadline that has passed is noticed, or that a volume may be tried again.
const longestTick = 200 * time.Millisecond

// keep is the mirror's background work until ctx ends: deadlines, and bringing back who is out.
func (m *Mirror) keep(ctx context.Context) {
	tick := time.NewTicker(max(min(m.c.WriteDeadline/20, longestTick), time.Millisecond))
	defer tick.Stop()
	back := make(chan struct{}, 1)  // full while one is being brought back
	beat := make(chan struct{}, 1)  // full while members are asked for a sign of life
	round := make(chan struct{}, 1) // full while the slow rounds are made
	pulse, chore := m.c.Now(), time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		m.overdue()
		if m.c.Now().Sub(pulse) >= m.c.WriteDeadline {
			pulse = m.c.Now()
			select {
			case beat <- struct{}{}:
				m.done.Go(func() { m.pulse(ctx); <-beat })
			default:
			}
		}
		lost, _ := m.vacancy()
		if lost != nil || m.c.Now().Sub(chore) >= choreRound {
			select {
			case round <- struct{}{}:
				if lost == nil {
					chore = m.c.Now()
				}
				m.done.Go(func() { m.chores(ctx, lost != nil); <-round })
			default:
			}
		}
		mem := m.absent(lost)
		if mem == nil {
			continue
		}
		select {
		case back <- struct{}{}:
			m.done.Go(func() {
				m.bringBack(ctx, mem)
				<-back
			})
		default:
		}
	}
}

// misses is how many signs of life in a row a member may fail to give.
const misses = 2

// breath is how long a member may take for a sign of life. It is part of the write deadline, not a constant: one
// that a busy disk or processor holds up for a second or two is as well as one whose batch takes that long.
func (m *Mirror) breath() time.Duration {
	return max(m.c.WriteDeadline/3, min(m.c.WriteDeadline, time.Second))
}

// pulse asks every member in sync for a sign of life, so that one that hangs is found while
// nothing is written. It is put out only if another did answer.
func (m *Mirror) pulse(ctx context.Context) {
	m.mu.Lock()
	in := m.insync()
	m.mu.Unlock()
	errs := make([]error, len(in))
	var wg sync.WaitGroup
	for i, mem := range in {
		wg.Go(func() { errs[i] = m.refresh(ctx, mem) })
	}
	wg.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil || !slices.Contains(errs, nil) {
		return
	}
	for i, mem := range in {
		if errs[i] == nil {
			mem.missed = 0
		} else if mem.missed++; mem.missed >= misses {
			m.expel(mem, fmt.Errorf("no sign of life: %w", errs[i]))
			m.advance()
		}
	}
}

// choreRound is how often spares are looked at, and the mirror's head is noted in the state directory
// if nothing else did.
const choreRound = time.Minute

// chores is what is done now and then: a spare is promoted when one is wanted, else spares are looked
// at, and the witnesses are told what they do not know yet.
func (m *Mirror) chores(ctx context.Context, wanted bool) {
	if wanted {
		if err := m.promote(ctx); err != nil && ctx.Err() == nil {
			m.c.Log.Error("a spare is not promoted", "error", err)
		}
		return
	}
	m.tendSpares(ctx)
	if err := m.remind(); err != nil && ctx.Err() == nil {
		m.c.Log.Error("noting the mirror's head", "error", err)
	}
}

// absent gives a member that is out and whose time to be tried has come; not the one whose place a
// spare is about to take.
func (m *Mirror) absent(lost *member) *member {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead != nil || m.closed || len(m.insync()) == 0 {
		return nil
	}
	for _, mem := range m.members {
		if mem == lost || mem.held || mem.seat.Spare || mem.seat.Detached {
			continue
		}
		if mem.role == roleOut && !m.c.Now().Before(mem.retry) {
			return mem
		}
	}
	return nil
}

// bringBack tries once to bring a member back into sync while the mirror serves.
func (m *Mirror) bringBack(ctx context.Context, mem *member) {
	m.mu.Lock()
	if mem.role != roleOut {
		m.mu.Unlock()
		return
	}
	mem.role, mem.meter = roleSyncing, nil
	before := mem.reason
	m.mu.Unlock()
	err := m.rejoin(ctx, mem)
	if err == nil {
		m.event(EventRejoined, mem, "in sync at batch %d", m.committed().Sequence)
		return
	}
	m.mu.Lock()
	alive := m.dead == nil
	m.leave(mem, err)
	m.mu.Unlock()
	if alive && ctx.Err() == nil && err.Error() != before {
		m.c.Log.Warn("a volume is not brought back", "volume", mem.slot, "error", err)
	}
}

// rejoin finds a member, starts its process, fills it anew if it must be, brings it up in rounds, the last
// with writers waiting, and declares the epoch it is a member of.
func (m *Mirror) rejoin(ctx context.Context, mem *member) error {
	if mem.proc == nil {
		if err := m.locate(ctx, mem); err != nil {
			return err
		}
		hello, cancel := context.WithTimeout(ctx, openWait)
		defer cancel()
		if err := m.launch(hello, mem); err != nil {
			return err
		}
	}
	list, _, _ := m.sources()
	if len(list) == 0 {
		return ErrUnavailable
	}
	src := list[0]
	err := m.compare(ctx, src, mem)
	if err == nil {
		err = m.join(ctx, src, mem)
	}
	if errors.Is(err, errAnew) {
		if err = m.fillAnew(ctx, src, mem, err.Error()); err == nil {
			err = m.join(ctx, src, mem)
		}
	}
	return err
}

// join takes a member whose head is a link of the chain the rest of the way.
func (m *Mirror) join(ctx context.Context, src source, mem *member) error {
	if err := m.adopt(ctx, mem); err != nil {
		return err
	}
	if err := m.approach(ctx, src, mem); err != nil {
		return err
	}
	if err := m.pause(); err != nil {
		return err
	}
	defer m.resume()
	if err := m.arrive(ctx, src, mem); err != nil {
		return err
	}
	return m.change(mem)
}
