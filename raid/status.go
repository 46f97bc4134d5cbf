package raid

import "time"

// State is the state of a mirror, in words for a person.
type State string

// The states of a mirror.
const (
	Healthy     State = "healthy"     // every volume of the roster is in sync
	Degraded    State = "degraded"    // serving and writing with fewer
	Resilvering State = "resilvering" // the same, and one is being brought up
	ReadOnly    State = "read-only"   // too few to take writes; reading goes on
	Refused     State = "refused"     // it does not open before persons decide
)

// VolumeState is the state of one volume.
type VolumeState string

// The states of a volume.
const (
	InSync   VolumeState = "in-sync"
	Syncing  VolumeState = "syncing"  // being brought up
	Faulted  VolumeState = "faulted"  // there, and not to be trusted
	Spare    VolumeState = "spare"    // empty, waiting to take the place of another
	Missing  VolumeState = "missing"  // its directory holds no volume, or nobody answers
	Detached VolumeState = "detached" // taken out on purpose
)

// Cause names why a volume is not in sync, for the remedy.
type Cause string

// The causes.
const (
	CauseNone     Cause = ""
	CauseGone     Cause = "gone"      // no directory, or no volume in it
	CauseDied     Cause = "died"      // its process ended
	CauseSilent   Cause = "silent"    // it did not answer in time
	CauseSync     Cause = "sync"      // a sync or a commit failed: the disk
	CauseDatabase Cause = "database"  // its database does not open
	CauseErrors   Cause = "errors"    // more bad values than its budget
	CauseReadOnly Cause = "read-only" // its file system was mounted again read-only
	CauseUnmount  Cause = "unmounted" // another file system lies at its path
	CauseForeign  Cause = "foreign"   // of another mirror, replaced, or its superblock is not authentic
	CauseSpace    Cause = "space"     // its disk is full
	CauseBehind   Cause = "behind"    // it lacks batches
	CauseOther    Cause = "other"     // see Why
)

// Status is a mirror's state for a person or a probe.
type Status struct {
	State     State
	Since     time.Time // when it came into this state; zero if unknown
	Why       string
	Set       string // identity of the mirror
	Sequence  uint64 // of the last batch acknowledged
	Epoch     uint64
	MinCopies int
	ReadOnly  bool
	Volumes   []VolumeStatus
	Choices   []Choice // when Refused: what persons may decide
}

// VolumeStatus is the state of one volume.
type VolumeStatus struct {
	Slot       int    // what GetFrom and Audit take; stable while the mirror is open
	ID         string // random, for life; empty if the volume was never seen
	Dir        string
	State      VolumeState
	Since      time.Time // zero if unknown
	Cause      Cause
	Why        string
	Sequence   uint64 // of the last batch it is known to have
	Generation uint64 // of its database
	Free, Size int64  // bytes of its file system
	Floor      int64  // of free bytes, below which writes are refused
	Faults     int    // values found bad or lost in the last 24 hours
	Budget     int    // so many are too many
	Landlock   string // whether the process is confined to its directory
	PID        int
	Progress   *Progress // while syncing
}

// Progress is how far a volume is with being brought up.
type Progress struct {
	Whole   bool // filled anew, not caught up from manifests
	Resumed bool // goes on where an earlier one was interrupted
	Started time.Time
	Done    int64 // bytes
	Total   int64 // bytes, an estimate
	Rate    int64 // bytes per second, of late
	Left    time.Duration
}

// Choice is one thing that persons may decide about a mirror that does not open by itself.
type Choice struct {
	ID       string // names it in a decision: a digest of all that it stands for
	Dir      string // the volume that would be the truth
	Volume   string // its identity
	Epoch    uint64
	Sequence uint64    // its last batch
	Written  time.Time // when that was written, as far as the volume knows
	Loses    string    // what this choice would lose, in words
	Missing  uint64    // batches that are known to exist and that it lacks
	Doubt    bool      // it may lack more than that
	Anew     []string  // the directories of volumes that would be brought up from it, or filled anew

	member *member
}
