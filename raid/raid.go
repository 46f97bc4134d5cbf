// Package raid is a mirror over volumes, each a Badger in a process of its own.
//
// The promise: a batch whose [Mirror.Write] returned nil is on the disk of every volume in sync,
// whole or not at all, and a value that [Mirror.Get] or [Mirror.Scan] gives back is the one
// written under that key, authenticated, whichever volume it came from. A volume that fails,
// hangs or dies is fenced: the survivors and the mirror's own state directory know it before the
// next batch is acknowledged, so that no stale volume can ever be opened for the truth.
//
// Volumes never see a plain value: each is sealed with AES-256-GCM under a key of its batch, bound
// to its key and to the sequence of the batch.
package raid

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"casemate/raid/volume"
)

// Limits of one batch; a batch beyond them is refused with ErrTooLarge.
const (
	// MaxKey is the longest key in bytes. No key is empty or begins with a zero byte.
	MaxKey = volume.MaxKey
	// MaxValue is the longest value in bytes.
	MaxValue = volume.MaxValue - sealOverhead
	// MaxOps is the most operations of a batch. Their keys, at 20 bytes more each, may not exceed
	// 1 MiB together.
	MaxOps = volume.MaxOps
	// MaxBytes is the most bytes of keys and values of a batch.
	MaxBytes = 16<<20 + 256<<10
	// MaxInline is the most bytes of keys, and of values shorter than a kilobyte, of a batch.
	MaxInline = volume.MaxInline
)

// Errors of the mirror.
var (
	// ErrNotFound is a key that no volume has.
	ErrNotFound = errors.New("no such key in the mirror")
	// ErrCorrupt is a value no volume gives back as it was written.
	ErrCorrupt = errors.New("no volume holds the value as it was written")
	// ErrReadOnly is a write to a mirror that takes none: its last volume failed, or it is closed.
	ErrReadOnly = errors.New("the mirror takes no writes")
	// ErrFull is a batch refused before it could run a volume's disk full. Nothing was written.
	ErrFull = errors.New("a volume's free space is at its floor")
	// ErrUnknown is a batch of which nobody can say whether it is durable. The caller must close
	// the mirror and open it again, which settles it.
	ErrUnknown = errors.New("it cannot be said whether the batch is durable")
	// ErrRefused is a batch that every volume refused; nothing was written.
	ErrRefused = errors.New("the volumes refused the batch")
	// ErrFork is two volumes with different histories: a person has to say which is true.
	ErrFork = errors.New("the volumes hold different histories")
	// ErrTooLarge is a batch beyond the limits.
	ErrTooLarge = errors.New("the batch is larger than a mirror takes")
	// ErrNotWitnessed is a volume that cannot prove to be the last survivor.
	ErrNotWitnessed = errors.New("the volumes present are not witnessed as up to date")
	// ErrRolledBack is a set of volumes older than what the state directory has seen.
	ErrRolledBack = errors.New("the volumes are older than the mirror's own record")
	// ErrUnavailable is a volume, or all of them, that does not answer.
	ErrUnavailable = errors.New("no volume answers")
	// ErrExists is a mirror that was already created.
	ErrExists = errors.New("a mirror already exists there")
	// ErrLast is an act that would leave the mirror without a volume in sync, or without as many as
	// a write needs.
	ErrLast = errors.New("too few volumes would be left in sync")
	// ErrNoVolume is a name that no volume of the roster has, or more than one.
	ErrNoVolume = errors.New("no such volume in the mirror")
	// ErrDirectory is a directory that cannot become a volume.
	ErrDirectory = errors.New("the directory cannot become a volume")
)

// Op is one operation of a batch. Two operations on one key: the later one holds.
type Op struct {
	Key, Value []byte
	Delete     bool
}

// Item is a key and its value.
type Item struct{ Key, Value []byte }

