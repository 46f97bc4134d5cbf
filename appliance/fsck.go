package appliance

import (
	"context"
	"fmt"
	"log/slog"

	"casemate/raid"
	"casemate/store"
)

// FsckReport is what fsck found, for a person or a script.
type FsckReport struct {
	OK        bool            `json:"ok"`
	Journal   uint64          `json:"journal"`   // entries
	Documents uint64          `json:"documents"` // controlled on every volume
	Bytes     uint64          `json:"bytes"`
	Rounds    uint64          `json:"rounds"`
	Volumes   []VolumeAudit   `json:"volumes"`
	Findings  []store.Finding `json:"findings"`
}

// VolumeAudit is the outcome of one volume's own audit: its chain of batches and its values.
type VolumeAudit struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// Fsck opens the safe as serve would, reads everything again on every volume and checks it, and
// closes it. Nothing is served meanwhile.
func Fsck(ctx context.Context, cfg Config, configFile string, log *slog.Logger, progress func(store.FsckReport)) (FsckReport, error) {
	a, err := Open(ctx, cfg, configFile, log)
	if err != nil {
		return FsckReport{}, err
	}
	defer a.Close()
	var report FsckReport
	for v := range a.mirror.Volumes() {
		audit := VolumeAudit{Name: cfg.Volumes.Dirs[v], OK: true}
		find := func(detail string) {
			audit.OK = false
			report.Findings = append(report.Findings, store.Finding{What: "volume " + audit.Name, Detail: detail})
		}
		got, err := a.mirror.Audit(ctx, v, func(f raid.Finding) { find(f.Detail) })
		if ctx.Err() != nil {
			return report, ctx.Err()
		}
		if err != nil {
			find(err.Error())
		}
		audit.Detail = fmt.Sprintf("%d values authenticated (%d bytes), %d batches followed back, %d findings",
			got.Values, got.Bytes, got.Manifests, got.Findings)
		report.Volumes = append(report.Volumes, audit)
	}
	found, err := a.safe.Fsck(ctx, store.FsckOptions{}, progress)
	if err != nil {
		return report, err
	}
	report.Journal, report.Documents, report.Bytes, report.Rounds = found.Journal, found.Documents, found.Bytes, found.Rounds
	report.Findings = append(report.Findings, found.Findings...)
	report.OK = len(report.Findings) == 0
	return report, nil
}
