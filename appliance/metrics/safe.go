package metrics

import (
	"time"

	"casemate/appliance/wire"
)

// reasons are the values of the label "reason" of casemate_not_ready.
var reasons = []string{wire.ReasonFault, wire.ReasonHangs, wire.ReasonStopping, wire.ReasonClock,
	wire.ReasonVolumes, wire.ReasonSpace, wire.ReasonToken}

// safe is what the safe says of itself; volumes.go has the rest.
var safe = []family{
	one("casemate_healthy", "1 while the safe works: what feeds its watchdog.",
		func(s *Snapshot) float64 { return truth(s.Alive) }),
	one("casemate_ready", "1 while a deposit would be taken.",
		func(s *Snapshot) float64 { return truth(s.Alive && len(s.Reasons) == 0) }),
	{name: "casemate_not_ready", help: "1 for each reason that stands against a deposit.", labels: []string{"reason"}, read: readReasons},
	one("casemate_demonstration", "1 where no key ceremony was held.", func(s *Snapshot) float64 { return truth(s.Safe.Demonstration) }),

	one("casemate_documents", "Documents in the safe.", func(s *Snapshot) float64 { return float64(s.Safe.Documents) }),
	one("casemate_documents_bytes", "Bytes of the files of all documents.", func(s *Snapshot) float64 { return float64(s.Safe.Bytes) }),
	counter("casemate_journal_entries_total", "Entries of the journal.", func(s *Snapshot) float64 { return float64(s.Safe.JournalSize) }),
	counter("casemate_journal_checkpoint_entries_total", "Entries under the last signed checkpoint.",
		func(s *Snapshot) float64 { return float64(s.Safe.CheckpointAt) }),

	counter("casemate_rounds_total", "Timestamp rounds since the safe was set up.", func(s *Snapshot) float64 { return float64(s.Safe.Round) }),
	moment("casemate_round_last_timestamp_seconds", "External time of the last timestamp round; none before the first.",
		func(s *Snapshot) time.Time { return s.Safe.RoundAt }),
	one("casemate_round_failing", "1 while the last attempt at a round failed.", func(s *Snapshot) float64 { return truth(s.Safe.RoundProblem != "") }),
	one("casemate_pending_documents", "Sealed documents that no external timestamp covers yet.",
		func(s *Snapshot) float64 { return float64(s.Safe.Pending) }),
	moment("casemate_pending_oldest_timestamp_seconds", "Since when the oldest of them waits; none when none waits.",
		func(s *Snapshot) time.Time { return s.Safe.PendingSince }),
	one("casemate_pending_late", "1 while the oldest waits longer than the alarm age.", func(s *Snapshot) float64 { return truth(s.Safe.Late) }),

	one("casemate_clock_trusted", "1 while the time servers bear the clock out.", func(s *Snapshot) float64 { return truth(s.Safe.Clock.Trusted) }),
	one("casemate_clock_offset_seconds", "The clock against its servers, as of the last comparison.",
		func(s *Snapshot) float64 { return s.Safe.Clock.Offset.Seconds() }),
	one("casemate_clock_root_distance_seconds", "How far the servers' time may be from the truth.",
		func(s *Snapshot) float64 { return s.Safe.Clock.RootDistance.Seconds() }),
	one("casemate_clock_refusing", "1 while nothing is sealed because of the clock.", func(s *Snapshot) float64 { return truth(s.Safe.ClockProblem != "") }),

	one("casemate_token_up", "1 while the token answers.", func(s *Snapshot) float64 { return truth(s.Token.Up) }),
	{name: "casemate_token_ping_seconds", help: "How long the token took over a small request, the last time; none while it does not answer.", read: readPing},
	one("casemate_token_failing", "1 while the last attempt to seal failed for the token.", func(s *Snapshot) float64 { return truth(s.Safe.TokenProblem != "") }),
	{name: "casemate_certificate_expiry_timestamp_seconds", help: "When a certificate in use ends.", labels: []string{"use"}, read: readCertificates},

	one("casemate_http_connections", "Connections open over HTTPS.", func(s *Snapshot) float64 { return float64(s.Connections) }),
	one("casemate_http_connections_limit", "Connections that may be open at once; more wait.", func(s *Snapshot) float64 { return float64(s.Most) }),
	{name: "casemate_state_free_bytes", help: "Free bytes of the file system of the state folder.", read: readStateFree},
}

func one(name, help string, value func(*Snapshot) float64) family {
	return family{name: name, help: help, read: func(s *Snapshot, is func(float64, ...string)) { is(value(s)) }}
}

func counter(name, help string, value func(*Snapshot) float64) family {
	f := one(name, help, value)
	f.counter = true
	return f
}

// moment is a time that may not be there: then there is no sample, which an alert can tell from 1970.
func moment(name, help string, at func(*Snapshot) time.Time) family {
	return family{name: name, help: help, read: func(s *Snapshot, is func(float64, ...string)) {
		if t := at(s); !t.IsZero() {
			is(unix(t))
		}
	}}
}

func readReasons(s *Snapshot, is func(float64, ...string)) {
	given := map[string]bool{}
	for _, r := range s.Reasons {
		given[r.Code] = true
	}
	for _, code := range reasons {
		is(truth(given[code]), code)
	}
}

func readPing(s *Snapshot, is func(float64, ...string)) {
	if s.Token.Up {
		is(s.Token.Took.Seconds())
	}
}

func readCertificates(s *Snapshot, is func(float64, ...string)) {
	for use, end := range s.Certificates {
		is(unix(end), use)
	}
}

func readStateFree(s *Snapshot, is func(float64, ...string)) {
	if s.StateFree >= 0 {
		is(float64(s.StateFree))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
