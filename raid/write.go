package raid

import (
	"context"
	"fmt"
	"sync/atomic"

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
	m.calls.begin()
	defer func() { m.calls.end(m.c.Now()) }()
	if err := m.slots.Acquire(ctx, 1); err != nil {
		return 0, err
	}
	defer m.slots.Release(1)
	if err := m.slow(ctx); err != nil {
		return 0, err
	}
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
	if len(in) < m.c.MinCopies { // until enough are back
		return nil, fmt.Errorf("%w: %d volumes must be in sync for a write, %d are", ErrReadOnly, m.c.MinCopies, len(in))
	}
	trim := m.trimMark(m.next.Sequence+1, len(in) < m.wanted())
	batch, err := m.compose(ops, m.next, m.history.Last().Number, m.keepFor(trim))
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
