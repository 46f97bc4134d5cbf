package raid

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"casemate/raid/volume"
)

// Create makes an empty mirror in directories that hold none. A crash within leaves volumes
// without a mirror; the directories must be emptied before it is tried again.
func Create(ctx context.Context, c Config) error {
	if err := c.fill(); err != nil {
		return err
	}
	if r, err := readRecord(c.StateDir); err != nil || r != nil {
		return errors.Join(fmt.Errorf("%w: %q", ErrExists, c.StateDir), err)
	}
	auth, err := newAuthority(c.Key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.StateDir, 0o700); err != nil {
		return err
	}
	dirs, err := absolute(c.Dirs)
	if err != nil {
		return err
	}
	ids := make([]volume.ID, 2+len(dirs))
	for i := range ids {
		if _, err := rand.Read(ids[i][:]); err != nil {
			return err
		}
	}
	first := volume.Epoch{Number: 1, ID: ids[1], Members: ids[2:]}
	roster := volume.Roster{Number: 1}
	for i, dir := range dirs {
		roster.Seats = append(roster.Seats, volume.Seat{ID: ids[2+i], Dir: dir})
	}
	for _, seat := range roster.Seats {
		if err := ctx.Err(); err != nil {
			return err
		}
		d := volume.Declared{Set: ids[0], Volume: seat.ID, History: volume.History{first}, Roster: roster}
		if err := create(auth, seat.Dir, d, volume.Ready); err != nil {
			return err
		}
	}
	r := record{Mark: mark{Order: 1, Set: ids[0], Epoch: 1, EpochID: first.ID}, Roster: roster}
	return r.save(c.StateDir, auth)
}

// create makes one volume.
func create(auth authority, dir string, d volume.Declared, mark volume.Mark) error {
	mac, err := auth.mac(kindDeclared, d)
	if err == nil {
		err = volume.Create(dir, d, mac, mark)
	}
	if errors.Is(err, volume.ErrExists) {
		return fmt.Errorf("%w: %w", ErrExists, err)
	}
	if err != nil {
		return fmt.Errorf("creating volume %q: %w", dir, err)
	}
	return nil
}
