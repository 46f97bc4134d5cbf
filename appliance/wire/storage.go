package wire

import "time"

// Storage is the reply of GET /storage: the mirror as whoever looks after it must know it. State is
// healthy, degraded, resilvering, read-only or refused.
type Storage struct {
	State     string     `json:"state"`
	Since     *time.Time `json:"since,omitempty"`
	Why       string     `json:"why,omitempty"`
	Set       string     `json:"set"` // identity of the mirror
	Sequence  uint64     `json:"sequence"`
	Epoch     uint64     `json:"epoch"`
	MinCopies int        `json:"minCopies"`
	ReadOnly  bool       `json:"readOnly"`
	Volumes   []Volume   `json:"volumes"`
	Choices   []Choice   `json:"choices,omitempty"` // when refused
	Scrub     *Scrub     `json:"scrub,omitempty"`   // nil when no safe is open
}

// Volume is one volume of the mirror. State is in-sync, syncing, faulted, spare, missing or detached;
// cause names why it is not in sync, why says it in words.
type Volume struct {
	ID         string     `json:"id"`
	Dir        string     `json:"dir"`
	State      string     `json:"state"`
	Since      *time.Time `json:"since,omitempty"`
	Cause      string     `json:"cause,omitempty"`
	Why        string     `json:"why,omitempty"`
	Sequence   uint64     `json:"sequence"`
	Generation uint64     `json:"generation"`
	FreeBytes  int64      `json:"freeBytes"` // of its file system
	SizeBytes  int64      `json:"sizeBytes"`
	FloorBytes int64      `json:"floorBytes"` // of free bytes, below which deposits are refused
	Faults     int        `json:"faults"`     // values found bad or lost in 24 hours
	Budget     int        `json:"budget"`     // so many are too many
	Confined   string     `json:"confined,omitempty"`
	PID        int        `json:"pid,omitempty"`
	Progress   *Progress  `json:"progress,omitempty"` // while syncing
}

// Progress tells how far a volume is with being brought up.
type Progress struct {
	Whole   bool       `json:"whole"`   // filled anew, not caught up
	Resumed bool       `json:"resumed"` // goes on where an earlier one was interrupted
	Started *time.Time `json:"started,omitempty"`
	Done    int64      `json:"done"`  // bytes
	Total   int64      `json:"total"` // bytes, an estimate
	Rate    int64      `json:"rate"`  // bytes a second, of late
	LeftNs  int64      `json:"leftNs"`
}

// Choice is one truth that persons may decide on when the mirror is refused.
type Choice struct {
	ID       string     `json:"id"`
	Dir      string     `json:"dir"`
	Volume   string     `json:"volume"`
	Epoch    uint64     `json:"epoch"`
	Sequence uint64     `json:"sequence"`
	Written  *time.Time `json:"written,omitempty"` // when its last batch was, as far as it knows
	Loses    string     `json:"loses"`
}

// Scrub is the reply of GET /scrub. State is idle, running or paused. Done and Total are bytes of
// documents over all volumes.
type Scrub struct {
	State      string     `json:"state"`
	Started    *time.Time `json:"started,omitempty"`
	Phase      string     `json:"phase,omitempty"`
	Volume     string     `json:"volume,omitempty"` // folder of the one being read
	Done       int64      `json:"done"`
	Total      int64      `json:"total"`
	Documents  uint64     `json:"documents"`
	Rate       int64      `json:"rate"` // bytes a second, of late
	LeftNs     int64      `json:"leftNs"`
	Findings   uint64     `json:"findings"`
	Repaired   uint64     `json:"repaired"`   // values written again from another volume
	Unrepaired uint64     `json:"unrepaired"` // findings that stand
	Problem    string     `json:"problem,omitempty"`

	Last      *LastScrub `json:"last,omitempty"` // the last that was finished
	NextStart *time.Time `json:"nextStart,omitempty"`
	NextDue   *time.Time `json:"nextDue,omitempty"` // by when the next is to be finished
	Overdue   bool       `json:"overdue"`
}

// LastScrub is how the last finished scrub ended; its report is a sealed document of the safe's own.
type LastScrub struct {
	Finished   *time.Time `json:"finished"`
	Report     string     `json:"report"`
	Findings   uint64     `json:"findings"`
	Repaired   uint64     `json:"repaired"`
	Unrepaired uint64     `json:"unrepaired"`
}

// ScrubRequest is the body of POST /scrub. Act is start or pause.
type ScrubRequest struct {
	Act string `json:"act"`
}

// NewVolume is the body of POST /storage/volumes: an empty folder becomes a volume.
type NewVolume struct {
	Dir      string `json:"dir"`
	Spare    bool   `json:"spare,omitempty"`
	SameDisk bool   `json:"sameDisk,omitempty"` // knowingly on a disk that another volume is on
}

// ReplaceVolume is the body of POST /storage/volumes/{volume}/replace.
type ReplaceVolume struct {
	Dir      string `json:"dir"`
	SameDisk bool   `json:"sameDisk,omitempty"`
}

// ResilverVolume is the body of POST /storage/volumes/{volume}/resilver.
type ResilverVolume struct {
	Whole bool `json:"whole,omitempty"` // filled anew, whatever it has
}

// VolumeMade is the reply of adding or replacing a volume.
type VolumeMade struct {
	ID string `json:"id"`
}

// Reclaimed is the reply of POST /storage/volumes/{volume}/reclaim: bytes that the volume's files take.
type Reclaimed struct {
	Before int64 `json:"before"`
	After  int64 `json:"after"`
}

// Done is the reply of an act that has nothing else to say.
type Done struct{}
