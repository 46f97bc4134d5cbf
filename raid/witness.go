package raid

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"casemate/raid/volume"
)

const (
	witnessName = "casemate-mirror-1"
	witnessFile = "mirror.state"
)

// witness is what the mirror's own state directory knows of the volumes: which epoch is the
// current one, who is in it, and a head they had. It is written before a batch of a new epoch is
// acknowledged, so that a volume left behind is never taken for the truth.
type witness struct {
	Set   volume.ID    `json:"set"`
	Epoch volume.Epoch `json:"epoch"`
	Head  volume.Head  `json:"head"`
}

// readWitness gives nil if there is none.
func readWitness(dir string) (*witness, error) {
	path := filepath.Join(dir, witnessFile)
	b, err := os.ReadFile(path) // #nosec G304 -- the configured directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var w witness
	if err := volume.DecodeRecord(witnessName, b, &w); err != nil {
		return nil, fmt.Errorf("reading %q: %w", path, err)
	}
	return &w, nil
}

func (w witness) save(dir string) error {
	b, err := volume.EncodeRecord(witnessName, w)
	if err != nil {
		return err
	}
	if err := volume.ReplaceFile(filepath.Join(dir, witnessFile), b); err != nil {
		return fmt.Errorf("recording the mirror's state: %w", err)
	}
	return nil
}
