package appliance

import (
	"context"
	"fmt"
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
func (c Config) doctorVolumes(ctx context.Context) []Diagnosis {
	s, known := c.storageNow(ctx)
	var list []Diagnosis
	dirs := c.Volumes.Dirs
	if known {
		list = append(list, doctorMirror(s)...)
		dirs = nil
		for _, v := range s.Volumes {
			dirs = append(dirs, v.Dir)
		}
	}
	var seen []disk.Disk
	for _, dir := range dirs {
		d, below := c.doctorVolume(ctx, dir, seen)
		list = append(list, d...)
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

func doctorMirror(s wire.Storage) []Diagnosis {
	say := words.StorageIn("en")
	state := Diagnosis{"mirror", Good, s.State, ""}
	switch said := say.States[s.State]; s.State {
	case "healthy":
	case "resilvering":
		state.Verdict, state.Detail = Warn, s.State+": "+said.Message
	case "refused", "read-only":
		state = Diagnosis{"mirror", Bad, s.State + ": " + said.Message, said.Hint}
	default:
		state = Diagnosis{"mirror", Warn, s.State + ": " + said.Message, said.Hint}
	}
	list := []Diagnosis{state}
	for _, v := range s.Volumes {
		if todo := say.Todo(v.State, v.Cause, v.ID, v.Dir); todo != "" {
			list = append(list, Diagnosis{"mirror", Warn, fmt.Sprintf("volume %s in %s is %s: %s", words.Short(v.ID), v.Dir, v.State, v.Why), todo})
		}
	}
	if sc := s.Scrub; sc != nil {
		d := Diagnosis{"scrub", Good, "never finished yet", ""}
		if sc.Last != nil && sc.Last.Finished != nil {
			d.Detail = "last finished " + sc.Last.Finished.UTC().Format(time.RFC3339)
			if sc.Last.Unrepaired > 0 {
				d.Verdict, d.Detail = Warn, fmt.Sprintf("%s, %d findings stand", d.Detail, sc.Last.Unrepaired)
				d.Remedy = "its report " + sc.Last.Report + " says what to do with each"
			}
		}
		if sc.Overdue {
			d.Verdict, d.Remedy = Bad, "let it run: casemated raid scrub start; raise [scrub] rate if it cannot keep up"
		}
		list = append(list, d)
	}
	return list
}

// doctorVolume looks at the folder of one volume: what is mounted there, how much is free, whether
// another volume is on the same drive, what the drive says of itself.
func (c Config) doctorVolume(ctx context.Context, dir string, others []disk.Disk) ([]Diagnosis, *disk.Disk) {
	below, err := disk.Under(dir)
	var fs unix.Statfs_t
	if err == nil {
		err = unix.Statfs(dir, &fs)
	}
	if err != nil {
		return []Diagnosis{{"volume", Bad, fmt.Sprintf("%s: %v", dir, err), "mount it; if its disk is lost: casemated raid replace"}}, nil
	}
	free := int64(fs.Bavail) * fs.Bsize //nolint:gosec // free blocks fit
	d := Diagnosis{"volume", Good, fmt.Sprintf("%s: %d MiB free; %s on %s, mounted on %s", dir, free>>20, below.FSType, below.Source, below.Mount), ""}
	if free < 4*c.Volumes.MinFree {
		d.Verdict, d.Remedy = Warn, "make it larger: deposits are refused when min_free is reached"
	}
	if free < c.Volumes.MinFree {
		d.Verdict = Bad
	}
	if below.ReadOnly {
		d.Verdict, d.Remedy = Bad, "it is mounted read-only: see why (dmesg), then mount it for writing"
	}
	for _, other := range others {
		if disk.Same(other, below) {
			d.Verdict, d.Detail = worse(d.Verdict, Warn), d.Detail+"; on the same device as "+other.Dir
			d.Remedy = "give each volume a disk of its own: now one dead disk loses both"
			break
		}
	}
	if root, err := disk.Under("/"); err == nil && disk.SameFileSystem(root, below) {
		d.Verdict, d.Detail = worse(d.Verdict, Warn), d.Detail+"; on the system's own file system"
		if d.Remedy == "" {
			d.Remedy = "is its disk mounted? A volume wants a disk of its own"
		}
	}
	return append([]Diagnosis{d}, doctorDrives(ctx, below)...), &below
}

func doctorDrives(ctx context.Context, below disk.Disk) []Diagnosis {
	if len(below.Drives) == 0 {
		return nil
	}
	var drives []string
	for _, one := range below.Drives {
		drives = append(drives, one.Line())
	}
	report := disk.Health(ctx, below)
	d := Diagnosis{"drive", Good, strings.Join(drives, ", ") + ": " + report.In("en"), ""}
	switch report.Verdict {
	case disk.Failing:
		d.Verdict, d.Remedy = Bad, "replace it now: casemated raid replace"
	case disk.Warning:
		d.Verdict, d.Remedy = Warn, "have a new disk ready, or add it as a spare: casemated raid add --spare"
	case disk.OK, disk.Unknown:
	}
	return []Diagnosis{d}
}
