package appliance

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"casemate/raid/disk"
)

// Folders that a backup is not written to unless a person insists.
var (
	// ErrNoMedium is a folder on the system's own file system, or in memory: the medium is not mounted.
	ErrNoMedium = errors.New("no medium is mounted there")
	// ErrSafesDisk is a folder on a disk of the safe itself: what loses the safe loses the backup.
	ErrSafesDisk = errors.New("the backup would lie on a disk of the safe")
)

// JudgeMedium refuses a folder, which need not be there yet, that lies on the file system of the system or of the
// safe's state, in memory, or on a drive that carries a volume. Nothing is written.
func (c Config) JudgeMedium(ctx context.Context, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	here, err := disk.Under(existing(dir))
	if err != nil {
		return err
	}
	if here.FSType == "tmpfs" || here.FSType == "ramfs" {
		return fmt.Errorf("%w: %s is in memory, and gone after the next start", ErrNoMedium, dir)
	}
	for _, own := range []string{"/", c.State} {
		if there, err := disk.Under(own); err == nil && disk.SameFileSystem(there, here) {
			return fmt.Errorf("%w: %s is on the file system of %s", ErrNoMedium, dir, own)
		}
	}
	for _, volume := range c.volumeFolders(ctx) {
		if there, err := disk.Under(volume); err == nil && disk.Same(there, here) {
			return fmt.Errorf("%w: %s and %s", ErrSafesDisk, dir, volume)
		}
	}
	return nil
}

// volumeFolders are the folders of the volumes as the configuration names them, and of those that joined later.
func (c Config) volumeFolders(ctx context.Context) []string {
	list := c.Volumes.Dirs
	if s, err := Examine(ctx, c); err == nil { // what cannot be read is not mounted either
		for _, v := range s.Volumes {
			list = append(list, v.Dir)
		}
	}
	return list
}
