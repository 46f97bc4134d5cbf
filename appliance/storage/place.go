package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"casemate/raid"
	"casemate/raid/disk"
)

// judge refuses a folder that must not become a volume, with the reason a person can act on. The volume
// named gives its place up: its own folder may be taken again.
func (s *Storage) judge(p Place, instead string) error {
	if err := emptyFolder(p.Dir); err != nil {
		return err
	}
	volumes := s.Mirror.Status().Volumes
	if err := s.apart(p.Dir, volumes, instead); err != nil {
		return err
	}
	if !p.SameDisk { // before rights: where no disk is mounted, nobody should be told to give away the folder below
		if err := ownDisk(p.Dir, volumes, instead); err != nil {
			return err
		}
	}
	if unix.Access(p.Dir, unix.W_OK|unix.X_OK) != nil {
		return fmt.Errorf("%w: %s", ErrLocked, p.Dir)
	}
	return s.roomy(p.Dir, volumes)
}

// emptyFolder wants the canonical path of a folder without anything in it but what mkfs leaves.
func emptyFolder(dir string) error {
	if !filepath.IsAbs(dir) || filepath.Clean(dir) != dir || len(dir) > 4096 || strings.ContainsRune(dir, 0) {
		return fmt.Errorf("%w: %q is no absolute path", ErrBadDir, dir)
	}
	real, err := filepath.EvalSymlinks(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: there is no folder %s", ErrBadDir, dir)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrBadDir, err)
	case real != dir:
		return fmt.Errorf("%w: %s leads to %s: name that", ErrBadDir, dir, real)
	}
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return fmt.Errorf("%w: %s is no folder", ErrBadDir, dir)
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %s", ErrLocked, dir)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadDir, err)
	}
	for _, e := range entries {
		if e.Name() != "lost+found" {
			return fmt.Errorf("%w: %s has %q", ErrNotEmpty, dir, e.Name())
		}
	}
	return nil
}

// apart wants a folder that neither lies in another volume or the safe's own folders, nor around one.
func (s *Storage) apart(dir string, volumes []raid.VolumeStatus, instead string) error {
	others := append([]string(nil), s.Own...)
	for _, v := range volumes {
		if v.ID != instead || v.ID == "" {
			others = append(others, v.Dir)
		}
	}
	for _, other := range others {
		if other != "" && (inside(dir, other) || inside(other, dir)) {
			return fmt.Errorf("%w: %s and %s", ErrInside, dir, other)
		}
	}
	return nil
}

// ownDisk wants a file system that is neither the system's own (the disk was not mounted, most
// likely) nor another volume's, on drives that carry no other volume.
func ownDisk(dir string, volumes []raid.VolumeStatus, instead string) error {
	here, err := disk.Under(dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadDir, err)
	}
	if root, err := disk.Under("/"); err == nil && disk.SameFileSystem(root, here) {
		return fmt.Errorf("%w: %s", ErrNotMounted, dir)
	}
	for _, v := range volumes {
		if v.ID == instead && v.ID != "" {
			continue
		}
		if there, err := disk.Under(v.Dir); err == nil && disk.Same(there, here) {
			return fmt.Errorf("%w: %s and %s", ErrSameDisk, dir, v.Dir)
		}
	}
	return nil
}

// roomy wants room for as much as the fullest volume in sync takes, and the floor above it.
func (s *Storage) roomy(dir string, volumes []raid.VolumeStatus) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("%w: %w", ErrBadDir, err)
	}
	free := int64(st.Bavail) * st.Bsize //nolint:gosec // blocks of a disk fit
	var held int64
	for _, v := range volumes {
		if v.State == raid.InSync {
			held = max(held, taken(v.Dir))
		}
	}
	if need := held + s.MinFree; free < need {
		return fmt.Errorf("%w: %s has %d MiB free, %d MiB are needed", ErrNoSpace, dir, free>>20, (need+1<<20-1)>>20)
	}
	return nil
}

// taken is the bytes that the files below a folder take on the disk; what cannot be read counts as
// nothing, since the mirror meets a full disk by itself.
func taken(dir string) (total int64) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error { // errors: as above
		var st unix.Stat_t
		if err == nil && d.Type().IsRegular() && unix.Lstat(path, &st) == nil {
			total += st.Blocks * 512
		}
		return nil
	})
	return total
}

// inside tells whether path a is b or below it.
func inside(a, b string) bool {
	rel, err := filepath.Rel(b, a)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
