package raid

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"casemate/raid/volume"
)

// pending is a batch on its way.
type pending struct {
	batch   *volume.Batch
	bytes   int64
	votes   map[*member]error // what each member said
	senders atomic.Int32      // the last one gives the buffers back
	done    chan error        // buffered: one result
}

func (p *pending) sent() {
	if p.senders.Add(-1) == 0 {
		p.batch.Release()
	}
}

// Write makes a batch durable on every volume in sync, whole or not at all, and gives its
// sequence. It returns nil once all of them said so; ErrFull, ErrTooLarge, ErrRefused and
// ErrReadOnly mean that nothing was written; after ErrUnknown the mirror must be opened again.
// From the moment the batch has a sequence ctx no longer matters. Batches are ordered as calls
// are; several may be under way.
func (m *Mirror) Write(ctx context.Context, ops []Op) (uint64, error) {
	bytes, err := measure(ops)
	if err != nil {
		return 0, err
	}
	if err := m.slots.Acquire(ctx, 1); err != nil {
		return 0, err
	}
	defer m.slots.Release(1)
	if err := m.credit.Acquire(ctx, bytes); err != nil {
		return 0, err
	}
	defer m.credit.Release(bytes)
	if err := m.room(ctx, bytes); err != nil {
		return 0, err
	}
	p, err := m.submit(ops, bytes)
	if err != nil {
		return 0, err
	}
	sequence := p.batch.Head.Sequence
	return sequence, <-p.done
}

// submit gives a batch its place and puts it on its way to every volume in sync. A crash from
// here on leaves it on some volumes and not on others; opening brings all to the longest, for
// nothing was acknowledged that any of them lacks.
func (m *Mirror) submit(ops []Op, bytes int64) (*pending, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.paused > 0 && m.dead == nil {
		m.turn.Wait()
	}
	if m.dead != nil {
		return nil, fmt.Errorf("%w: %w", ErrReadOnly, m.dead)
	}
	in := m.insync()
	trim := trimMark(m.next.Sequence+1, len(in) < len(m.members))
	batch, err := m.compose(ops, m.next, m.history.Last().Number, trim)
	if err != nil {
		return nil, fmt.Errorf("composing batch %d: %w", m.next.Sequence+1, err)
	}
	p := &pending{batch: batch, bytes: bytes, votes: make(map[*member]error, len(in)), done: make(chan error, 1)}
	p.senders.Store(int32(len(in))) // #nosec G115 -- at most eight
	m.next = batch.Head
	if len(m.flight) == 0 {
		m.since = m.c.Now()
	}
	m.flight = append(m.flight, p)
	for _, mem := range in {
		mem.queue <- p // room for more than can be under way
	}
	return p, nil
}

// feed sends one member its batches in order until its queue is closed.
func (m *Mirror) feed(mem *member, client *volume.Client, queue <-chan *pending) {
	for p := range queue {
		epoch := p.batch.Head.Epoch
		// The volume gives up what it has not begun a little before the mirror gives up on it.
		client.Write(p.batch, epoch, 0, m.c.WriteDeadline, func(free int64, err error) {
			m.vote(mem, client, p, free, err)
		})
		p.sent()
	}
}

// vote takes a member's answer. A late one of a member already out changes nothing.
func (m *Mirror) vote(mem *member, client *volume.Client, p *pending, free int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if mem.role != roleIn || mem.proc == nil || mem.proc.client != client {
		return
	}
	if volume.OutcomeOf(err) == volume.Unknown {
		m.expel(mem, fmt.Errorf("batch %d: %w", p.batch.Head.Sequence, err))
		m.advance()
		return
	}
	if err == nil {
		mem.free, mem.asked = free, m.c.Now()
	}
	p.votes[mem] = err
	m.advance()
}

// tally counts the votes of the members in sync.
func (p *pending) tally(in []*member) (yes, no []*member, silent []*member) {
	for _, mem := range in {
		err, voted := p.votes[mem]
		switch {
		case !voted:
			silent = append(silent, mem)
		case err == nil:
			yes = append(yes, mem)
		default:
			no = append(no, mem)
		}
	}
	return yes, no, silent
}

