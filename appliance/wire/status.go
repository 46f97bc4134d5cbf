package wire

import "time"

// Status is the reply of GET /status: how the safe is, for persons and monitors.
type Status struct {
	Safe          string    `json:"safe"` // origin
	Version       string    `json:"version"`
	Demonstration bool      `json:"demonstration"` // no key ceremony was held
	At            time.Time `json:"at"`
	OK            bool      `json:"ok"`     // nothing asks for a person's attention
	Alarms        []string  `json:"alarms"` // sentences; empty when OK

	Clock   Clock         `json:"clock"`
	Token   TokenStatus   `json:"token"`
	Storage StorageStatus `json:"storage"`
	Journal JournalStatus `json:"journal"`
	Proofs  ProofStatus   `json:"proofs"`
}

// TokenStatus tells whether the token process seals.
type TokenStatus struct {
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// StorageStatus tells how the mirrored volumes are.
type StorageStatus struct {
	OK      bool           `json:"ok"`
	Volumes []VolumeStatus `json:"volumes"`
}

// VolumeStatus is one member of the mirror; FreeBytes is -1 when unknown.
type VolumeStatus struct {
	Name      string `json:"name"`
	State     string `json:"state"`
	Detail    string `json:"detail,omitempty"`
	FreeBytes int64  `json:"freeBytes"`
}

// JournalStatus tells how long the journal is.
type JournalStatus struct {
	Entries    uint64 `json:"entries"`
	Checkpoint uint64 `json:"checkpoint"` // entries under the last signed checkpoint
}

// ProofStatus tells how timestamp rounds go.
type ProofStatus struct {
	Pending   uint64     `json:"pending"`             // documents sealed, not yet under an external timestamp
	Round     uint64     `json:"round"`               // the last round, 0 none
	LastToken *time.Time `json:"lastToken,omitempty"` // time in the last external token
	Problem   string     `json:"problem,omitempty"`   // why no authority answers
}
