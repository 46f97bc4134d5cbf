package raid

import (
	"errors"
	"fmt"

	"casemate/raid/volume"
)

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
