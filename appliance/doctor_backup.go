package appliance

import (
	"context"
	"time"
)

// backups tells how old the last backup and the last drill are, as the running safe remembers them.
func (d doctor) backups(ctx context.Context) []Diagnosis {
	if d.Backup.Recipients == "" {
		return []Diagnosis{d.line("backup", Warn, "backup-not-set-up")}
	}
	ctx, cancel := context.WithTimeout(ctx, pingPatience)
	defer cancel()
	known, err := BackupsOf(ctx, d.Config)
	if err != nil {
		return []Diagnosis{d.line("backup", Good, "backup-not-asked")}
	}
	now := time.Now() //nolint:forbidigo // an age, told to a person
	var list []Diagnosis
	switch last := known.Last; {
	case last == nil:
		list = append(list, d.line("backup", Warn, "backup-never"))
	case now.Sub(last.At) > d.Backup.WarnAfter:
		list = append(list, d.line("backup", Warn, "backup-old", last.At.UTC().Format(time.RFC3339)))
	default:
		list = append(list, d.line("backup", Good, "backup", last.At.UTC().Format(time.RFC3339)))
	}
	switch drill := known.Drill; {
	case drill == nil:
		list = append(list, d.line("drill", Warn, "drill-never"))
	case !drill.OK:
		list = append(list, d.line("drill", Bad, "drill-failed", drill.At.UTC().Format(time.RFC3339), drill.Why))
	case now.Sub(drill.At) > 4*d.Backup.WarnAfter:
		list = append(list, d.line("drill", Warn, "drill-old", drill.At.UTC().Format(time.RFC3339)))
	default:
		list = append(list, d.line("drill", Good, "drill", drill.At.UTC().Format(time.RFC3339)))
	}
	return list
}
