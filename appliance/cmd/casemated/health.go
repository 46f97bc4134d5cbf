package main

import (
	"context"
	"strings"

	"casemate/appliance/wire"
	"casemate/raid/disk"
)

// health is what the drives below a volume say of themselves, asked by this process: the daemon may not.
// Where nothing lies there it is empty.
func health(ctx context.Context, t *catalogue, v wire.Volume) string {
	below, err := disk.Under(v.Dir)
	if err != nil {
		return ""
	}
	parts := []string{below.Source, below.FSType}
	for _, drive := range below.Drives {
		parts = append(parts, drive.Line())
	}
	report := disk.Health(ctx, below)
	return strings.Join(parts, ", ") + t.Colon + report.Verdict.In(t.language) + " (" + report.In(t.language) + ")"
}
