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
//  1. the witnesses are asked, and volumes are found by their superblocks, wherever they lie;
//  2. every volume's process is started and opens its Badger;
//  3. the truth is chosen: a member of the newest epoch, the longest chain;
//  4. the newest mark on record must know it (ErrNotWitnessed, ErrRolledBack);
//  5. volumes that differ in what was acknowledged are refused (ErrFork);
//  6. those behind are brought up from the kept manifests, tails written before an unclean stop
//     are verified, and an epoch is declared if the membership or the roster changed;
//  7. those that have to be filled anew are so in the background.
func Open(ctx context.Context, c Config) (*Mirror, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	return openDecided(ctx, c)
}

// open opens a mirror, or carries a decision out with it. An error is *Undecided if persons could
// decide.
func open(ctx context.Context, c Config, d *decision) (*Mirror, error) {
	auth, err := newAuthority(c.Key)
	if err != nil {
		return nil, err
	}
	m := &Mirror{
		c: c, auth: auth, pool: volume.NewPool(flightBytes/volume.MaxPayload + 4),
		slots: semaphore.NewWeighted(flightBatches), credit: semaphore.NewWeighted(flightBytes),
		suspects: newSuspects(), budget: openBudget(&c), lag: volume.TailBytes, away: keepDegraded,
	}
	m.turn.L = &m.mu
	if err := m.assemble(ctx, d); err != nil {
		m.giveUp()
		return nil, err
	}
	background, stop := context.WithCancel(context.Background())
	m.stop = stop
	m.done.Go(func() { m.keep(background) })
	m.done.Go(func() { m.heal(background) })
	return m, nil
}

// giveUp closes the volumes of a mirror that did not open, as cleanly as they let themselves be.
func (m *Mirror) giveUp() {
	m.mu.Lock()
	if m.dead == nil {
		m.dead = fmt.Errorf("%w: it did not open", ErrReadOnly)
	}
	m.closed = true
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	var wg sync.WaitGroup
	for _, mem := range m.members {
		if mem.queue != nil {
			close(mem.queue)
			mem.queue = nil
		}
		if mem.proc != nil {
			wg.Go(func() {
				_ = mem.proc.stop(ctx) // why it did not open is what matters
				select {
				case <-mem.proc.exited:
				case <-time.After(closeWait): // a dead disk holds it
				}
			})
		}
	}
	wg.Wait()
}

// closeWait bounds how long volumes may take to close after an Open that failed.
const closeWait = 10 * time.Second

// assemble takes the mirror from nothing to in service.
func (m *Mirror) assemble(ctx context.Context, d *decision) error {
	o := &opening{m: m}
	err := o.assemble(ctx, d)
	if undecidable(err) {
		return o.undecided(err)
	}
	if err != nil {
		return err
	}
	return dropNotes(m.c.StateDir, decisionFile, refusedFile)
}

func (o *opening) assemble(ctx context.Context, d *decision) error {
	m := o.m
	o.loadWitnesses(ctx)
	if o.w != nil {
		m.witness.order = max(m.witness.order, o.w.Order)
	}
	if err := o.muster(ctx); err != nil {
		return err
	}
	m.startAll(ctx)
	m.seal = sealer{key: m.c.Key, set: m.set}
	truth, err := o.settle(ctx, d)
	if err != nil {
		return err
	}
	for _, mem := range m.members {
		if mem == truth || mem.proc == nil {
			continue
		}
		if err := m.admitAtOpen(ctx, truth, mem); err != nil {
			return err
		}
	}
	switch err := m.auditTail(ctx, truth, m.other(truth)); {
	case errors.Is(err, errAnew): // its twin has what it lost, and goes on without it
		m.mu.Lock()
		m.leave(truth, err)
		truth.retry, truth.wait = time.Time{}, 0
		m.mu.Unlock()
	case err != nil:
		return err
	}
	return m.declare(o.w)
}

// settle finds the truth, or makes what persons decided the truth, and puts it in service.
func (o *opening) settle(ctx context.Context, d *decision) (*member, error) {
	if d != nil {
		return o.carry(ctx, d)
	}
	truth, err := o.choose()
	if err != nil {
		return nil, err
	}
	m := o.m
	m.history, m.head, m.next = truth.declared.History, truth.state.Head, truth.state.Head
	if err := m.verifyKey(ctx, truth); err != nil {
		return nil, err
	}
	m.enter(truth)
	return truth, nil
}

// startAll starts the volumes and says hello to each; one that fails stays out, with the reason.
func (m *Mirror) startAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, openWait)
	defer cancel()
	var wg sync.WaitGroup
	for _, mem := range m.members {
		if mem.place == nil || mem.seat.Spare || mem.seat.Detached {
			continue
		}
		wg.Go(func() {
			if err := m.launch(ctx, mem); err != nil {
				mem.out(m.c.Now(), err)
				m.c.Log.Error("a volume does not start", "volume", mem.slot, "dir", mem.dir, "error", err)
			}
		})
	}
	wg.Wait()
}

