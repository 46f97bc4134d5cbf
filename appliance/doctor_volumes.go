package appliance

import (
	"context"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"casemate/appliance/client"
	"casemate/appliance/wire"
	"casemate/appliance/words"
	"casemate/raid/disk"
)

// doctorVolumes looks at the mirror as the running safe tells of it, else as its volumes do, and at
// what lies below each volume.
func (d doctor) volumes(ctx context.Context) []Diagnosis {
	s, known := d.storageNow(ctx)
	var list []Diagnosis
	dirs := d.Config.Volumes.Dirs
	if known {
		list = append(list, d.mirror(s)...)
		dirs = nil
		for _, v := range s.Volumes {
			dirs = append(dirs, v.Dir)
		}
	}
	var seen []disk.Disk
	for _, dir := range dirs {
		said, below := d.volume(ctx, dir, seen)
		list = append(list, said...)
		if below != nil {
			seen = append(seen, *below)
		}
	}
	return list
}

// storageNow asks the running safe, else the volumes themselves. A safe that was not set up has neither.
func (c Config) storageNow(ctx context.Context) (wire.Storage, bool) {
	running := client.Local(c.ControlSocket())
	defer running.Close()
	s, err := running.Storage(ctx)
	if err != nil {
		s, err = Examine(ctx, c)
	}
	return s, err == nil && len(s.Volumes) > 0
}

func (d doctor) mirror(s wire.Storage) []Diagnosis {
	say := words.StorageIn(d.language)
	said, name := say.States[s.State], say.Names[s.State]
	state := Diagnosis{"mirror", Warn, "mirror-" + s.State, name + ": " + said.Message, said.Hint}
	switch s.State {
	case "healthy":
		state.Verdict, state.Detail = Good, name
	case "refused", "read-only":
		state.Verdict = Bad
	}
	list := []Diagnosis{state}
	for _, v := range s.Volumes {
		if todo := say.Todo(v.State, v.Cause, v.ID, v.Dir); todo != "" {
			list = append(list, d.line("mirror", Warn, "mirror-volume", words.Short(v.ID), v.Dir, say.Volumes[v.State], say.Why(v.Why), todo))
		}
	}
	if s.Scrub != nil {
		list = append(list, d.scrub(s.Scrub))
	}
	return list
}

func (d doctor) scrub(s *wire.Scrub) Diagnosis {
	never := s.Last == nil || s.Last.Finished == nil
	finished := "–"
	if !never {
		finished = s.Last.Finished.UTC().Format(time.RFC3339)
	}
	switch {
	case s.Overdue:
		return d.line("scrub", Bad, "scrub-late", finished)
	case never:
		return d.line("scrub", Good, "scrub-never")
	case s.Last.Unrepaired > 0:
		return d.line("scrub", Warn, "scrub-findings", finished, s.Last.Unrepaired, s.Last.Report)
	default:
		return d.line("scrub", Good, "scrub", finished)
	}
}

// volume looks at the folder of one volume: what is mounted there, how much is free, whether another
// volume is on the same drive, what the drive says of itself. What is wrong is a line of its own.
func (d doctor) volume(ctx context.Context, dir string, others []disk.Disk) ([]Diagnosis, *disk.Disk) {
	below, err := disk.Under(dir)
	var fs unix.Statfs_t
	if err == nil {
		err = unix.Statfs(dir, &fs)
	}
	if err != nil {
		return []Diagnosis{d.line("volume", Bad, "volume-gone", dir, err)}, nil
	}
	free, least := int64(fs.Bavail)*fs.Bsize, d.Config.Volumes.MinFree //nolint:gosec // free blocks fit
	verdict, code := Good, "volume"
	switch {
	case below.ReadOnly:
		verdict, code = Bad, "volume-readonly"
	case free < least:
		verdict, code = Bad, "volume-low"
	case free < 4*least:
		verdict, code = Warn, "volume-low"
	}
	list := []Diagnosis{d.line("volume", verdict, code, dir, free>>20, below.FSType, below.Source, below.Mount)}
	for _, other := range others {
		if disk.Same(other, below) {
			list = append(list, d.line("volume", Warn, "volume-same", dir, other.Dir))
			break
		}
	}
	if root, err := disk.Under("/"); err == nil && disk.SameFileSystem(root, below) {
		list = append(list, d.line("volume", Warn, "volume-system", dir))
	}
	return append(list, d.drives(ctx, below)...), &below
}

func (d doctor) drives(ctx context.Context, below disk.Disk) []Diagnosis {
	if len(below.Drives) == 0 {
		return nil
	}
	var drives []string
	for _, one := range below.Drives {
		drives = append(drives, one.Line())
	}
	report := disk.Health(ctx, below)
	verdict, code := Good, "drive"
	switch report.Verdict {
	case disk.Failing:
		verdict, code = Bad, "drive-failing"
	case disk.Warning:
		verdict, code = Warn, "drive-warning"
	case disk.OK, disk.Unknown:
	}
	return []Diagnosis{d.line("drive", verdict, code, strings.Join(drives, ", "), report.In(d.language))}
}
