package raid

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"casemate/raid/volume"
)

// Create makes an empty mirror in directories that hold none. A crash within leaves volumes
// without a mirror; the directories must be emptied before it is tried again.
func Create(ctx context.Context, c Config) error {
	if err := c.fill(); err != nil {
		return err
	}
	if w, err := readWitness(c.StateDir); err != nil || w != nil {
		return errors.Join(fmt.Errorf("%w: %q", ErrExists, c.StateDir), err)
	}
	if err := os.MkdirAll(c.StateDir, 0o700); err != nil {
		return err
	}
	var set, epoch volume.ID
	for _, id := range []*volume.ID{&set, &epoch} {
		if _, err := rand.Read(id[:]); err != nil {
			return err
		}
	}
	first := volume.Epoch{Number: 1, ID: epoch, Members: 1<<len(c.Dirs) - 1}
	for i, dir := range c.Dirs {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := volume.Superblock{Set: set, Index: i, History: volume.History{first}}
		if _, err := rand.Read(s.Volume[:]); err != nil {
			return err
		}
		dir, err := filepath.Abs(dir)
		if err == nil {
			err = volume.Create(dir, s)
		}
		if errors.Is(err, volume.ErrExists) {
			return fmt.Errorf("%w: %w", ErrExists, err)
		}
		if err != nil {
			return fmt.Errorf("creating volume %q: %w", dir, err)
		}
	}
	return witness{Set: set, Epoch: first}.save(c.StateDir)
}
