package appliance

import (
	"context"
	"fmt"
	"log/slog"

	"casemate/raid"
	"casemate/store"
)

// FsckOptions are the choices of one complete check.
type FsckOptions struct {
	Volume   string // folder or identity of the one volume to read; empty: all in sync
	Repair   bool   // what has a good copy elsewhere is written again, and checked again
	Progress func(store.FsckReport)
}

// FsckReport is what fsck found, for a person or a script.
type FsckReport struct {
	OK         bool                 `json:"ok"`
	Journal    uint64               `json:"journal"`   // entries
	Documents  uint64               `json:"documents"` // controlled on every volume
	Bytes      uint64               `json:"bytes"`
	Rounds     uint64               `json:"rounds"`
	Repaired   uint64               `json:"repaired"`
	Unrepaired uint64               `json:"unrepaired"`
	Volumes    []store.VolumeReport `json:"volumes"`
	Findings   []store.Finding      `json:"findings"`
	More       uint64               `json:"more,omitempty"` // findings beyond those
}

// Fsck opens the safe as serve would, reads everything again on the volumes in sync and checks it, and
// closes it. Nothing is served meanwhile. Without Repair nothing is changed but what the mirror mends by
// itself, when it opens and when it meets a bad value.
func Fsck(ctx context.Context, cfg Config, configFile string, log *slog.Logger, o FsckOptions) (FsckReport, error) {
	cfg.Scrub.Every = -1 // never: a scrub that went on beside it would repair what it finds
	a, err := Open(ctx, cfg, configFile, log)
	if err != nil {
		return FsckReport{}, err
	}
	defer a.Close()
	opt := store.FsckOptions{Repair: o.Repair}
	if o.Volume != "" {
		v, err := a.storage.Find(o.Volume)
		if err != nil {
			return FsckReport{}, err
		}
		if v.State != raid.InSync {
			return FsckReport{}, fmt.Errorf("%w: the volume in %s is %s: %s", ErrNotInSync, v.Dir, v.State, v.Why)
		}
		opt.Volumes = []int{v.Slot}
	}
	r, err := a.safe.Fsck(ctx, opt, o.Progress)
	return FsckReport{OK: err == nil && r.OK(), Journal: r.Journal, Documents: r.Documents, Bytes: r.Bytes, Rounds: r.Rounds, Repaired: r.Repaired,
		Unrepaired: r.Unrepaired, Volumes: r.Volumes, Findings: r.Findings, More: r.More}, err
}
