package api

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"casemate/appliance/storage"
	"casemate/appliance/web"
	"casemate/appliance/wire"
	"casemate/raid"
	"casemate/store"
)

// storageOf tells of each volume by the last element of its folder: where exactly it
// stands is nobody's business who calls from outside.
func storageOf(s store.Status) wire.StorageStatus {
	out := wire.StorageStatus{OK: s.Volumes.State == raid.Healthy, State: string(s.Volumes.State),
		Since: instant(s.Volumes.Since), Volumes: []wire.VolumeStatus{}}
	var folders []string // reasons speak of files in them
	for _, v := range s.Volumes.Volumes {
		if v.Dir != "" {
			folders = append(folders, v.Dir, filepath.Base(v.Dir))
		}
	}
	outside := strings.NewReplacer(folders...)
	for _, v := range s.Volumes.Volumes {
		one := wire.VolumeStatus{Name: filepath.Base(v.Dir), State: string(v.State), Cause: string(v.Cause),
			Since: instant(v.Since), Detail: outside.Replace(v.Why), FreeBytes: v.Free}
		if p := v.Progress; p != nil {
			one.Done, one.Total = p.Done, p.Total
		}
		out.Volumes = append(out.Volumes, one)
	}
	return out
}

// StorageOf is a mirror's state as it travels, for those who look after it.
func StorageOf(s raid.Status) wire.Storage {
	out := wire.Storage{State: string(s.State), Since: instant(s.Since), Why: s.Why, Set: s.Set, Sequence: s.Sequence,
		Epoch: s.Epoch, MinCopies: s.MinCopies, ReadOnly: s.ReadOnly, Volumes: []wire.Volume{}}
	for _, v := range s.Volumes {
		out.Volumes = append(out.Volumes, wire.Volume{ID: v.ID, Dir: v.Dir, State: string(v.State), Since: instant(v.Since),
			Cause: string(v.Cause), Why: v.Why, Sequence: v.Sequence, Generation: v.Generation, FreeBytes: v.Free, SizeBytes: v.Size,
			FloorBytes: v.Floor, Faults: v.Faults, Budget: v.Budget, Confined: v.Landlock, PID: v.PID, Progress: progressOf(v.Progress)})
	}
	for _, c := range s.Choices {
		out.Choices = append(out.Choices, wire.Choice{ID: c.ID, Dir: c.Dir, Volume: c.Volume, Epoch: c.Epoch, Sequence: c.Sequence,
			Written: instant(c.Written), Loses: c.Loses})
	}
	return out
}

func progressOf(p *raid.Progress) *wire.Progress {
	if p == nil {
		return nil
	}
	return &wire.Progress{Whole: p.Whole, Resumed: p.Resumed, Started: instant(p.Started), Done: p.Done, Total: p.Total,
		Rate: p.Rate, LeftNs: int64(p.Left / time.Nanosecond)}
}

func (a *API) volumes(*call) (wire.Storage, error) {
	out, scrub := StorageOf(a.storage.Status()), scrubOf(a.safe.ScrubStatus())
	out.Scrub = &scrub
	return out, nil
}

func scrubOf(s store.ScrubStatus) wire.Scrub {
	out := wire.Scrub{State: string(s.State), Started: instant(s.Started), Phase: s.Phase, Volume: s.Volume, Done: s.Done, Total: s.Total,
		Documents: s.Documents, Rate: s.Rate, LeftNs: int64(s.Left / time.Nanosecond), Findings: s.Findings, Repaired: s.Repaired,
		Unrepaired: s.Unrepaired, Problem: s.Problem, NextStart: instant(s.NextStart), NextDue: instant(s.NextDue), Overdue: s.Overdue}
	if at := instant(s.LastFinished); at != nil {
		out.Last = &wire.LastScrub{Finished: at, Report: s.LastReport.String(), Findings: s.LastFindings, Repaired: s.LastRepaired,
			Unrepaired: s.LastUnrepaired}
	}
	return out
}

func (a *API) scrub(*call) (wire.Scrub, error) { return scrubOf(a.safe.ScrubStatus()), nil }

// setScrub starts or pauses the scrub; the safe journals it.
func (a *API) setScrub(c *call, in wire.ScrubRequest) (wire.Scrub, error) {
	var err error
	switch c.about = in.Act; in.Act {
	case "start":
		err = a.safe.StartScrub(c.Context(), c.who)
	case "pause":
		err = a.safe.PauseScrub(c.Context(), c.who)
		c.journaled = errors.Is(err, store.ErrNoScrub) // as an act that failed
	default:
		err = fmt.Errorf("%w: act is %q, want start or pause", web.ErrBadRequest, in.Act)
	}
	return scrubOf(a.safe.ScrubStatus()), err
}

func (a *API) addVolume(c *call, in wire.NewVolume) (wire.VolumeMade, error) {
	c.about = in.Dir
	id, err := a.storage.Add(c.Context(), c.who, storage.Place{Dir: in.Dir, SameDisk: in.SameDisk}, in.Spare)
	return wire.VolumeMade{ID: id}, c.acted(err)
}

func (a *API) replaceVolume(c *call, in wire.ReplaceVolume) (wire.VolumeMade, error) {
	id, err := a.storage.Replace(c.Context(), c.who, c.vars["volume"], storage.Place{Dir: in.Dir, SameDisk: in.SameDisk})
	return wire.VolumeMade{ID: id}, c.acted(err)
}

func (a *API) removeVolume(c *call) (wire.Done, error) {
	return wire.Done{}, c.acted(a.storage.Remove(c.Context(), c.who, c.vars["volume"]))
}

func (a *API) detachVolume(c *call) (wire.Done, error) {
	return wire.Done{}, c.acted(a.storage.Detach(c.Context(), c.who, c.vars["volume"]))
}

func (a *API) resilverVolume(c *call, in wire.ResilverVolume) (wire.Done, error) {
	return wire.Done{}, c.acted(a.storage.Resilver(c.Context(), c.who, c.vars["volume"], in.Whole))
}

func (a *API) reclaimVolume(c *call) (wire.Reclaimed, error) {
	got, err := a.storage.Reclaim(c.Context(), c.who, c.vars["volume"])
	return wire.Reclaimed{Before: got.Before, After: got.After}, c.acted(err)
}

// acted notes whether the failure of an act is in the journal already.
func (c *call) acted(err error) error {
	c.journaled = errors.Is(err, storage.ErrJournaled)
	return err
}
