package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"casemate/raid"
	"casemate/store/journal"
	"casemate/store/proof"
)

// A survey reads everything that one volume holds, from that volume alone, and demands that the volume
// by itself proves every document: its journal, its rounds, every record with every segment behind
// it, every index, then every other value. Fsck and the scrub are surveys of one volume after the
// other; the scrub goes slowly, and takes up where it was after a restart.
//
// It judges what was there when it began; what comes in meanwhile is the next one's.
type survey struct {
	view
	dir    string
	twin   bool // another volume is in sync
	repair bool
	at     position
	snap   snapshot
	facts  *facts
	pages  pagesAhead
	report *FsckReport
	mine   VolumeReport
	pace   func(ctx context.Context, cost int) error // nil: as quick as it goes
	stride uint64                                    // journal entries audited between two positions
	step   func(ctx context.Context) error           // after each thing that need not be done again; may be nil
	end    func()                                    // when run returns; may be nil

	mu      sync.Mutex      // readers ahead find damage too
	lost    error           // why the volume cannot be read any more
	damaged int             // findings of values not repaired, so far
	known   map[string]bool // keys of these, as many as a report names
}

// position is where a survey is: with it, another takes it up.
type position struct {
	Phase     phase         `json:"phase"`
	Entries   uint64        `json:"entries,omitempty"` // of the journal, audited
	Round     uint64        `json:"round,omitempty"`   // last one read
	Vault     proof.VaultID `json:"vault"`             // being read
	Within    vaultSnapshot `json:"within"`            // what that vault held when its reading began
	Number    uint64        `json:"number,omitempty"`  // last one read
	Documents uint64        `json:"documents,omitempty"`
	Bytes     uint64        `json:"bytes,omitempty"`
	After     []byte        `json:"after,omitempty"` // last key read
}

type phase string

// The phases of a survey, in order.
const (
	phaseJournal   phase = "journal"
	phaseRounds    phase = "rounds"
	phaseDocuments phase = "documents"
	phaseKeys      phase = "keys"
	phaseEnd       phase = "end"
)

// newSurvey begins the survey of a volume in sync, or takes it up at a position.
func (s *Safe) newSurvey(slot int, at position, repair bool, report *FsckReport) *survey {
	y := &survey{at: at, stride: auditStride, repair: repair, report: report, facts: newFacts(), known: map[string]bool{}}
	y.view = view{s: s, slot: slot, get: y.read, seen: &seen{trust: s.trust.Remembering()}}
	y.snap = s.snapshot()
	y.last = &y.snap.last
	var v raid.VolumeStatus
	v, y.twin = s.volume(slot)
	y.dir = v.Dir
	y.mine = VolumeReport{Slot: slot, ID: v.ID, Dir: v.Dir}
	if y.at.Phase == "" {
		y.at.Phase = phaseJournal
	}
	return y
}

// volume tells what a slot is, and whether there is another volume in sync.
func (s *Safe) volume(slot int) (is raid.VolumeStatus, twin bool) {
	for _, v := range s.mirror.Status().Volumes {
		if v.Slot == slot {
			is = v
		} else if v.State == raid.InSync {
			twin = true
		}
	}
	return is, twin
}

// errVolumeLeft ends the survey of a volume that is not in sync any more.
var errVolumeLeft = errors.New("the volume is not in sync any more")

// run does what is left of the survey. errVolumeLeft says that the volume cannot be read any more;
// the position then tells how far it came.
func (y *survey) run(ctx context.Context) error {
	if y.end != nil {
		defer y.end()
	}
	if err := y.openJournal(ctx); err != nil {
		return y.ended(ctx, err)
	}
	for _, p := range []struct {
		phase phase
		do    func(context.Context) error
	}{{phaseJournal, y.surveyJournal}, {phaseRounds, y.surveyRounds}, {phaseDocuments, y.surveyDocuments}, {phaseKeys, y.surveyKeys}} {
		if y.at.Phase != p.phase {
			continue
		}
		y.afresh()
		if err := p.do(ctx); err != nil {
			return y.ended(ctx, err)
		}
		y.at = position{Phase: p.phase.next()}
	}
	y.mine.Complete = true
	return y.stepped(ctx)
}

func (p phase) next() phase {
	order := []phase{phaseJournal, phaseRounds, phaseDocuments, phaseKeys, phaseEnd}
	return order[slices.Index(order, p)+1]
}

// ended sorts why a survey stopped: the caller left, the volume left, or something else failed.
func (y *survey) ended(ctx context.Context, err error) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case y.lost != nil:
		return fmt.Errorf("%w: %w", errVolumeLeft, y.lost)
	default:
		return err
	}
}

// stepped is called when a thing need not be done again, once the position says so.
func (y *survey) stepped(ctx context.Context) error {
	y.mu.Lock()
	lost := y.lost
	y.mu.Unlock()
	if lost != nil {
		return lost
	}
	if y.step == nil {
		return ctx.Err()
	}
	return y.step(ctx)
}

// openJournal opens the journal as this volume has it. One that does not open is a finding, and the
// documents are then proved by the mirror's.
func (y *survey) openJournal(ctx context.Context) error {
	log, err := journal.OpenAt(ctx, journalReader{y.read}, []byte{typeJournal}, y.snap.size,
		journal.Options{NotFound: func(err error) bool { return errors.Is(err, raid.ErrNotFound) }})
	if ctx.Err() != nil || y.gone() {
		return errors.Join(ctx.Err(), errVolumeLeft)
	}
	if err != nil {
		y.find("journal", CodeJournal, "%v", err)
		log = y.s.log
	}
	y.log = log
	return nil
}

// figures is how far the survey is and what it found. A reader ahead whose document was given up may
// still be finding something.
func (y *survey) figures() (at position, mine VolumeReport, report FsckReport) {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.at, y.mine, *y.report
}

func (y *survey) gone() bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.lost != nil
}

// journalReader lets a journal be read through a getter.
type journalReader struct{ get getter }

func (r journalReader) Get(ctx context.Context, key []byte) ([]byte, error) { return r.get(ctx, key) }