// Config says where a mirror's volumes are and how it runs them.
type Config struct {
	// Command starts a volume's process; the directory is appended as its last argument, the
	// socket is descriptor 3. Usually {"/proc/self/exe", "volume"}.
	Command []string
	// Dirs are where volumes are looked for, beside where the mirror's own roster last had them. At
	// Create they are the volumes' directories: two, or one for a mirror without a twin.
	Dirs []string
	// StateDir is where the mirror keeps its own witness, mirror.state. Not on a volume.
	StateDir string
	// Key seals the values. Losing it loses everything.
	Key [32]byte
	// Log is for diagnosis; nil discards.
	Log *slog.Logger
	// Event is told of faults, from any goroutine; it must not block or call the mirror. May be nil.
	Event func(Event)
	// WriteDeadline is how long a volume may be silent while its twin has answered, before it is
	// fenced. Zero is 10 seconds.
	WriteDeadline time.Duration
	// MinFree is the floor of free space of a volume in bytes. Zero is 256 MiB.
	MinFree int64
	// MinCopies is how many volumes must be in sync for a write to be taken. Zero is 1.
	MinCopies int
	// SpareAfter is how long a volume is missed before a spare takes its place; one that failed for
	// good is not waited for. Zero is 10 minutes.
	SpareAfter time.Duration
	// ErrorBudget is how many values of one volume may be found bad or lost within 24 hours before
	// it is faulted, MaxErrorBudget at most. Zero is 64.
	ErrorBudget int
	// Witness keeps the mirror's mark outside volumes and state directory: in the token. May be nil.
	Witness Witness
	// Now is the clock of deadlines; nil is time.Now.
	Now func() time.Time
}

// Witness is a place beyond volumes and state directory where the mirror's mark is kept. One that
// does not answer holds nothing up: the mark is written when it does again.
type Witness interface {
	// Load gives what was saved last, nil if nothing ever was.
	Load(ctx context.Context) ([]byte, error)
	// Save keeps at most 1024 bytes, durable when it returns.
	Save(ctx context.Context, mark []byte) error
}

// Event is a fault, a change, or the end of one.
type Event struct {
	Kind   EventKind
	Volume int    // slot, -1 if none in particular
	ID     string // the volume's identity, empty if none in particular
	Dir    string
	Detail string // for a person; no keys, no values
	Count  int    // of values, for EventRepaired and the like
	// Keys are those of the values of an EventRepaired, as far as they are at hand: for whoever knows
	// what they stand for, never for a log.
	Keys [][]byte
}

// EventKind names what happened.
type EventKind string

// The kinds of events.
const (
	EventFenced    EventKind = "fenced"     // a volume was put out of the mirror
	EventRejoined  EventKind = "rejoined"   // it is in sync again
	EventSyncing   EventKind = "syncing"    // it is being brought up
	EventRebuild   EventKind = "rebuild"    // it is being filled anew
	EventBadValue  EventKind = "bad-value"  // a value failed authentication or could not be read
	EventLostValue EventKind = "lost-value" // a volume lacks a value its twin has
	EventRepaired  EventKind = "repaired"   // values were copied from the twin
	EventReadOnly  EventKind = "read-only"  // the last volume failed
	EventBehind    EventKind = "behind"     // a database opened with less than its ring proves
	EventFaulted   EventKind = "faulted"    // a volume had more faults than its budget, or failed for good
	EventPromoted  EventKind = "promoted"   // a spare took the place of a lost volume
	EventRoster    EventKind = "roster"     // a volume was added, replaced, removed, detached
	EventDecided   EventKind = "decided"    // persons decided what the truth is
	EventReclaimed EventKind = "reclaimed"  // space was given back
)

func (c *Config) fill() error {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Event == nil {
		c.Event = func(Event) {}
	}
	if c.WriteDeadline <= 0 {
		c.WriteDeadline = 10 * time.Second
	}
	if c.MinCopies <= 0 {
		c.MinCopies = 1
	}
	if c.SpareAfter <= 0 {
		c.SpareAfter = 10 * time.Minute
	}
	if c.ErrorBudget <= 0 {
		c.ErrorBudget = 64
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	switch {
	case len(c.Command) == 0:
		return errors.New("raid: no command for the volumes")
	case len(c.Dirs) == 0 || len(c.Dirs) > volume.MaxVolumes || c.MinCopies > volume.MaxVolumes:
		return errors.New("raid: one to eight volumes")
	case c.ErrorBudget > MaxErrorBudget:
		return fmt.Errorf("raid: an error budget of %d values, %d are the most", c.ErrorBudget, MaxErrorBudget)
	case c.StateDir == "":
		return errors.New("raid: no state directory")
	case c.Key == [32]byte{}:
		return errors.New("raid: no key")
	}
	return nil
}
