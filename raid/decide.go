package raid

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"casemate/raid/volume"
)

const (
	decisionName = "casemate-decision-1"
	decisionFile = "mirror.decision"
	decidedFile  = "mirror.decided" // the decision carried out last, for whoever asks later
	refusedName  = "casemate-refused-1"
	refusedFile  = "mirror.refused"
)

// ErrNoChoice is a decision for what is not among the choices of a mirror.
var ErrNoChoice = errors.New("this is not among what there is to choose from")

// decision is what persons decided, waiting in the state directory to be carried out. Nothing but the
// file system's rights protects it: whoever may write there could put another mirror.state in its
// place as well.
type decision struct {
	Choice string    `json:"choice"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	// Plan is there once carrying it out has begun: a crash within does it again, with the same epoch.
	Plan *plan `json:"plan,omitempty"`
}

// plan is the epoch that a decision declares.
type plan struct {
	Volume volume.ID `json:"volume"` // its only member
	Epoch  volume.ID `json:"epoch"`  // its identity
	After  volume.ID `json:"after"`  // of the epoch before
	Head   uint64    `json:"head"`   // the volume has no batch beyond
	Loses  string    `json:"loses"`
}

// refused is what a person is told of a mirror that did not open.
type refused struct {
	At      time.Time `json:"at"`
	Why     string    `json:"why"`
	Choices []Choice  `json:"choices"`
}

// Decide records that persons chose a truth; the next Open carries it out, once, if what there is to
// choose from is still the same then. The choice becomes the only member of a new epoch, the others
// are brought up from it or filled anew. by says who decided; it is kept and told by EventDecided.
// c needs no more than StateDir. ErrNoChoice if the mirror was not refused with this choice.
func Decide(_ context.Context, c Config, choice, by string) error {
	r, err := readRefused(c.StateDir)
	if err != nil {
		return err
	}
	if r == nil {
		return fmt.Errorf("%w: the mirror was not refused", ErrNoChoice)
	}
	for _, known := range r.Choices {
		if known.ID == choice {
			now := c.Now
			if now == nil {
				now = time.Now
			}
			return decision{Choice: choice, By: clip(by, maxBy), At: now().UTC()}.save(c.StateDir)
		}
	}
	return fmt.Errorf("%w: %.80q", ErrNoChoice, choice)
}

// maxBy bounds who decided, in bytes.
const maxBy = 2000

func clip(s string, n int) string {
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

func (d decision) save(dir string) error { return saveNote(dir, decisionFile, decisionName, d) }

func saveNote(dir, file, name string, v any) error {
	b, err := volume.EncodeRecord(name, v)
	if err != nil {
		return err
	}
	return volume.ReplaceFile(filepath.Join(dir, file), b)
}

// readNote reads what saveNote wrote; false if there is none.
func readNote(dir, file, name string, v any) (bool, error) {
	b, err := os.ReadFile(filepath.Join(dir, file)) // #nosec G304 -- the configured directory
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = volume.DecodeRecord(name, b, v)
	}
	if err != nil {
		return false, fmt.Errorf("reading %q: %w", filepath.Join(dir, file), err)
	}
	return true, nil
}

func readDecision(dir string) (*decision, error) {
	var d decision
	ok, err := readNote(dir, decisionFile, decisionName, &d)
	if !ok {
		return nil, err
	}
	return &d, nil
}

func readRefused(dir string) (*refused, error) {
	var r refused
	ok, err := readNote(dir, refusedFile, refusedName, &r)
	if !ok {
		return nil, err
	}
	return &r, nil
}

// dropNotes removes what no longer holds.
func dropNotes(dir string, files ...string) error {
	for _, file := range files {
		if err := os.Remove(filepath.Join(dir, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
