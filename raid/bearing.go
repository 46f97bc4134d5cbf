package raid

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"casemate/raid/volume"
)

// witnessWait is how long a change of epoch waits for the Witness; it is told later then.
const witnessWait = 2 * time.Second

// witnesses is what the mirror keeps of its places outside the volumes.
type witnesses struct {
	order uint64     // of the newest mark; the mirror's changeMu guards it
	head  uint64     // of the newest mark
	told  time.Time  // when a mark was last made for the Witness
	busy  sync.Mutex // held while the Witness is spoken to
	mu    sync.Mutex
	owed  []byte // a mark the Witness does not have yet
	said  string // the trouble last told
}

// loadWitnesses reads the state directory's record and the Witness; the newest mark of both counts.
// What cannot be read or believed counts as lost, for whoever can damage it could remove it.
func (o *opening) loadWitnesses(ctx context.Context) {
	m := o.m
	rec, err := readRecord(m.c.StateDir)
	switch {
	case err != nil:
		o.doubt("the mirror's own record cannot be read: %v", err)
	case rec != nil && !rec.authentic(m.auth):
		o.doubt("the mirror's own record in %q is not authentic", m.c.StateDir)
	case rec != nil:
		o.rec, o.w = rec, &rec.Mark
	}
	if m.c.Witness == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, witnessWait)
	defer cancel()
	got, err := m.askWitness(ctx)
	switch {
	case err != nil:
		o.doubt("the witness does not answer: %v", err)
		return
	case got == nil:
		return
	}
	m.witness.order = max(m.witness.order, got.Order)
	switch {
	case o.w == nil:
		o.w = got
	case o.w.Set == got.Set && got.Order > o.w.Order:
		if o.w.Epoch > got.Epoch { // a record restored from a backup went on while the witness was silent
			o.also = o.w
		}
		o.w = got
	case o.w.Set != got.Set:
		o.doubt("the witness knows another mirror, %s", got.Set)
	}
}

// askWitness gives the mark the Witness has, nil if it has none.
func (m *Mirror) askWitness(ctx context.Context) (*mark, error) {
	type answer struct {
		b   []byte
		err error
	}
	got := make(chan answer, 1)
	go func() {
		m.witness.busy.Lock()
		b, err := m.c.Witness.Load(ctx)
		m.witness.busy.Unlock() // before it is known: who knows may ask again at once
		got <- answer{b, err}
	}()
	select {
	case a := <-got:
		if a.err != nil || len(a.b) == 0 {
			return nil, a.err
		}
		k, err := parseMark(a.b, m.auth)
		if err != nil {
			return nil, err
		}
		return &k, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (o *opening) doubt(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	o.doubts = append(o.doubts, text)
	o.m.c.Log.Warn("a witness of the mirror", "trouble", text)
}

// bearWitness records the mirror's state outside the volumes: in the state directory, and with the
// Witness as far as it answers within witnessWait; of a head that merely moved the Witness is told
// once an hour. It fails if neither took it. changeMu is held.
func (m *Mirror) bearWitness(history volume.History, moved bool) error {
	m.mu.Lock()
	last, head := history.Last(), m.head
	m.witness.order++
	m.witness.head = head.Sequence
	r := record{Roster: m.roster, Mark: mark{
		Order: m.witness.order, Set: m.set, Epoch: last.Number, EpochID: last.ID, Head: head.Sequence, Digest: head.Digest,
	}}
	for _, mem := range m.members {
		if mem.role != roleRetired {
			r.Seen = append(r.Seen, sighting{
				ID: mem.id, State: mem.standing(), Since: mem.since.UTC().Truncate(time.Second), Cause: mem.cause,
				Why: mem.reason, Sequence: mem.sequence(head.Sequence),
			})
		}
	}
	m.mu.Unlock()
	err := r.save(m.c.StateDir, m.auth)
	now := m.c.Now()
	if m.c.Witness == nil || moved && err == nil && now.Sub(m.witness.told) < time.Hour {
		return err
	}
	b, merr := r.Mark.encode(m.auth)
	if merr != nil {
		return errors.Join(err, merr)
	}
	m.witness.mu.Lock()
	m.witness.owed = b
	m.witness.mu.Unlock()
	m.witness.told = now
	terr := m.payWitness()
	if terr != nil && !errors.Is(terr, errSilent) && m.overtake() {
		return m.bearWitness(history, false) // the state directory is told again too
	}
	if err != nil && terr == nil {
		m.c.Log.Error("the mirror's state is recorded with the witness alone", "error", err)
		return nil
	}
	return err
}

// remind tells the witnesses what they do not know yet: the state directory how far the head has
// come, the Witness what it could not be told before.
func (m *Mirror) remind() error {
	m.changeMu.Lock()
	defer m.changeMu.Unlock()
	m.mu.Lock()
	moved, history := m.head.Sequence != m.witness.head && m.dead == nil, m.history
	m.mu.Unlock()
	if err := m.payWitness(); err != nil && m.overtake() { // it says so itself
		return m.bearWitness(history, false)
	}
	if !moved {
		return nil
	}
	return m.bearWitness(history, true)
}

// errSilent is a Witness that did not answer in time, not one that refused.
var errSilent = errors.New("it does not answer")

// payWitness gives the Witness the mark it does not have yet, waiting for it a little.
func (m *Mirror) payWitness() error {
	m.witness.mu.Lock()
	b := m.witness.owed
	m.witness.mu.Unlock()
	if b == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), witnessWait)
	defer cancel()
	got := make(chan error, 1)
	go func() {
		if !m.witness.busy.TryLock() {
			got <- fmt.Errorf("%w: it is still busy with the mark before", errSilent)
			return
		}
		err := m.c.Witness.Save(ctx, b)
		m.witness.busy.Unlock() // before it is known, as above
		got <- err
	}()
	var err error
	select {
	case err = <-got:
	case <-ctx.Done():
		err = fmt.Errorf("%w: %w", errSilent, ctx.Err())
	}
	m.witness.mu.Lock()
	defer m.witness.mu.Unlock()
	said := ""
	if err == nil {
		if bytes.Equal(m.witness.owed, b) {
			m.witness.owed = nil
		}
	} else {
		said = err.Error()
	}
	if said != m.witness.said {
		m.c.Log.Warn("telling the mirror's witness", "error", said)
		m.witness.said = said
	}
	return err
}
