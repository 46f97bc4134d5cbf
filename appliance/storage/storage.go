// Package storage is what an administrator does to the mirror: its acts, each judged before the
// mirror is asked, and each in the journal before and after.
//
// What can be seen to be wrong from outside (a folder that holds something, a disk that another volume
// is on already, a mount that is missing) is refused here with a sentinel of its own, so that a person
// reads what to do instead of what a system call said. The mirror judges again for itself.
package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"casemate/raid"
	"casemate/store/identity"
)

// Why an act is refused. Each has its words and its remedy in the table of problems.
var (
	ErrBadDir        = errors.New("this cannot be the folder of a volume")
	ErrNotEmpty      = errors.New("the folder is not empty")
	ErrInside        = errors.New("the folder is inside another volume or the safe's own, or around one")
	ErrLocked        = errors.New("the safe may not write in the folder")
	ErrNotMounted    = errors.New("the folder lies on the system's own file system")
	ErrSameDisk      = errors.New("the folder lies on the disk of another volume")
	ErrNoSpace       = errors.New("the file system is too small for what the volumes hold")
	ErrUnknownVolume = errors.New("no such volume")
	// ErrState is what the mirror itself refuses or fails at; the error it wraps says why.
	ErrState = errors.New("the mirror cannot do this as its volumes are now")
	// ErrJournaled marks an error that stands in the journal already.
	ErrJournaled = errors.New("in the journal")
)

// journaled is an error of an act whose intent and end are in the journal.
type journaled struct{ error }

func (j journaled) Unwrap() error        { return j.error }
func (j journaled) Is(target error) bool { return target == ErrJournaled }

// Acts of the journal.
const (
	ActAdd      = "volume-add"
	ActReplace  = "volume-replace"
	ActRemove   = "volume-remove"
	ActDetach   = "volume-detach"
	ActResilver = "volume-resilver"
	ActReclaim  = "volume-reclaim"
)

// Mirror is what is asked of the mirror; *raid.Mirror is one.
type Mirror interface {
	Status() raid.Status
	Add(ctx context.Context, dir string, spare bool) (id string, err error)
	Replace(ctx context.Context, old raid.Ref, dir string) (id string, err error)
	Remove(ctx context.Context, volume raid.Ref) error
	Detach(ctx context.Context, volume raid.Ref) error
	Resilver(ctx context.Context, volume raid.Ref, whole bool) error
	Reclaim(ctx context.Context, volume raid.Ref) (raid.Reclaimed, error)
}

// Journal writes the intent of an act, has it done, and writes how it ended; *store.Safe is one.
type Journal interface {
	Maintenance(ctx context.Context, who identity.Caller, act, object string, do func(context.Context) (detail string, err error)) error
}

// Storage does the acts. Its methods may be called from many goroutines.
type Storage struct {
	Mirror  Mirror
	Journal Journal
	Own     []string               // folders of the safe's own, where no volume may be
	MinFree int64                  // bytes that stay free on a volume
	Made    func(dir string) error // told of a folder that has become a volume's
}

// Status is the mirror's state.
func (s *Storage) Status() raid.Status { return s.Mirror.Status() }

// Place is a folder that is to become a volume.
type Place struct {
	Dir      string
	SameDisk bool // knowingly on a disk that another volume or the system is on
}

// Add makes an empty folder a volume of the mirror, or a spare.
func (s *Storage) Add(ctx context.Context, who identity.Caller, p Place, spare bool) (id string, err error) {
	if err := s.judge(p, ""); err != nil {
		return "", err
	}
	err = s.act(ctx, who, ActAdd, p.Dir, func(ctx context.Context) (string, error) {
		if id, err = s.Mirror.Add(ctx, p.Dir, spare); err != nil {
			return "", err
		}
		role := "member"
		if spare {
			role = "spare"
		}
		return fmt.Sprintf("volume %s, %s", id, role), s.made(p.Dir)
	})
	return id, err
}

