package api

import (
	"encoding/hex"
	"fmt"
	"time"

	"casemate/appliance/wire"
	"casemate/raid"
	"casemate/store"
	"casemate/store/journal"
	"casemate/store/proof"
)

func vaultOf(v store.Vault) wire.Vault {
	return wire.Vault{ID: v.ID.String(), Name: v.Name, Documents: v.Documents, Bytes: v.Bytes, Created: v.Created.UTC()}
}

func documentOf(d store.Document) wire.Document {
	a := d.Attestation
	out := wire.Document{
		ID: d.ID.String(), Vault: d.Vault.String(), VaultName: d.VaultName, Number: d.Number,
		State: wire.Provisional, Demonstration: a.Demonstration,
		Depositor: wire.Party(a.Depositor), Files: make([]wire.File, 0, len(a.Files)), Size: a.Size,
		Fingerprint: digestsOf(a.Fingerprint), Metadata: a.Metadata,
		DeclaredAt: a.DeclaredAt.UTC(), Clock: clockOf(a.Clock), Round: d.Round, ProvedAt: instant(d.ProvedAt),
	}
	if d.Round != 0 {
		out.State = wire.Proved
	}
	if out.Metadata == nil {
		out.Metadata = map[string]string{}
	}
	if a.NotBefore != nil {
		out.NotBefore = instant(a.NotBefore.At)
	}
	for _, f := range a.Files {
		sum := digestsOf(f.Digests)
		out.Files = append(out.Files, wire.File{
			Index: f.Index, Name: f.Name, MediaType: f.MediaType, Size: f.Size, SHA256: sum.SHA256, SHA3: sum.SHA3,
		})
	}
	return out
}

func digestsOf(d proof.Digests) wire.Digests {
	return wire.Digests{SHA256: hex.EncodeToString(d.SHA256[:]), SHA3: hex.EncodeToString(d.SHA3[:])}
}

func clockOf(c proof.Clock) wire.Clock {
	return wire.Clock{
		Trusted: c.Trusted, Reason: c.Reason, OffsetNs: c.Offset.Nanoseconds(),
		RootDistanceNs: c.RootDistance.Nanoseconds(), Stratum: c.Stratum, Sources: append([]string{}, c.Sources...),
	}
}

// instant is nil for the zero time.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func checkOf(r store.CheckReport) wire.Check {
	out := wire.Check{OK: r.OK, Provisional: r.Provisional, At: r.At.UTC(), Steps: make([]wire.Step, 0, len(r.Steps))}
	for _, s := range r.Steps {
		out.Steps = append(out.Steps, wire.Step(s))
	}
	return out
}

func entryOf(e journal.Entry) wire.Entry {
	return wire.Entry{
		Seq: e.Seq, At: e.At.UTC(), Actor: wire.Actor(e.Actor), Act: e.Act, Vault: e.Vault, Object: e.Object,
		Result: e.Result, Reason: e.Reason, Refs: e.Refs, Prev: hex.EncodeToString(e.Prev[:]),
	}
}

// statusOf turns what is wrong into sentences; the safe is OK when there is none.
func statusOf(s store.Status, version string) wire.Status {
	out := wire.Status{
		Safe: s.Origin, Version: version, Demonstration: s.Demonstration, At: s.Now.UTC(), Alarms: []string{},
		Clock:   clockOf(s.Clock),
		Journal: wire.JournalStatus{Entries: s.JournalSize, Checkpoint: s.CheckpointAt},
		Proofs: wire.ProofStatus{
			Round: s.Round, RoundAt: instant(s.RoundAt), Pending: s.Pending,
			PendingSince: instant(s.PendingSince), Problem: s.RoundProblem,
		},
	}
	out.Storage = storageOf(s)
	alarm := func(when bool, sentence string) {
		if when {
			out.Alarms = append(out.Alarms, sentence)
		}
	}
	alarm(s.Fault != "", "The safe has stopped working: "+s.Fault)
	alarm(s.Volumes.ReadOnly, "The volumes take no writes: "+s.Volumes.Why)
	for _, v := range out.Storage.Volumes {
		alarm(v.State != string(raid.InSync) && v.State != string(raid.Spare), fmt.Sprintf("Volume %s is %s: %s", v.Name, v.State, v.Detail))
	}
	alarm(s.ClockProblem != "", "The safe seals nothing, its clock is not trusted: "+s.ClockProblem)
	alarm(s.TokenProblem != "", "The safe seals nothing, its token does not answer: "+s.TokenProblem)
	alarm(s.Late, "Documents wait too long for an external timestamp: "+s.RoundProblem)
	out.OK = len(out.Alarms) == 0
	return out
}
