package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"casemate/appliance/wire"
)

func (a *app) statusCommand() *cobra.Command {
	return a.command("status", a.t.Status, a.noArgs(), func(cmd *cobra.Command, _ []string) error {
		c, err := a.connect()
		if err != nil {
			return err
		}
		defer c.Close()
		status, err := c.Status(cmd.Context())
		if err != nil {
			return err
		}
		if err := a.result(status, func() { a.showStatus(status) }); err != nil || status.OK {
			return err
		}
		return &failure{exit: exitAlarm, message: fmt.Sprintf(a.t.Alarms, len(status.Alarms)), hint: a.t.AlarmsHint}
	})
}

func (a *app) showStatus(s wire.Status) {
	a.say("%s  %s  %s\n", clean(s.Safe), clean(s.Version), instant(s.At))
	if s.Demonstration {
		a.field(a.t.Label.Note, "%s", a.t.Demonstration)
	}
	a.field(a.t.Label.Clock, "%s", a.clock(s.Clock))
	if state := a.t.Storage.Names[s.Storage.State]; state != "" {
		a.field(a.t.Label.Volumes, "%s", state)
	}
	for _, v := range s.Storage.Volumes {
		a.field(a.t.Label.Volume, "%s", a.volume(v))
	}
	a.field(a.t.Label.Journal, a.t.JournalState, s.Journal.Entries, s.Journal.Checkpoint)
	a.field(a.t.Label.Proofs, a.t.ProofsState, s.Proofs.Round, s.Proofs.Pending)
	if s.Proofs.PendingSince != nil {
		a.field("", a.t.PendingSince, instant(*s.Proofs.PendingSince))
	}
	if s.Proofs.Problem != "" {
		a.field("", "%s", s.Proofs.Problem)
	}
	for _, alarm := range s.Alarms {
		a.field(a.t.Label.Alarm, "%s", alarm)
	}
}

// volume is one volume in a line: its state, and how far it is or why it is not in sync.
func (a *app) volume(v wire.VolumeStatus) string {
	line := v.Name + ": " + first(a.t.Storage.Volumes[v.State], v.State)
	switch {
	case v.Total > 0:
		line += fmt.Sprintf(", %d %%", min(99, 100*v.Done/v.Total))
	case v.Cause != "":
		line += ", " + a.t.Storage.Causes[v.Cause].With(a.t.Storage.Why(v.Detail))
	case v.Detail != "":
		line += ", " + a.t.Storage.Why(v.Detail)
	case v.FreeBytes >= 0:
		line += ", " + fmt.Sprintf(a.t.Free, a.size(v.FreeBytes))
	}
	return line
}

func (a *app) versionCommand() *cobra.Command {
	return a.command("version", a.t.Version, a.noArgs(), func(*cobra.Command, []string) error {
		return a.result(map[string]string{"version": version()}, func() { a.say("casemate %s\n", version()) })
	})
}

// release is set by packaging (-ldflags -X).
var release string

// version is what the build was stamped with: a release and its commit, a tag, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	commit := "devel"
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			commit = s.Value[:12]
		}
	}
	switch v := info.Main.Version; {
	case release != "":
		return release + " (" + commit + ")"
	case v != "" && v != "(devel)":
		return v
	}
	return commit
}

// exitCodesTopic is the table, as a help topic.
func (a *app) exitCodesTopic() *cobra.Command {
	long := a.t.ExitCodes.Long + "\n"
	for _, e := range exitCodes {
		long += fmt.Sprintf("\n  %3d  %-16s %s", e.code, e.name, e.meaning(a.t))
	}
	return &cobra.Command{Use: "exit-codes", Short: a.t.ExitCodes.Short, Long: long}
}
