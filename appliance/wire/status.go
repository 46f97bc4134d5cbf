package wire

import "time"

// Status is the reply of GET /status: how the safe is, for persons and monitors. It
// names no document.
type Status struct {
	Safe          string    `json:"safe"` // origin
	Version       string    `json:"version"`
	Demonstration bool      `json:"demonstration"` // no key ceremony was held
	At            time.Time `json:"at"`
	OK            bool      `json:"ok"`     // nothing asks for a person's attention
	Alarms        []string  `json:"alarms"` // sentences; empty when OK

	Clock   Clock         `json:"clock"`
	Storage StorageStatus `json:"storage"`
	Journal JournalStatus `json:"journal"`
	Proofs  ProofStatus   `json:"proofs"`
}

// StorageStatus tells how the mirror is.
type StorageStatus struct {
	OK      bool           `json:"ok"` // every volume is in sync
	State   string         `json:"state"`
	Since   *time.Time     `json:"since,omitempty"`
	Volumes []VolumeStatus `json:"volumes"`
}

// VolumeStatus is one member of the mirror.
type VolumeStatus struct {
	Name      string     `json:"name"`
	State     string     `json:"state"`
	Cause     string     `json:"cause,omitempty"`
	Since     *time.Time `json:"since,omitempty"`
	Detail    string     `json:"detail,omitempty"`
	FreeBytes int64      `json:"freeBytes"`       // -1 when not known
	Done      int64      `json:"done,omitempty"`  // bytes, while it is brought up
	Total     int64      `json:"total,omitempty"` // bytes, an estimate
}

// JournalStatus tells how long the journal is.
type JournalStatus struct {
	Entries    uint64 `json:"entries"`
	Checkpoint uint64 `json:"checkpoint"` // entries under the last signed checkpoint
}

// ProofStatus tells how timestamp rounds go.
type ProofStatus struct {
	Round        uint64     `json:"round"`                  // the last round, 0 none
	RoundAt      *time.Time `json:"roundAt,omitempty"`      // its external time
	Pending      int        `json:"pending"`                // documents no external token covers yet
	PendingSince *time.Time `json:"pendingSince,omitempty"` // the oldest of them
	Problem      string     `json:"problem,omitempty"`      // why the last attempt failed
}
