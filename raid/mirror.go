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
	seal sealer
	pool *volume.Pool

	slots  *semaphore.Weighted // batches under way
	credit *semaphore.Weighted // their bytes

	mu       sync.Mutex
	turn     sync.Cond // on mu: something below changed
	members  []*member
	history  volume.History
	head     volume.Head // last batch acknowledged
	next     volume.Head // last batch composed
	flight   []*pending  // composed and not settled, in order
	paused   int         // reasons not to compose
	fencing  bool        // a member was put out: nothing is acknowledged until it is recorded
	changing bool        // and that is being done
	retract  error       // a batch was refused by all: those after it fall with it
	since    time.Time   // when the first in flight became so
	dead     error       // no more writes, ever
	closed   bool

	changeMu sync.Mutex         // one change of epoch at a time; taken before mu
	stop     context.CancelFunc // ends the background work
	done     sync.WaitGroup
	reader   atomic.Uint32 // spreads reads over the members
	brake    atomic.Int64  // nanoseconds that each batch waits while a member does not gain on writers
}

// role is a member's part in the mirror.
type role int

const (
	roleOut role = iota // not there, fenced or failed
	roleSyncing
	roleIn
)

// member is one volume of a mirror. The mirror's mu guards it.
type member struct {
	slot   int // in Config.Dirs
	dir    string
	proc   *process
	queue  chan *pending
	state  volume.State // as it last said
	role   role
	reason string // why it is not in
	free   int64
	asked  time.Time // when free was last known
	retry  time.Time // when to try to bring it back
	wait   time.Duration
	missed int           // signs of life, in a row
	faults atomic.Uint64 // bad or lost values seen
	slow   atomic.Bool   // did not answer a read in time
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

// Volumes is how many volumes the mirror has, whatever their state.
func (m *Mirror) Volumes() int { return len(m.c.Dirs) }

// event tells of a fault, to the log and to who asked for events.
func (m *Mirror) event(kind EventKind, mem *member, format string, args ...any) {
	e := Event{Kind: kind, Volume: -1, Detail: fmt.Sprintf(format, args...)}
	if mem != nil {
		e.Volume = mem.slot
	}
	m.c.Log.Warn("mirror event", "kind", kind, "volume", e.Volume, "detail", e.Detail)
	m.c.Event(e)
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
		go m.event(EventReadOnly, nil, "%v", err)
	}
}

// Close waits for what is under way, closes the volumes cleanly and records their head.
func (m *Mirror) Close() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil
	}
	m.closed = true
	m.mu.Unlock()
	m.stop()
	err := m.pause()
	m.done.Wait()
	m.mu.Lock()
	if m.dead == nil {
		m.dead = fmt.Errorf("%w: it is closed", ErrReadOnly)
	}
	in, w := m.insync(), witness{Set: m.set, Epoch: m.history.Last(), Head: m.head}
	all := append([]*member(nil), m.members...)
	m.mu.Unlock()
	if err == nil && len(in) > 0 {
		err = w.save(m.c.StateDir)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
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
	return errors.Join(append(errs, err)...)
}

// Status gives the state as last known; it asks no volume.
func (m *Mirror) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Status{State: Healthy, Set: m.set.String(), Sequence: m.head.Sequence, Epoch: m.history.Last().Number, ReadOnly: m.dead != nil}
	for _, mem := range m.members {
		v := VolumeStatus{
			Slot: mem.slot, Dir: mem.dir, State: Faulted, Why: mem.reason, Generation: mem.state.Generation,
			Free: mem.free, Size: mem.state.Size, Floor: mem.state.Floor, Faults: int(mem.faults.Load()),
			Landlock: mem.state.Landlock, PID: mem.state.PID,
		}
		switch mem.role {
		case roleIn:
			v.State = InSync
		case roleSyncing:
			v.State = Syncing
		case roleOut:
		}
		if mem.role != roleIn {
			s.State = Degraded
		}
		s.Volumes = append(s.Volumes, v)
	}
	if m.dead != nil {
		s.State, s.Why = ReadOnly, m.dead.Error()
	}
	return s
}
