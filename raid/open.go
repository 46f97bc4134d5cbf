package raid

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// choose finds the volume whose contents are the truth: of the newest epoch, whole, and the
// furthest along its chain, for every acknowledged batch is on each member of its epoch.
func (m *Mirror) choose(w *witness) (*member, error) {
	newest, err := m.newest(w)
	if err != nil {
		return nil, err
	}
	var truth *member
	var unfit []string
	for _, mem := range m.members {
		st := mem.state
		switch {
		case mem.proc == nil:
			unfit = append(unfit, fmt.Sprintf("%q: %s", mem.dir, mem.reason))
		case !newest.Last().Has(st.Index):
			unfit = append(unfit, fmt.Sprintf("%q was put out in epoch %d", mem.dir, newest.Last().Number))
		case !st.Opened || st.Mark != volume.Ready:
			unfit = append(unfit, fmt.Sprintf("%q is marked %q: %s", mem.dir, st.Mark, st.Reason))
		case st.Behind():
			m.event(EventBehind, mem, "opened at batch %d, its ring has %d", st.Head.Sequence, st.Ring.Sequence)
			unfit = append(unfit, fmt.Sprintf("%q lost the batches after %d of %d", mem.dir, st.Head.Sequence, st.Ring.Sequence))
		case truth == nil || st.Head.Sequence > truth.state.Head.Sequence:
			truth = mem
		}
	}
	if truth == nil {
		return nil, fmt.Errorf("%w: %s", ErrNotWitnessed, strings.Join(unfit, "; "))
	}
	return truth, m.attest(w, newest, truth)
}

// newest gives the longest history of the volumes present; they must be of one mirror and one
// history.
func (m *Mirror) newest(w *witness) (newest volume.History, err error) {
	seen := map[int]*member{}
	for _, mem := range m.members {
		if mem.proc == nil {
			continue
		}
		st := mem.state
		if w != nil && st.Set != w.Set {
			return nil, fmt.Errorf("%w: %q belongs to the mirror %s, not %s", ErrFork, mem.dir, st.Set, w.Set)
		}
		for _, other := range seen {
			if other.state.Set != st.Set {
				return nil, fmt.Errorf("%w: %q and %q belong to two mirrors", ErrFork, other.dir, mem.dir)
			}
			if !st.History.Contains(other.state.History) && !other.state.History.Contains(st.History) {
				return nil, fork(other, mem)
			}
		}
		if other := seen[st.Index]; other != nil {
			return nil, fmt.Errorf("%w: %q and %q are copies of one volume", ErrFork, other.dir, mem.dir)
		}
		seen[st.Index] = mem
		if st.History.Last().Number > newest.Last().Number {
			newest = st.History
		}
	}
	if len(newest) == 0 {
		var errs []error
		for _, mem := range m.members {
			errs = append(errs, fmt.Errorf("%q: %s", mem.dir, mem.reason))
		}
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(errs...))
	}
	return newest, nil
}

// attest checks the truth chosen against the state directory's witness. Without one all members of
// the newest epoch must be present: they are each other's witnesses.
func (m *Mirror) attest(w *witness, newest volume.History, truth *member) error {
	if w == nil {
		for _, mem := range m.members {
			if mem.proc == nil || !newest.Last().Has(mem.state.Index) {
				return fmt.Errorf("%w: the state directory has no record, and %q is not there or was put out",
					ErrNotWitnessed, mem.dir)
			}
		}
		return nil
	}
	known, ok := newest.Find(w.Epoch.Number)
	switch {
	case newest.Last().Number < w.Epoch.Number, !w.Epoch.Has(truth.state.Index):
		return fmt.Errorf("%w: epoch %d with members %b was declared, the best volume present is %q of epoch %d",
			ErrNotWitnessed, w.Epoch.Number, w.Epoch.Members, truth.dir, newest.Last().Number)
	case ok && known.ID != w.Epoch.ID:
		return fmt.Errorf("%w: epoch %d of the volumes is not the one on record", ErrFork, w.Epoch.Number)
	case truth.state.Head.Sequence < w.Head.Sequence,
		truth.state.Head.Sequence == w.Head.Sequence && truth.state.Head.Digest != w.Head.Digest:
		return fmt.Errorf("%w: batch %d %s was seen, the best volume has %d %s", ErrRolledBack,
			w.Head.Sequence, w.Head.Digest, truth.state.Head.Sequence, truth.state.Head.Digest)
	}
	return nil
}

// fork describes two histories.
func fork(a, b *member) error {
	say := func(mem *member) string {
		st, e := mem.state, mem.state.History.Last()
		return fmt.Sprintf("%q: epoch %d (%s, members %b, from batch %d %s), head %d %s",
			mem.dir, e.Number, e.ID, e.Members, e.Base, e.Digest, st.Head.Sequence, st.Head.Digest)
	}
	return fmt.Errorf("%w: %s; %s", ErrFork, say(a), say(b))
}

// verifyKey refuses a wrong key before anything is written under it.
func (m *Mirror) verifyKey(ctx context.Context, truth *member) error {
	if m.head.Sequence == 0 {
		return nil
	}
	s := source{truth, truth.proc.client}
	if _, _, err := m.manifest(ctx, s, m.head.Sequence); err != nil {
		return fmt.Errorf("the newest manifest does not open, is the key right? %w", err)
	}
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
