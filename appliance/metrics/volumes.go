package metrics

import (
	"time"

	"casemate/raid"
	"casemate/store"
)

var (
	mirrorStates = []raid.State{raid.Healthy, raid.Degraded, raid.Resilvering, raid.ReadOnly}
	volumeStates = []raid.VolumeState{raid.InSync, raid.Syncing, raid.Faulted, raid.Spare, raid.Missing, raid.Detached}
)

// volumes is the mirror, each of its volumes, the scrub, and the backups.
var volumes = []family{
	{name: "casemate_mirror_state", help: "1 for the state the mirror is in, 0 for the others.", labels: []string{"state"}, read: readMirrorState},
	one("casemate_mirror_read_only", "1 while the volumes take no writes.", func(s *Snapshot) float64 { return truth(s.Safe.Volumes.ReadOnly) }),
	one("casemate_mirror_in_sync", "Volumes that have every acknowledged batch.", func(s *Snapshot) float64 { return float64(inSync(s.Safe.Volumes)) }),
	one("casemate_mirror_wanted", "Volumes that a deposit must be on.", func(s *Snapshot) float64 { return float64(s.Safe.Volumes.MinCopies) }),
	counter("casemate_mirror_batches_total", "Batches acknowledged since the mirror was made.",
		func(s *Snapshot) float64 { return float64(s.Safe.Volumes.Sequence) }),

	{name: "casemate_volume_state", help: "1 for the state a volume is in, 0 for the others.", labels: []string{"volume", "state"}, read: readVolumeState},
	ofVolume("casemate_volume_free_bytes", "Free bytes of a volume's file system.", known(func(v raid.VolumeStatus) int64 { return v.Free })),
	ofVolume("casemate_volume_size_bytes", "Size of a volume's file system.", known(func(v raid.VolumeStatus) int64 { return v.Size })),
	ofVolume("casemate_volume_floor_bytes", "Free bytes below which a volume refuses writes.", always(func(v raid.VolumeStatus) int64 { return v.Floor })),
	ofVolume("casemate_volume_bad_values", "Values found bad or lost in the last 24 hours.", always(func(v raid.VolumeStatus) int64 { return int64(v.Faults) })),
	ofVolume("casemate_volume_bad_values_budget", "So many are too many.", always(func(v raid.VolumeStatus) int64 { return int64(v.Budget) })),
	ofVolume("casemate_volume_resilver_done_bytes", "Bytes brought up so far; none while a volume is not syncing.",
		syncing(func(p *raid.Progress) int64 { return p.Done })),
	ofVolume("casemate_volume_resilver_bytes", "Bytes to bring up, an estimate.", syncing(func(p *raid.Progress) int64 { return p.Total })),

	one("casemate_scrub_running", "1 while a scrub reads.", func(s *Snapshot) float64 { return truth(s.Safe.Scrub.State == store.ScrubRunning) }),
	one("casemate_scrub_paused", "1 while a scrub waits for a person.", func(s *Snapshot) float64 { return truth(s.Safe.Scrub.State == store.ScrubPaused) }),
	one("casemate_scrub_done_bytes", "Bytes the scrub under way has read.", func(s *Snapshot) float64 { return float64(s.Safe.Scrub.Done) }),
	one("casemate_scrub_bytes", "Bytes the scrub under way is to read.", func(s *Snapshot) float64 { return float64(s.Safe.Scrub.Total) }),
	one("casemate_scrub_unrepaired", "Findings of the scrub under way that stand.", func(s *Snapshot) float64 { return float64(s.Safe.Scrub.Unrepaired) }),
	moment("casemate_scrub_last_timestamp_seconds", "When the last scrub ended; none before the first.",
		func(s *Snapshot) time.Time { return s.Safe.Scrub.LastFinished }),
	one("casemate_scrub_last_findings", "What the last scrub found bad.", func(s *Snapshot) float64 { return float64(s.Safe.Scrub.LastFindings) }),
	one("casemate_scrub_last_unrepaired", "What of that stands.", func(s *Snapshot) float64 { return float64(s.Safe.Scrub.LastUnrepaired) }),
	moment("casemate_scrub_due_timestamp_seconds", "By when the next scrub is to be finished.",
		func(s *Snapshot) time.Time { return s.Safe.Scrub.NextDue }),
	moment("casemate_backup_last_timestamp_seconds", "When the last backup was taken; none before the first.",
		func(s *Snapshot) time.Time { return backupAt(s.Backups) }),
	moment("casemate_backup_drill_timestamp_seconds", "When a backup was last proved to restore; none before the first drill that went well.",
		func(s *Snapshot) time.Time { return drillAt(s.Backups) }),
	one("casemate_scrub_overdue", "1 while that time has passed.", func(s *Snapshot) float64 { return truth(s.Safe.Scrub.Overdue) }),
}

// label names a volume by the beginning of its identity, which commands take too; one that was never seen
// by its place in the mirror's list.
func label(v raid.VolumeStatus) string {
	if len(v.ID) >= 8 {
		return v.ID[:8]
	}
	return "slot-" + string(rune('0'+v.Slot%10))
}

func ofVolume(name, help string, value func(raid.VolumeStatus) (int64, bool)) family {
	return family{name: name, help: help, labels: []string{"volume"}, read: func(s *Snapshot, is func(float64, ...string)) {
		for _, v := range s.Safe.Volumes.Volumes {
			if n, there := value(v); there {
				is(float64(n), label(v))
			}
		}
	}}
}

func always(value func(raid.VolumeStatus) int64) func(raid.VolumeStatus) (int64, bool) {
	return func(v raid.VolumeStatus) (int64, bool) { return value(v), true }
}

// known leaves out the figures of a file system that could not be looked at.
func known(value func(raid.VolumeStatus) int64) func(raid.VolumeStatus) (int64, bool) {
	return func(v raid.VolumeStatus) (int64, bool) { return value(v), v.Size > 0 && v.Free >= 0 }
}

func syncing(value func(*raid.Progress) int64) func(raid.VolumeStatus) (int64, bool) {
	return func(v raid.VolumeStatus) (int64, bool) {
		if v.Progress == nil {
			return 0, false
		}
		return value(v.Progress), true
	}
}

func readMirrorState(s *Snapshot, is func(float64, ...string)) {
	for _, state := range mirrorStates {
		is(truth(s.Safe.Volumes.State == state), string(state))
	}
}

func readVolumeState(s *Snapshot, is func(float64, ...string)) {
	for _, v := range s.Safe.Volumes.Volumes {
		for _, state := range volumeStates {
			is(truth(v.State == state), label(v), string(state))
		}
	}
}

func inSync(s raid.Status) (n int) {
	for _, v := range s.Volumes {
		if v.State == raid.InSync {
			n++
		}
	}
	return n
}

func backupAt(b store.Backups) (at time.Time) {
	if b.Last != nil {
		at = b.Last.At
	}
	return at
}

func drillAt(b store.Backups) (at time.Time) {
	if b.Drill != nil && b.Drill.OK {
		at = b.Drill.At
	}
	return at
}
