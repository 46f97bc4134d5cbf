package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

const superblockName = "casemate-volume-2"

// Mark is what a volume says of itself beyond its head.
type Mark string

// The marks.
const (
	Ready      Mark = ""           // what it holds is the state its head names
	Syncing    Mark = "syncing"    // being brought up to its twin: holds a mixture, never opened alone
	Rebuilding Mark = "rebuilding" // being filled anew beside its old database
	Failed     Mark = "failed"     // a sync or a commit failed: comes back only by rebuild
	Empty      Mark = "empty"      // holds nothing yet: a new volume, or a spare
)

// Superblock is a volume's identity and state outside Badger. It is replaced whole and synced, and
// can be read when Badger cannot. What the mirror declared is authenticated by it; the rest is the
// volume's own word, which only ever makes it less trusted: whatever it says, a volume is taken for
// the truth only if what is declared allows it.
type Superblock struct {
	Declared   `json:"declared"`
	MAC        Digest    `json:"mac"`        // over Declared, under a key of the mirror
	Generation uint64    `json:"generation"` // Badger is in db.<generation>
	Building   uint64    `json:"building"`   // the generation a rebuild fills, zero none
	Filling    *Filling  `json:"filling,omitempty"`
	Mark       Mark      `json:"mark"`
	Reason     string    `json:"reason"`         // why the mark
	Since      time.Time `json:"since,omitzero"` // of the mark, for people
	Open       bool      `json:"open"`           // Badger was opened and not closed
	Audit      bool      `json:"audit"`          // stopped uncleanly and not audited since
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
	case s.Generation == 0:
		return fmt.Errorf("%w: generation 0", ErrSuperblock)
	case s.Filling != nil && len(s.Filling.Cursor) > MaxKey:
		return fmt.Errorf("%w: a cursor of %d bytes", ErrSuperblock, len(s.Filling.Cursor))
	case !slices.Contains([]Mark{Ready, Syncing, Rebuilding, Failed, Empty}, s.Mark):
		return fmt.Errorf("%w: mark %q", ErrSuperblock, s.Mark)
	}
	if err := s.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrSuperblock, err)
	}
	return nil
}

// setMark notes the mark, why and since when.
func (s *Superblock) setMark(m Mark, reason string) {
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "")
	}
	if m != s.Mark {
		s.Since = time.Now().UTC().Truncate(time.Second) //nolint:forbidigo // told to people; nothing depends on it
	}
	s.Mark, s.Reason = m, reason
}

// maxReason bounds the reason of a mark in bytes.
const maxReason = 500

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

// Create makes an empty volume in dir, which must not exist or be empty (lost+found and what a
// Create cut short leaves do not count). mark is Ready for the volumes a mirror begins with, Empty
// for one to be filled. The superblock is written last: a directory without one is no volume and
// may be created again.
func Create(dir string, d Declared, mac Digest, mark Mark) error {
	s := Superblock{Declared: d, MAC: mac, Generation: 1, Mark: mark}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if !slices.Contains([]string{"lost+found", "heads", "lock", "superblock.new"}, n.Name()) {
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

// Abandon takes the superblock from a volume that says it is empty and has no database, so that
// its directory may be given to Create again. Whoever calls it knows that no mirror counts on it.
func Abandon(dir string) error {
	s, err := ReadSuperblock(dir)
	if err != nil {
		return err
	}
	if blank, err := Blank(dir, s); err != nil || !blank {
		return errors.Join(fmt.Errorf("%w: %q is not empty", ErrExists, dir), err)
	}
	return errors.Join(os.Remove(filepath.Join(dir, "superblock")), syncDir(dir))
}

// Blank says whether the volume in dir holds nothing: it says so, and has no database.
func Blank(dir string, s Superblock) (bool, error) {
	left, err := databases(dir)
	return s.Mark == Empty && len(left) == 0, err
}

// databases names the databases in a volume's directory.
func databases(dir string) (names []string, err error) {
	all, err := filepath.Glob(filepath.Join(dir, "db.*"))
	for _, name := range all {
		if databaseName.MatchString(filepath.Base(name)) {
			names = append(names, name)
		}
	}
	return names, err
}

var databaseName = regexp.MustCompile(`^db\.[0-9]+$`)

// databaseDir is where Badger of a generation lies.
func databaseDir(dir string, generation uint64) string {
	return filepath.Join(dir, fmt.Sprintf("db.%d", generation))
}
