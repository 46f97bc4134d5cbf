package raid

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"casemate/raid/volume"
)

const (
	recordName = "casemate-mirror-2"
	recordFile = "mirror.state"
)

// record is the mirror's own file, beside no volume: its newest mark, the roster, and what was
// known of each volume, so that a restart forgets neither since when nor why.
type record struct {
	Mark   mark          `json:"mark"`
	Roster volume.Roster `json:"roster"`
	Seen   []sighting    `json:"seen"`
	MAC    volume.Digest `json:"mac"` // over the rest
}

// sighting is what was last known of a volume, for people.
type sighting struct {
	ID       volume.ID   `json:"id"`
	State    VolumeState `json:"state"`
	Since    time.Time   `json:"since"`
	Cause    Cause       `json:"cause,omitempty"`
	Why      string      `json:"why,omitempty"`
	Sequence uint64      `json:"sequence"`
}

// readRecord gives nil if there is none; an error if there is one that cannot be read.
func readRecord(dir string) (*record, error) {
	path := filepath.Join(dir, recordFile)
	b, err := os.ReadFile(path) // #nosec G304 -- the configured directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r record
	if err := volume.DecodeRecord(recordName, b, &r); err != nil {
		return nil, fmt.Errorf("reading %q: %w", path, err)
	}
	return &r, nil
}

// authentic says whether the mirror wrote it.
func (r record) authentic(a authority) bool {
	mac := r.MAC
	r.MAC = volume.Digest{}
	return a.holds(kindRecord, r, mac)
}

// save replaces the file in dir: after a crash the old one is there or the new one.
func (r record) save(dir string, a authority) (err error) {
	r.MAC = volume.Digest{}
	if r.MAC, err = a.mac(kindRecord, r); err != nil {
		return err
	}
	b, err := volume.EncodeRecord(recordName, r)
	if err != nil {
		return err
	}
	if err := volume.ReplaceFile(filepath.Join(dir, recordFile), b); err != nil {
		return fmt.Errorf("recording the mirror's state: %w", err)
	}
	return nil
}

// find gives what was known of a volume.
func (r *record) find(id volume.ID) (sighting, bool) {
	if r != nil {
		for _, s := range r.Seen {
			if s.ID == id {
				return s, true
			}
		}
	}
	return sighting{}, false
}