// Replace retires a volume for good and makes an empty folder a volume in its place.
func (s *Storage) Replace(ctx context.Context, who identity.Caller, volume string, p Place) (id string, err error) {
	old, err := s.Find(volume)
	if err != nil {
		return "", err
	}
	if err := s.judge(p, old.ID); err != nil {
		return "", err
	}
	err = s.act(ctx, who, ActReplace, object(old), func(ctx context.Context) (string, error) {
		if id, err = s.Mirror.Replace(ctx, ref(old), p.Dir); err != nil {
			return "", err
		}
		return fmt.Sprintf("by volume %s in %s", id, p.Dir), s.made(p.Dir)
	})
	return id, err
}

func (s *Storage) made(dir string) error {
	if s.Made == nil {
		return nil
	}
	return s.Made(dir)
}

// Remove retires a volume for good.
func (s *Storage) Remove(ctx context.Context, who identity.Caller, volume string) error {
	return s.on(ctx, who, ActRemove, volume, func(ctx context.Context, r raid.Ref) (string, error) {
		return "", s.Mirror.Remove(ctx, r)
	})
}

// Detach closes a volume cleanly, to be carried away.
func (s *Storage) Detach(ctx context.Context, who identity.Caller, volume string) error {
	return s.on(ctx, who, ActDetach, volume, func(ctx context.Context, r raid.Ref) (string, error) {
		return "", s.Mirror.Detach(ctx, r)
	})
}

// Resilver has a volume brought up at once; whole fills it anew.
func (s *Storage) Resilver(ctx context.Context, who identity.Caller, volume string, whole bool) error {
	return s.on(ctx, who, ActResilver, volume, func(ctx context.Context, r raid.Ref) (string, error) {
		detail := ""
		if whole {
			detail = "filled anew"
		}
		return detail, s.Mirror.Resilver(ctx, r, whole)
	})
}

// Reclaim gives the space of what was removed back to the file system of one volume.
func (s *Storage) Reclaim(ctx context.Context, who identity.Caller, volume string) (got raid.Reclaimed, err error) {
	err = s.on(ctx, who, ActReclaim, volume, func(ctx context.Context, r raid.Ref) (string, error) {
		if got, err = s.Mirror.Reclaim(ctx, r); err != nil {
			return "", err
		}
		return fmt.Sprintf("%d bytes before, %d after", got.Before, got.After), nil
	})
	return got, err
}

func (s *Storage) on(ctx context.Context, who identity.Caller, act, volume string, do func(context.Context, raid.Ref) (string, error)) error {
	v, err := s.Find(volume)
	if err != nil {
		return err
	}
	return s.act(ctx, who, act, object(v), func(ctx context.Context) (string, error) { return do(ctx, ref(v)) })
}

// act has something done between its two entries of the journal. What the mirror says against it is
// about its volumes, and an administrator may read it.
func (s *Storage) act(ctx context.Context, who identity.Caller, name, object string, do func(context.Context) (string, error)) error {
	began := false
	err := s.Journal.Maintenance(ctx, who, name, object, func(ctx context.Context) (string, error) {
		began = true
		detail, err := do(ctx)
		if err != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", ErrState, err)
		}
		return detail, err
	})
	if err != nil && began {
		return journaled{err}
	}
	return err
}

// Find finds the volume that a person names: by its identity, at least eight digits of it, or its
// folder.
func (s *Storage) Find(name string) (raid.VolumeStatus, error) {
	var found []raid.VolumeStatus
	for _, v := range s.Mirror.Status().Volumes {
		if name != "" && (v.ID == name || v.Dir == name || (len(name) >= 8 && strings.HasPrefix(v.ID, name))) {
			found = append(found, v)
		}
	}
	if len(found) != 1 {
		return raid.VolumeStatus{}, fmt.Errorf("%w: %q names %d volumes", ErrUnknownVolume, name, len(found))
	}
	return found[0], nil
}

func ref(v raid.VolumeStatus) raid.Ref {
	if v.ID == "" {
		return raid.Ref(v.Dir)
	}
	return raid.Ref(v.ID)
}

// object names a volume in the journal: by what it is for life.
func object(v raid.VolumeStatus) string { return string(ref(v)) }
