package raid

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"casemate/raid/volume"
)

// openWait bounds how long a volume may take to open.
const openWait = 2 * time.Minute

// Open opens a mirror, in these steps, each of which a crash leaves to be done again:
//
//  1. every volume's process is started and opens its Badger;
//  2. the truth is chosen: a member of the newest epoch, the longest chain;
//  3. the state directory must know it (ErrNotWitnessed, ErrRolledBack);
//  4. volumes that differ in what was acknowledged are refused (ErrFork);
//  5. those behind are brought up from the kept manifests, tails written before an unclean stop
//     are verified, and an epoch is declared if the membership changed;
//  6. those that have to be filled anew are so in the background.
func Open(ctx context.Context, c Config) (*Mirror, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	w, err := readWitness(c.StateDir)
	if err != nil {
		return nil, err
	}
	m := &Mirror{
		c: c, pool: volume.NewPool(flightBytes/volume.MaxPayload + 4),
		slots: semaphore.NewWeighted(flightBatches), credit: semaphore.NewWeighted(flightBytes),
	}
	m.turn.L = &m.mu
	for i, dir := range c.Dirs {
		m.members = append(m.members, &member{slot: i, dir: dir, reason: "not started"})
	}
	if err := m.assemble(ctx, w); err != nil {
		for _, mem := range m.members {
			if mem.proc != nil {
				mem.proc.kill()
				<-mem.proc.exited
			}
		}
		return nil, err
	}
	background, stop := context.WithCancel(context.Background())
	m.stop = stop
	m.done.Go(func() { m.keep(background) })
	return m, nil
}

// assemble takes the mirror from nothing to in service.
func (m *Mirror) assemble(ctx context.Context, w *witness) error {
	m.startAll(ctx)
	truth, err := m.choose(w)
	if err != nil {
		return err
	}
	m.set = truth.state.Set
	m.seal = sealer{key: m.c.Key, set: m.set}
	m.history, m.head, m.next = truth.state.History, truth.state.Head, truth.state.Head
	if err := m.verifyKey(ctx, truth); err != nil {
		return err
	}
	m.enter(truth)
	for _, mem := range m.members {
		if mem == truth || mem.proc == nil {
			continue
		}
		if err := m.admitAtOpen(ctx, truth, mem); err != nil {
			return err
		}
	}
	if truth.state.Audit {
		if err := m.auditTail(ctx, truth, m.other(truth)); err != nil && !errors.Is(err, errAnew) {
			return err
		}
	}
	return m.declare(w)
}

// startAll starts the volumes and says hello to each; one that fails stays out, with the reason.
func (m *Mirror) startAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, openWait)
	defer cancel()
	var wg sync.WaitGroup
	for _, mem := range m.members {
		wg.Go(func() {
			if err := m.launch(ctx, mem); err != nil {
				mem.reason = err.Error()
				m.c.Log.Error("a volume does not start", "volume", mem.slot, "error", err)
			}
		})
	}
	wg.Wait()
}

// launch starts one volume's process and opens it. The member is out, or not in service yet.
func (m *Mirror) launch(ctx context.Context, mem *member) error {
	proc, err := start(m.c.Command, mem.dir, m.c.Log)
	if err != nil {
		return err
	}
	st, err := proc.client.Hello(ctx, m.c.MinFree)
	if err != nil {
		proc.kill()
		return fmt.Errorf("opening the volume %q: %w", mem.dir, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	mem.proc, mem.state, mem.free = proc, st, st.Free
	return nil
}

// admitAtOpen brings one volume into sync with the truth if that is quick; a fork is an error, any
// other failure leaves it out, to be brought back in the background. Nothing is written meanwhile.
func (m *Mirror) admitAtOpen(ctx context.Context, truth, mem *member) error {
	src := source{truth, truth.proc.client}
	err := m.compare(ctx, src, mem)
	if errors.Is(err, ErrFork) {
		return err
	}
	if err == nil {
		err = m.approach(ctx, src, mem)
	}
	if err == nil {
		err = m.arrive(ctx, src, mem)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		m.enterLocked(mem)
		return nil
	}
	m.c.Log.Warn("a volume is not in sync at opening", "volume", mem.slot, "error", err)
	// Its process stays: to be filled anew if that is what it takes, else started again.
	if mem.reason = err.Error(); !errors.Is(err, errAnew) {
		m.leave(mem, err)
	}
	mem.retry, mem.wait = time.Time{}, 0
	return nil
}

// declare records the membership found at opening: a new epoch if it changed, else only that all
// know the newest one.
func (m *Mirror) declare(w *witness) error {
	last, members := m.history.Last(), uint32(0)
	for _, mem := range m.insync() {
		members |= 1 << uint(mem.state.Index) // #nosec G115 -- below 32
	}
	if members != last.Members {
		return m.change(nil)
	}
	if failed, err := m.record(m.insync(), m.history); failed != nil {
		return err
	}
	if w != nil && w.Epoch == last && w.Head == m.head {
		return nil
	}
	return witness{Set: m.set, Epoch: last, Head: m.head}.save(m.c.StateDir)
}

// enter puts a member in service.
func (m *Mirror) enter(mem *member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.enterLocked(mem)
}

func (m *Mirror) enterLocked(mem *member) {
	mem.role, mem.reason, mem.wait, mem.missed = roleIn, "", 0, 0
	mem.queue = make(chan *pending, flightBatches)
	proc := mem.proc
	go m.feed(mem, proc.client, mem.queue)
	go m.watch(mem, proc)
}

// watch puts a member out when its process ends or its socket breaks.
func (m *Mirror) watch(mem *member, proc *process) {
	<-proc.client.Done()
	m.mu.Lock()
	defer m.mu.Unlock()
	if mem.proc == proc && !m.closed {
		m.expel(mem, errors.New("its process ended"))
		m.advance()
	}
}

// other gives another member in sync, or nil. mu is held, or nobody else is there yet.
func (m *Mirror) other(than *member) *source {
	for _, mem := range m.insync() {
		if mem != than {
			return &source{mem, mem.proc.client}
		}
	}
	return nil
}
