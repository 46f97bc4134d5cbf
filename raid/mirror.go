package raid

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"casemate/raid/volume"
)

// Under way at most, so that memory is bounded whatever the disks do.
const (
	flightBatches = 32
	flightBytes   = 36 << 20
)

// Mirror is an open mirror. Its methods may be called from several goroutines.
type Mirror struct {
	c    Config
	set  volume.ID
	auth authority
	seal sealer
	pool *volume.Pool

	slots  *semaphore.Weighted // batches under way
	credit *semaphore.Weighted // their bytes

	mu       sync.Mutex
	turn     sync.Cond // on mu: something below changed
	members  []*member
	history  volume.History
	roster   volume.Roster
	head     volume.Head // last batch acknowledged
	next     volume.Head // last batch composed
	flight   []*pending  // composed and not settled, in order
	paused   int         // reasons not to compose
	fencing  bool        // a member was put out: nothing is acknowledged until it is recorded
	changing bool        // and that is being done
	retract  error       // a batch was refused by all: those after it fall with it
	since    time.Time   // when the first in flight became so
	dead     error       // no more writes, ever
	shown    shown
	closed   bool

	snapshots []*snapshot // being given
	keepSince []uint64    // manifests after each are kept for the next one

	changeMu   sync.Mutex // one change of epoch at a time; taken before mu
	acts       sync.Mutex // one act on the roster at a time; taken before changeMu
	rechecking sync.Mutex // one volume at a time
	reclaiming sync.Mutex // one volume at a time
	witness    witnesses
	stop       context.CancelFunc // ends the background work
	done       sync.WaitGroup
	running    sync.WaitGroup // processes of volumes; done goes before it
	reader     atomic.Uint32  // spreads reads over the members
	brake      atomic.Int64   // nanoseconds that each batch waits while a member does not gain on writers
	suspects   *suspects      // keys that did not read right, to be repaired
	budget     *budget        // of faults, for each volume
	away       uint64         // manifests kept while a member is away
	lag        int64          // bytes that the cursor of a copy stays behind it
	calls      calls          // of readers and writers, so that a copy gives way to them
	told       told           // events on their way to Config.Event
}

// role is a member's part in the mirror.
type role int

const (
	roleOut role = iota // not there, fenced or failed
	roleSyncing
	roleIn
	roleRetired // no longer of the mirror; its slot is not used again
)

// member is one volume of a mirror. The mirror's mu guards it.
type member struct {
	slot     int // its place in Mirror.members, for good
	id       volume.ID
	seat     volume.Seat // as the roster has it
	dir      string      // where it was seen last
	place    *place      // as it was found at opening, nil if it was not
	proc     *process
	queue    chan *pending
	state    volume.State    // as it last said
	declared volume.Declared // what its superblock has of the mirror
	role     role
	cause    Cause     // why it is not in
	reason   string    // the same for a person
	since    time.Time // when it ceased to be in sync, or to be out
	steady   time.Time // since when it was in sync when the mirror was closed
	deaths   int       // of its process while it opened, in a row
	known    uint64    // the last batch it is known to have had before it was opened
	free     int64
	asked    time.Time // when free was last known
	retry    time.Time // when to try to bring it back
	wait     time.Duration
	missed   int         // signs of life, in a row
	slow     atomic.Bool // did not answer a read in time
	checked  *process    // whose contents were compared with the twin's after it had lost the end of a log
	meter    *meter      // while it is being brought up
	retired  bool        // it had left the roster when the mirror was opened
	held     bool        // it used its budget of faults up twice: persons must look first
}

// insync gives the members in sync. mu is held.
func (m *Mirror) insync() []*member {
	var in []*member
	for _, mem := range m.members {
		if mem.role == roleIn {
			in = append(in, mem)
		}
	}
	return in
}

// Volumes is how many slots the mirror has, whatever the state of their volumes; a volume that was
// retired since opening keeps its slot.
func (m *Mirror) Volumes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.members)
}

// Slots gives the slots of the volumes in sync.
func (m *Mirror) Slots() (slots []int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mem := range m.insync() {
		slots = append(slots, mem.slot)
	}
	return slots
}

// out notes why a member is not in sync, and since when.
func (mem *member) out(now time.Time, why error) {
	if mem.cause == CauseNone || mem.since.IsZero() {
		mem.since = now
	}
	mem.cause, mem.reason, mem.steady = causeOf(why), why.Error(), time.Time{}
}

// wanted is how many volumes are to be in sync: the roster without its spares. mu is held.
func (m *Mirror) wanted() (n int) {
	for _, mem := range m.members {
		if mem.role != roleRetired && !mem.seat.Spare {
			n++
		}
	}
	return n
}

// pause keeps writers out and waits until nothing is in flight; resume lets them in.
func (m *Mirror) pause() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.paused++
	for (len(m.flight) > 0 || m.fencing) && m.dead == nil {
		m.turn.Wait()
	}
	if m.dead != nil {
		m.paused--
		return m.dead
	}
	return nil
}

func (m *Mirror) resume() {
	m.mu.Lock()
	m.paused--
	m.turn.Broadcast()
	m.mu.Unlock()
}

// die ends writing for good: the outcome of what is in flight is unknown. mu is held.
func (m *Mirror) die(err error) {
	if m.dead != nil {
		return
	}
	m.dead = err
	for _, p := range m.flight {
		p.done <- fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	m.flight = nil
	m.turn.Broadcast()
	if !m.closed {
		m.eventLocked(EventReadOnly, nil, "%v", err)
	}
}

// CloseWithin is how long Close takes at most, counted from its beginning, whatever becomes of its volumes: within it
// they close cleanly, are killed if they do not, and are left if a dead disk holds them even so. Batches that no volume
// answers may take longer (see overdue). Whoever stops the process gives it more than this.
const CloseWithin = 30 * time.Second

// reaping is the part of it that volumes which were killed have to end.
const reaping = 5 * time.Second

// Close waits for what is under way, closes the volumes cleanly and records their head.
func (m *Mirror) Close() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil
	}
	m.closed = true
	m.mu.Unlock()
	whole, cancel := context.WithTimeout(context.Background(), CloseWithin)
	defer cancel()
	ctx, cancel := context.WithTimeout(whole, CloseWithin-reaping)
	defer cancel()
	err := m.pause() // deadlines are kept meanwhile
	m.stop()
	m.done.Wait()
	m.mu.Lock()
	if m.dead == nil {
		m.dead = fmt.Errorf("%w: it is closed", ErrReadOnly)
		m.turn.Broadcast() // whoever waited for his batch's place meanwhile
	}
	in := m.insync()
	for _, mem := range in { // nothing is composed any more
		close(mem.queue)
		mem.queue = nil
	}
	all := append([]*member(nil), m.members...)
	m.mu.Unlock()
	if err == nil && len(in) > 0 {
		m.changeMu.Lock()
		err = m.bearWitness(m.history, false)
		m.changeMu.Unlock()
	}
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, mem := range all {
		if mem.proc == nil {
			continue
		}
		wg.Go(func() {
			if mem.role == roleIn {
				errs[i] = mem.proc.stop(ctx)
			} else {
				mem.proc.kill()
			}
		})
	}
	wg.Wait()
	m.ended(whole)
	m.told.handOn(m.relay)
	return errors.Join(append(errs, err)...)
}
