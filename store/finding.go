package store

import "fmt"

// Code names the kind of a finding, for whoever has words in another language for it.
type Code string

// The codes.
const (
	CodeDamaged  Code = "value-damaged"    // a stored value does not read as it was written
	CodeMissing  Code = "value-missing"    // a volume lacks a value that its twin has
	CodeAudit    Code = "volume-audit"     // what the mirror's own audit says: replay, transposition, chain of batches
	CodeJournal  Code = "journal"          // an entry, the chain or the tree of the journal
	CodeRound    Code = "round"            // a timestamp round
	CodeVault    Code = "vault"            // a vault's record, key or tally
	CodeRecord   Code = "record"           // a document's record does not open
	CodeProof    Code = "document"         // a document, its seal or its proofs are not what they were
	CodeIndex    Code = "index"            // an index does not lead to a document
	CodeGap      Code = "gap"              // a number that nothing explains
	CodeGone     Code = "document-missing" // the journal tells of a document that is not there
	CodeOrphan   Code = "orphan"           // segments of no document
	CodeStranger Code = "document-unknown" // a document of which the journal does not tell
)

// Finding is something found wrong.
type Finding struct {
	Volume   string `json:"volume,omitempty"` // directory of the volume; empty if it is not about one
	What     string `json:"what"`             // the thing, by identifier
	Code     Code   `json:"code,omitempty"`
	Detail   string `json:"detail"`
	Remedy   string `json:"remedy,omitempty"` // what a person does; empty when it was repaired
	Repaired bool   `json:"repaired,omitempty"`
}

// Remedies, for a person.
const (
	remedyRepair = "A good copy is on another volume: run `casemated fsck --repair`, or `casemated raid scrub start` while the safe serves."
	remedyLost   = "No volume in sync has a good copy. If a volume is missing or detached, bring it back (`casemated raid status`); keep this volume as it is and call whoever looks after the safe."
	remedyAlone  = "There is no other volume in sync to take a good copy from. Bring one back (`casemated raid status`), then run `casemated fsck --repair`."
	remedyOrphan = "No document is harmed and nothing is to be done: these bytes only take room. Tell whoever looks after the safe."
	remedyReturn = "See `casemated raid status`, and check again when it is in sync."
	remedyBeyond = "No disk does this by itself: values are whole and authentic, yet they disagree. Keep all volumes as they are, detach one as evidence and call whoever looks after the safe."
)

// remedy says what to do about a finding that was not repaired.
func (c Code) remedy(repair, twin bool) string {
	switch {
	case c == CodeOrphan:
		return remedyOrphan
	case c == CodeGap || c == CodeGone || c == CodeStranger:
		return remedyBeyond
	case !twin:
		return remedyAlone
	case repair:
		return remedyLost
	default:
		return remedyRepair
	}
}

// Todo names what a person does about a finding, for whoever has words in another language for it:
// repair, lost, alone, beyond, return; empty where nothing is to be done.
func (f Finding) Todo() string {
	return map[string]string{remedyRepair: "repair", remedyLost: "lost", remedyAlone: "alone", remedyBeyond: "beyond", remedyReturn: "return", remedyOrphan: "orphan"}[f.Remedy]
}

// FsckOptions says what a complete check looks at. The zero value is all volumes in sync, changing
// nothing.
type FsckOptions struct {
	Volumes []int // slots; empty: every volume in sync
	Repair  bool  // what has a good copy elsewhere is written again, and checked again
}

// FsckReport is the outcome of a complete check.
type FsckReport struct {
	Journal    uint64         // entries re-read and re-hashed, on the volume that has most
	Documents  uint64         // documents controlled on each volume, on the one that has most
	Bytes      uint64         // of their files
	Rounds     uint64         //
	Values     uint64         // stored values authenticated beyond those, over all volumes
	Repaired   uint64         // values written again and read back right
	Volumes    []VolumeReport // each volume alone
	Findings   []Finding      // at most maxFindings
	More       uint64         // findings beyond those
	Unrepaired uint64         // findings that stand
}

// VolumeReport is what was looked at on one volume alone.
type VolumeReport struct {
	Slot      int    `json:"-"`
	ID        string `json:"id"`
	Dir       string `json:"dir"`
	Complete  bool   `json:"complete"` // it was read to its end
	Journal   uint64 `json:"journal,string"`
	Rounds    uint64 `json:"rounds,string"`
	Documents uint64 `json:"documents,string"`
	Bytes     uint64 `json:"bytes,string"` // of documents' files, deciphered and digested
	Values    uint64 `json:"values,string"`
	Repaired  uint64 `json:"repaired,string"`
	Findings  uint64 `json:"findings,string"`
}

// maxFindings bounds what a report names one by one.
const maxFindings = 500

// OK says that nothing is wrong any more.
func (r FsckReport) OK() bool { return r.Unrepaired == 0 }

// add takes a finding in; beyond maxFindings it is counted.
func (r *FsckReport) add(f Finding) {
	if !f.Repaired {
		r.Unrepaired++
	}
	if len(r.Findings) >= maxFindings {
		r.More++
		return
	}
	r.Findings = append(r.Findings, f)
}

// with gives the report with one volume's figures summed up.
func (r FsckReport) with(v VolumeReport) FsckReport {
	r.Journal, r.Documents, r.Bytes = max(r.Journal, v.Journal), max(r.Documents, v.Documents), max(r.Bytes, v.Bytes)
	r.Rounds = max(r.Rounds, v.Rounds)
	r.Values += v.Values
	r.Repaired += v.Repaired
	return r
}

func (f Finding) String() string {
	return fmt.Sprintf("%s: %s: %s", f.Volume, f.What, f.Detail)
}
