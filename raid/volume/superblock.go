package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

const superblockName = "casemate-volume-1"

// Mark is what a volume says of itself beyond its head.
type Mark string

// The marks.
const (
	Ready      Mark = ""           // what it holds is the state its head names
	Syncing    Mark = "syncing"    // being brought up to its twin: holds a mixture, never opened alone
	Rebuilding Mark = "rebuilding" // being filled anew beside its old database
	Failed     Mark = "failed"     // a sync or a commit failed: comes back only by rebuild
)

// Superblock is a volume's identity and state outside Badger. It is replaced whole and synced.
type Superblock struct {
	Set        ID      `json:"set"`        // of the mirror
	Volume     ID      `json:"volume"`     // of this volume
	Index      int     `json:"index"`      // of this volume in the mirror, from 0
	Generation uint64  `json:"generation"` // Badger is in db.<generation>
	Building   uint64  `json:"building"`   // the generation a rebuild fills, zero none
	Mark       Mark    `json:"mark"`
	Reason     string  `json:"reason"` // why the mark
	Open       bool    `json:"open"`   // Badger was opened and not closed
	Audit      bool    `json:"audit"`  // stopped uncleanly and not audited since
	History    History `json:"history"`
}

// Encode gives the file's bytes.
func (s Superblock) Encode() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return EncodeRecord(superblockName, s)
}

// ParseSuperblock reads what Encode wrote.
func ParseSuperblock(b []byte) (s Superblock, err error) {
	if err := DecodeRecord(superblockName, b, &s); err != nil {
		return Superblock{}, fmt.Errorf("%w: %w", ErrSuperblock, err)
	}
	if err := s.check(); err != nil {
		return Superblock{}, err
	}
	return s, nil
}

func (s Superblock) check() error {
	switch {
	case s.Set == (ID{}) || s.Volume == (ID{}):
		return fmt.Errorf("%w: no identity", ErrSuperblock)
	case s.Index < 0 || s.Index > 31:
		return fmt.Errorf("%w: index %d", ErrSuperblock, s.Index)
	case s.Generation == 0:
		return fmt.Errorf("%w: generation 0", ErrSuperblock)
	case s.Mark != Ready && s.Mark != Syncing && s.Mark != Rebuilding && s.Mark != Failed:
		return fmt.Errorf("%w: mark %q", ErrSuperblock, s.Mark)
	}
	if err := s.History.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrSuperblock, err)
	}
	return nil
}

// save replaces the superblock of the volume in dir.
func (s Superblock) save(dir string) error {
	b, err := s.Encode()
	if err != nil {
		return err
	}
	if err := ReplaceFile(filepath.Join(dir, "superblock"), b); err != nil {
		return fmt.Errorf("writing the superblock: %w", err)
	}
	return nil
}

// ReadSuperblock reads the superblock of the volume in dir.
func ReadSuperblock(dir string) (Superblock, error) {
	b, err := readSmall(filepath.Join(dir, "superblock"))
	if err != nil {
		return Superblock{}, fmt.Errorf("%w: %w", ErrSuperblock, err)
	}
	return ParseSuperblock(b)
}

// Create makes an empty volume in dir, which must not exist or be empty. The superblock is
// written last: a directory without one is no volume and may be created again.
func Create(dir string, s Superblock) error {
	s.Generation, s.Building, s.Mark, s.Open = 1, 0, Ready, false
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if n.Name() == "superblock" || databaseName.MatchString(n.Name()) {
			return fmt.Errorf("%w: %q has %q", ErrExists, dir, n.Name())
		}
	}
	ring, err := createRing(filepath.Join(dir, "heads"))
	if err != nil {
		return err
	}
	if err := errors.Join(ring.close(), syncDir(filepath.Dir(dir))); err != nil {
		return err
	}
	return s.save(dir)
}

var databaseName = regexp.MustCompile(`^db\.[0-9]+$`)

// databaseDir is where Badger of a generation lies.
func databaseDir(dir string, generation uint64) string {
	return filepath.Join(dir, fmt.Sprintf("db.%d", generation))
}
