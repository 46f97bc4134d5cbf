package raid

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"casemate/raid/volume"
)

// MaxErrorBudget bounds what is remembered of one volume's faults, and so what a budget can be: so that the
// memory of eight volumes, the most of a roster, is a record that is read again.
const MaxErrorBudget = 256

const (
	// defaultBudget is how many values of one volume may be found bad within faultWindow.
	defaultBudget = 64
	faultWindow   = 24 * time.Hour
	// faultsHeld is how often a volume may use its budget up within faultWindow before it stays out.
	faultsHeld = 2

	anyGeneration = math.MaxUint64

	faultsName = "casemate-faults-1"
	faultsFile = "mirror.faults"
)

// faults is what is remembered of one volume.
type faults struct {
	Values  []strike    `json:"values,omitempty"`  // distinct values found bad or lost, oldest first
	Faulted []time.Time `json:"faulted,omitempty"` // when it had used its budget up
	// Anew is the generation of a database that must be filled anew, anyGeneration whichever it is,
	// zero none: a later one was.
	Anew uint64 `json:"anew,omitempty"`
	// Held is a volume that stays out until a person says otherwise.
	Held bool `json:"held,omitempty"`
}

type strike struct {
	Value string    `json:"value"` // of the key's SHA-256, 16 digits
	At    time.Time `json:"at"`
}

// budget remembers the faults of volumes for a day, in the state directory, so that neither a restart
// nor a crash makes a bad disk a good one. Losing the file loses only that memory.
type budget struct {
	mu      sync.Mutex
	dir     string
	limit   int
	Volumes map[volume.ID]*faults `json:"volumes"`
}

// openBudget reads what is remembered; a file that does not read is begun anew, and said.
func openBudget(c *Config) *budget {
	b := &budget{dir: c.StateDir, limit: c.ErrorBudget, Volumes: map[volume.ID]*faults{}}
	if b.limit <= 0 {
		b.limit = defaultBudget
	}
	b.limit = min(b.limit, MaxErrorBudget)
	text, err := os.ReadFile(filepath.Join(c.StateDir, faultsFile)) // #nosec G304 -- the configured directory
	if err == nil {
		err = volume.DecodeRecord(faultsName, text, b)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.Log.Warn("the memory of faults does not read and is begun anew", "error", err)
	}
	for id, r := range b.Volumes {
		if r == nil {
			delete(b.Volumes, id)
		}
	}
	if b.Volumes == nil {
		b.Volumes = map[volume.ID]*faults{}
	}
	return b
}

// retain forgets all volumes but those of a roster, durably with what is remembered next: what was retired is
// never taken back.
func (b *budget) retain(roster volume.Roster) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id := range b.Volumes {
		if _, ok := roster.Find(id); !ok {
			delete(b.Volumes, id)
		}
	}
}

// of gives the record of a volume without what is older than a day, or of a clock that was wrong.
// mu is held.
func (b *budget) of(id volume.ID, now time.Time) *faults {
	r := b.Volumes[id]
	if r == nil {
		r = &faults{}
		b.Volumes[id] = r
	}
	fresh := func(t time.Time) bool { return !t.After(now) && now.Sub(t) < faultWindow }
	for len(r.Values) > 0 && !fresh(r.Values[0].At) {
		r.Values = r.Values[1:]
	}
	for len(r.Faulted) > 0 && !fresh(r.Faulted[0]) {
		r.Faulted = r.Faulted[1:]
	}
	return r
}

func (b *budget) save() error {
	text, err := volume.EncodeRecord(faultsName, b)
	if err == nil {
		err = volume.ReplaceFile(filepath.Join(b.dir, faultsFile), text)
	}
	return err
}

// count is how many distinct values were found bad or lost within a day.
func (b *budget) count(id volume.ID, now time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.of(id, now).Values)
}

// add counts a value, once a day, and says whether it is one too many.
func (b *budget) add(id volume.ID, key []byte, now time.Time) (over bool, err error) {
	sum := sha256.Sum256(key)
	name := hex.EncodeToString(sum[:8])
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.of(id, now)
	for _, s := range r.Values {
		if s.Value == name {
			return len(r.Values) >= b.limit, nil
		}
	}
	if len(r.Values) >= MaxErrorBudget {
		return true, nil
	}
	r.Values = append(r.Values, strike{name, now.UTC().Truncate(time.Second)})
	return len(r.Values) >= b.limit, b.save()
}

// fault remembers that a database is to be filled anew, and says whether the volume used its budget
// up so often that a person must look at it first.
func (b *budget) fault(id volume.ID, generation uint64, now time.Time) (held bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.of(id, now)
	r.Faulted = append(r.Faulted[max(0, len(r.Faulted)-faultsHeld):], now.UTC())
	r.Anew, r.Held = generation, len(r.Faulted) >= faultsHeld
	return r.Held, b.save()
}

// pending says whether a database is to be filled anew.
func (b *budget) pending(id volume.ID, generation uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.Volumes[id]
	return r != nil && r.Anew != 0 && (r.Anew == generation || r.Anew == anyGeneration)
}

// demand has a volume filled anew, because persons asked for it; generation is that of the database
// it has, zero if that is not known.
func (b *budget) demand(id volume.ID, generation uint64) error {
	if generation == 0 {
		generation = anyGeneration
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.Volumes[id]
	if r == nil {
		r = &faults{}
		b.Volumes[id] = r
	}
	r.Anew = generation
	return b.save()
}

// held says whether a volume stays out until a person says otherwise.
func (b *budget) held(id volume.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.Volumes[id]
	return r != nil && r.Held
}

// refilled forgets the values of a database that was filled anew.
func (b *budget) refilled(id volume.ID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.Volumes[id]
	if r == nil {
		return nil
	}
	r.Values, r.Anew = nil, 0
	return b.save()
}

// forgive is a person's word that a volume may try again.
func (b *budget) forgive(id volume.ID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.Volumes[id]
	if r == nil {
		return nil
	}
	r.Faulted, r.Held = nil, false
	return b.save()
}

// strike counts a value found bad or lost on a volume, and puts the volume out when that was one too
// many.
func (m *Mirror) strike(mem *member, key []byte) {
	m.mu.Lock()
	id := mem.id
	m.mu.Unlock()
	over, err := m.budget.add(id, key, m.c.Now())
	if err != nil {
		m.c.Log.Error("remembering a fault", "error", err)
	}
	if over {
		m.condemn(mem, fmt.Sprintf("%d values were found bad or lost within a day", m.budget.count(id, m.c.Now())))
	}
}

// condemn puts a volume out that cannot be trusted any more, to be filled anew beside itself. That it
// must be is durable before it is out. The last volume in sync stays: what it has is all there is.
func (m *Mirror) condemn(mem *member, why string) {
	m.mu.Lock()
	id, generation, last := mem.id, mem.state.Generation, mem.role != roleIn || len(m.insync()) == 1 || m.dead != nil
	m.mu.Unlock()
	if last {
		return
	}
	held := false
	if !m.budget.pending(id, generation) { // else it was the last one when it was condemned
		var err error
		if held, err = m.budget.fault(id, generation, m.c.Now()); err != nil {
			m.c.Log.Error("remembering a fault", "error", err)
		}
		m.eventLocked(EventFaulted, mem, "%s", why) // writers may be out
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if held {
		mem.held = true
	}
	if len(m.insync()) > 1 { // the others may have gone meanwhile
		m.expel(mem, because(CauseErrors, "%s", why))
		m.advance()
	}
}
