package volume

import (
	"errors"
	"fmt"
	"path/filepath"
)

// Seat is a volume's place in the mirror.
type Seat struct {
	ID  ID     `json:"id"`
	Dir string `json:"dir"` // absolute: where it was last seen
	// Spare is a volume that holds nothing until it takes the place of another.
	Spare bool `json:"spare,omitempty"`
	// Detached is a volume taken out on purpose.
	Detached bool `json:"detached,omitempty"`
	// Replaces is the volume that is retired once this one is in sync.
	Replaces ID `json:"replaces,omitzero"`
}

// Roster is all volumes of a mirror. Whatever belongs to the mirror's set and is not in its newest
// roster was retired: it is never the truth again.
type Roster struct {
	Number uint64 `json:"number"` // rises with each change
	Seats  []Seat `json:"seats"`
}

// Find gives the seat of a volume.
func (r Roster) Find(id ID) (Seat, bool) {
	for _, s := range r.Seats {
		if s.ID == id {
			return s, true
		}
	}
	return Seat{}, false
}

// MaxPath is the longest directory of a seat in bytes.
const MaxPath = 1024

func (r Roster) check() error {
	if r.Number == 0 || len(r.Seats) == 0 || len(r.Seats) > MaxVolumes {
		return fmt.Errorf("roster %d of %d volumes", r.Number, len(r.Seats))
	}
	ids, members := make([]ID, 0, len(r.Seats)), 0
	for _, s := range r.Seats {
		if len(s.Dir) > MaxPath || !filepath.IsAbs(s.Dir) || filepath.Clean(s.Dir) != s.Dir {
			return fmt.Errorf("a volume at %.80q", s.Dir)
		}
		if ids = append(ids, s.ID); !s.Spare {
			members++
		}
	}
	if members == 0 || repeated(ids) {
		return errors.New("a roster without members, or with one twice")
	}
	return nil
}

// Declared is what the mirror says and a volume only keeps. The mirror authenticates it (see
// Superblock.MAC) and believes none that is not its own.
type Declared struct {
	Set     ID      `json:"set"`    // of the mirror
	Volume  ID      `json:"volume"` // of this volume, for life
	History History `json:"history"`
	Roster  Roster  `json:"roster"`
}

// Check refuses what no mirror declares.
func (d Declared) Check() error {
	if d.Set == (ID{}) || d.Volume == (ID{}) {
		return errors.New("no identity")
	}
	return errors.Join(d.History.check(), d.Roster.check())
}