// advance settles what can be settled, oldest first. mu is held.
func (m *Mirror) advance() {
	for len(m.flight) > 0 && !m.fencing && m.dead == nil {
		p := m.flight[0]
		yes, no, silent := p.tally(m.insync())
		switch {
		case len(silent) > 0:
			return
		case len(no) == 0 && m.retract == nil:
			m.head = p.batch.Head
			m.settle(p, nil)
		case len(no) == 0: // cannot be: it is chained to one that was refused
			m.die(fmt.Errorf("batch %d was taken after one that was refused", p.batch.Head.Sequence))
		case len(yes) == 0:
			m.refuse(p, p.votes[no[0]])
		default:
			// Some have it, some have not: those without are behind from now on.
			for _, mem := range no {
				m.expel(mem, fmt.Errorf("batch %d refused: %w", p.batch.Head.Sequence, p.votes[mem]))
			}
		}
	}
	if m.fencing && m.dead == nil {
		m.drain()
	}
}

// settle ends a batch, the oldest in flight. mu is held.
func (m *Mirror) settle(p *pending, err error) {
	m.flight = m.flight[1:]
	m.since = m.c.Now()
	p.done <- err
	if len(m.flight) == 0 {
		if m.retract != nil {
			m.retract = nil
			m.next = m.head
			m.paused--
		}
		m.turn.Broadcast()
	}
}

// refuse ends a batch that no volume took. What was composed after it is chained to it and falls
// too; then the sequence goes on from the last batch taken. mu is held.
func (m *Mirror) refuse(p *pending, err error) {
	if m.retract == nil {
		m.retract = err
		m.paused++
	}
	m.settle(p, refusal(m.retract))
}

// refusal gives a volume's No the mirror's name.
func refusal(err error) error {
	if errors.Is(err, volume.ErrNoSpace) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}

// fresh is how long a member's word on its free space is good for: others write to disks too.
const fresh = 500 * time.Millisecond

// room refuses a batch that a volume in sync would have to refuse, so that a full disk does not
// cost the mirror a member. What is under way may take its share first.
func (m *Mirror) room(ctx context.Context, bytes int64) error {
	for range 2 {
		short, stale := m.short(bytes)
		if short == nil && len(stale) == 0 {
			return nil
		}
		if len(stale) == 0 {
			return fmt.Errorf("%w: %d MiB left on %q", ErrFull, short.free>>20, short.dir)
		}
		var wg sync.WaitGroup
		for _, mem := range stale {
			wg.Go(func() {
				if err := m.refresh(ctx, mem); err != nil { // the write itself will find out
					m.c.Log.Debug("asking a volume for its free space", "volume", mem.slot, "error", err)
				}
			})
		}
		wg.Wait()
	}
	return nil
}

// short gives a member in sync without room for a batch, and those whose word on it is old.
func (m *Mirror) short(bytes int64) (short *member, stale []*member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.flight {
		bytes += p.bytes
	}
	now := m.c.Now()
	for _, mem := range m.insync() {
		if now.Sub(mem.asked) > fresh {
			stale = append(stale, mem)
		}
		if mem.free < mem.state.Floor+4*bytes {
			short = mem
		}
	}
	return short, stale
}

// refresh asks a member for its state.
func (m *Mirror) refresh(ctx context.Context, mem *member) error {
	m.mu.Lock()
	if mem.proc == nil {
		m.mu.Unlock()
		return ErrUnavailable
	}
	client := mem.proc.client
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, min(m.c.WriteDeadline, time.Second))
	defer cancel()
	st, err := client.Control(ctx, volume.Request{Act: volume.ActStatus})
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if mem.proc != nil && mem.proc.client == client {
		mem.free, mem.asked, mem.state = st.Free, m.c.Now(), st
	}
	return nil
}
