package raid

import (
	"context"
	"fmt"
)

// overtake looks at what a Witness has that does not take our mark. One that did not answer at the
// opening, beside a state directory that was lost or restored from a backup, has a mark whose order
// is above ours and would refuse all that follow; at a later opening its old mark would outrank the
// newer record. A mark of this very history is overtaken. Any other was made of volumes newer than
// these: writing ends before it makes a fork, and the next opening lays it before persons. changeMu
// is held; overtake says whether a new mark is to be made.
func (m *Mirror) overtake() bool {
	ctx, cancel := context.WithTimeout(context.Background(), witnessWait)
	defer cancel()
	got, err := m.askWitness(ctx)
	if err != nil || got == nil || got.Set != m.set || got.Order < m.witness.order {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.history.Find(got.Epoch)
	forgotten := got.Epoch < m.history[0].Number // epochs that old are no longer kept
	if got.Head > m.head.Sequence || !forgotten && (!ok || e.ID != got.EpochID) {
		m.die(fmt.Errorf("%w: the witness knows batch %d of epoch %d, the volumes are at batch %d of epoch %d",
			ErrRolledBack, got.Head, got.Epoch, m.head.Sequence, m.history.Last().Number))
		return false
	}
	m.witness.order = got.Order
	return true
}
