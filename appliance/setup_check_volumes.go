package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode"

	"casemate/appliance/setup"
	"casemate/appliance/storage"
	"casemate/raid/disk"
)

// checkVolumes judges each folder and each disk, and all of them together.
func (s *Setup) checkVolumes(ctx context.Context, p *problems) {
	volumes := s.Answers.Volumes
	if len(volumes) < 2 {
		p.add("volume", setup.BadVolumes, "%d", len(volumes))
	}
	devices := map[string]bool{}
	for i, v := range volumes {
		key := fmt.Sprintf("volume[%d]", i+1)
		if strings.ContainsFunc(v.Dir, noFolderOfOurs) { // it comes to stand in fstab(5) and in a unit
			p.add(key+".dir", setup.BadDir, "%q: blanks, quotes and backslashes will not do", v.Dir)
			continue
		}
		if v.Device != "" {
			continue
		}
		var others []string
		for _, o := range volumes[:i] {
			if o.Device == "" {
				others = append(others, o.Dir)
			}
		}
		own := []string{s.Layout.State, s.Layout.HSMState, s.Layout.Config}
		err := storage.JudgeFirst(storage.Place{Dir: v.Dir, SameDisk: s.Answers.SameDisk}, others, own, DefaultConfig().Volumes.MinFree+minSystemFree)
		if err != nil {
			code, rest := folderFault(err)
			p.add(key+".dir", code, "%s", rest)
		} else if below, err := disk.Under(v.Dir); err == nil {
			for _, drive := range below.Drives {
				devices[drive.Path] = true
			}
		}
	}
	for i, v := range volumes { // folders first: a disk may be a part of what they lie on
		if v.Device != "" {
			s.checkDevice(ctx, p, fmt.Sprintf("volume[%d]", i+1), v, devices)
		}
	}
}

func noFolderOfOurs(r rune) bool {
	return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune("\"'\\", r)
}

// folderFault names what is wrong with a folder, and gives what the error says beside its name.
func folderFault(err error) (code, rest string) {
	for _, c := range []struct {
		is   error
		code string
	}{{storage.ErrBadDir, setup.BadDir}, {storage.ErrNotEmpty, setup.BadNotEmpty}, {storage.ErrInside, setup.BadInside}, {storage.ErrSameDisk, setup.BadSameDisk},
		{storage.ErrNotMounted, setup.BadNoMount}, {storage.ErrNoSpace, setup.BadSmall}, {storage.ErrLocked, setup.BadLocked}} {
		if errors.Is(err, c.is) {
			return c.code, strings.TrimPrefix(err.Error(), c.is.Error()+": ")
		}
	}
	return setup.BadDir, err.Error()
}

// checkDevice judges a disk that is to get a file system. One that holds anything is taken only if it was
// named exactly, and one that somebody uses never.
func (s *Setup) checkDevice(ctx context.Context, p *problems, key string, v setup.Volume, taken map[string]bool) {
	if s.Layout.Fstab == "" {
		p.add(key+".device", setup.BadDevice, "%s: disks are taken on a box with the package only; give a folder", v.Device)
		return
	}
	if entries, err := os.ReadDir(v.Dir); err == nil && len(entries) > 0 {
		p.add(key+".dir", setup.BadNotEmpty, "%s has %q", v.Dir, entries[0].Name())
	} else if v.Dir == "" || (err != nil && !errors.Is(err, fs.ErrNotExist)) {
		p.add(key+".dir", setup.BadDir, "%q", v.Dir)
	}
	d, err := setup.LookAt(ctx, v.Device)
	switch {
	case err != nil:
		p.add(key+".device", setup.BadDevice, "%v", err)
	case taken[d.Path]:
		p.add(key+".device", setup.BadTwice, "%s", d.Path)
	case taken[d.Whole] && !s.Answers.SameDisk:
		p.add(key+".device", setup.BadSameDisk, "%s", d.Whole)
	case d.Used != "":
		p.add(key+".device", setup.BadUsed, "%s: %s", d.Path, d.Used)
	case d.Bytes < 2*DefaultConfig().Volumes.MinFree:
		p.add(key+".device", setup.BadSmall, "%s: %d MiB", d.Path, d.Bytes>>20)
	case len(d.Holds) > 0 && v.Erase != d.Name:
		p.add(key+".device", setup.BadData, "%s: %s; erase = %q", d.Path, strings.Join(d.Holds, ", "), d.Name)
	}
	taken[d.Path], taken[d.Whole] = true, true
}