// launch starts one volume's process where the volume was seen last, and opens it. The member is
// out, or not in service yet.
func (m *Mirror) launch(ctx context.Context, mem *member) error {
	proc, err := start(m.c.Command, mem.dir, m.c.Log)
	if err != nil {
		return err
	}
	m.running.Go(func() { <-proc.exited })
	st, err := m.greet(ctx, mem, proc)
	if err != nil {
		proc.kill()
		return fmt.Errorf("opening the volume %q: %w", mem.dir, err)
	}
	if !m.owns(mem, st) {
		proc.kill()
		return because(CauseForeign, "%q does not hold the volume %s of this mirror", mem.dir, short(mem.id))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	mem.declared, st.Declared = *st.Declared, nil
	mem.proc, mem.state, mem.free = proc, st, st.Free
	return nil
}

// deathsEnough is how often a volume's process may die while it opens before it is believed that its
// database kills it: some damage makes Badger panic where nobody can catch it.
const deathsEnough = 2

// greet says hello, which opens the database; one that killed its process is left shut while another
// volume is in sync, to be filled anew from it, and so is one that is to be filled anew in any case.
func (m *Mirror) greet(ctx context.Context, mem *member, proc *process) (st volume.State, err error) {
	m.mu.Lock()
	deadly, twin := mem.deaths >= deathsEnough, len(m.insync()) > 0
	useless := m.budget.pending(mem.id, mem.state.Generation)
	m.mu.Unlock()
	st, err = proc.client.Hello(ctx, m.c.MinFree, twin && (deadly || useless))
	if twin && deadly && err == nil {
		st.Reason = fmt.Sprintf("its process died %d times while opening it", mem.deaths)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		mem.deaths = 0
	} else if causeOf(err) == CauseDied {
		mem.deaths++
	}
	return st, err
}

// owns says whether a volume that said hello is the member's, as this mirror declared it.
func (m *Mirror) owns(mem *member, st volume.State) bool {
	d := st.Declared
	return d != nil && d.Set == m.set && d.Volume == mem.id && m.auth.holds(kindDeclared, d, st.MAC)
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
		err = m.adopt(ctx, mem)
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
	m.c.Log.Warn("a volume is not in sync at opening", "volume", mem.slot, "dir", mem.dir, "error", err)
	// Its process stays: to be filled anew if that is what it takes, else started again.
	if mem.out(m.c.Now(), err); !errors.Is(err, errAnew) {
		m.leave(mem, err)
	}
	mem.retry, mem.wait = time.Time{}, 0
	return nil
}

// adopt has a volume that is out, and knows of epochs that never came to be, take the mirror's
// history. Its mark is durable first: with it, it is never the truth.
func (m *Mirror) adopt(ctx context.Context, mem *member) error {
	m.mu.Lock()
	history, roster := m.history, m.roster
	m.mu.Unlock()
	if history.Contains(mem.declared.History) {
		return nil
	}
	if mem.state.Mark == volume.Ready {
		r := volume.Request{Act: volume.ActMark, Mark: volume.Syncing, Reason: "being brought up"}
		if err := m.control(ctx, mem, r); err != nil {
			return err
		}
	}
	return m.declareTo(mem, history, roster)
}

// declare records what was found at opening: a new epoch if membership or roster changed, else
// only that all know the newest one.
func (m *Mirror) declare(w *mark) error {
	m.mu.Lock()
	in, last, roster := m.insync(), m.history.Last(), m.nextRoster(nil, nil)
	same := roster.Number == m.roster.Number && len(in) == len(last.Members)
	for _, mem := range in {
		same = same && last.Has(mem.id)
	}
	d := draft{history: m.history, roster: m.roster, in: in}
	m.mu.Unlock()
	if !same {
		return m.change(nil)
	}
	if failed, _ := m.tell(d); failed != nil {
		return m.change(nil) // without it, if it fails again
	}
	if w != nil && w.Epoch == last.Number && w.EpochID == last.ID && w.Head == m.head.Sequence && w.Digest == m.head.Digest {
		return nil
	}
	m.changeMu.Lock()
	defer m.changeMu.Unlock()
	return m.bearWitness(m.history, false)
}

// enter puts a member in service.
func (m *Mirror) enter(mem *member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.enterLocked(mem)
}

func (m *Mirror) enterLocked(mem *member) {
	if mem.since = mem.steady; mem.since.IsZero() {
		mem.since = m.c.Now()
	}
	mem.role, mem.cause, mem.reason, mem.wait, mem.missed = roleIn, CauseNone, "", 0, 0
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
