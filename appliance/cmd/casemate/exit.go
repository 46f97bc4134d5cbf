package main

// Exit codes. They never change their meaning; the catalogue describes each.
const (
	exitOK          = 0
	exitGeneral     = 1
	exitUsage       = 2
	exitRefused     = 3
	exitNotFound    = 4
	exitIntegrity   = 5
	exitUnavailable = 6
	exitUnknown     = 7
	exitDifferent   = 8
	exitNotProved   = 9
	exitAlarm       = 10
	exitInterrupted = 130
)

// exitCodes is the one table: code, stable name (in the errors of --json), meaning.
var exitCodes = []struct {
	code    int
	name    string
	meaning func(*catalogue) string
}{
	{exitOK, "ok", func(t *catalogue) string { return t.Exit.OK }},
	{exitGeneral, "general", func(t *catalogue) string { return t.Exit.General }},
	{exitUsage, "usage", func(t *catalogue) string { return t.Exit.Usage }},
	{exitRefused, "refused", func(t *catalogue) string { return t.Exit.Refused }},
	{exitNotFound, "not-found", func(t *catalogue) string { return t.Exit.NotFound }},
	{exitIntegrity, "integrity", func(t *catalogue) string { return t.Exit.Integrity }},
	{exitUnavailable, "unavailable", func(t *catalogue) string { return t.Exit.Unavailable }},
	{exitUnknown, "unknown-outcome", func(t *catalogue) string { return t.Exit.Unknown }},
	{exitDifferent, "different", func(t *catalogue) string { return t.Exit.Different }},
	{exitNotProved, "not-proved", func(t *catalogue) string { return t.Exit.NotProved }},
	{exitAlarm, "alarm", func(t *catalogue) string { return t.Exit.Alarm }},
	{exitInterrupted, "interrupted", func(t *catalogue) string { return t.Exit.Interrupted }},
}

func exitName(code int) string {
	for _, e := range exitCodes {
		if e.code == code {
			return e.name
		}
	}
	return "general"
}
