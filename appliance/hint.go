package appliance

import (
	"errors"
	"io/fs"

	"casemate/appliance/backup"
	"casemate/appliance/decision"
	"casemate/appliance/storage"
	"casemate/appliance/words"
	"casemate/hsm"
	"casemate/raid"
	"casemate/store"
	"casemate/store/identity"
	"casemate/store/timestamp"
	"casemate/systemd"
)

// codes gives the errors that a person at the terminal may meet the names under which package words
// has a sentence and a remedy for them. The first that fits counts.
var codes = []struct {
	err  error
	code string
}{
	{ErrInitialised, "initialised"},
	{ErrConfig, "config"},
	{ErrNotInitialised, "not-initialised"},
	{hsm.ErrPIN, "token-pin"},
	{ErrPINForm, "pin-form"},
	{ErrOtherPIN, "pin-other"},
	{systemd.ErrCreds, "creds"},
	{hsm.ErrAudit, "token-audit"},
	{hsm.ErrNotSetUp, "token-not-set-up"},
	{hsm.ErrUnavailable, "token-away"},
	{raid.ErrFork, "fork"},
	{raid.ErrNotWitnessed, "not-witnessed"},
	{raid.ErrRolledBack, "rolled-back"},
	{raid.ErrNoChoice, "unknown-choice"},
	{ErrNothingToDecide, "nothing-to-decide"},
	{ErrNotInSync, "not-in-sync"},
	{storage.ErrUnknownVolume, "unknown-volume"},
	{ErrUnknownChoice, "unknown-choice"},
	{ErrNoStatement, "no-statement"},
	{decision.ErrTooOld, "statement-too-old"},
	{decision.ErrStatement, "statement-other"},
	{decision.ErrTwoPersons, "two-persons"},
	{identity.ErrRevoked, "officer-revoked"},
	{decision.ErrOfficer, "not-an-officer"},
	{decision.ErrSignature, "signature"},
	{raid.ErrOutrun, "outrun"},
	{raid.ErrFull, "full"},
	{raid.ErrReadOnly, "read-only"},
	{raid.ErrUnavailable, "volumes-away"},
	{store.ErrIntegrity, "integrity"},
	{ErrNoMedium, "no-medium"},
	{ErrSafesDisk, "safes-disk"},
	{backup.ErrNone, "backup-none"},
	{backup.ErrFull, "medium-full"},
	{backup.ErrMedium, "medium"},
	{backup.ErrForeign, "backup-foreign"},
	{backup.ErrGivenUp, "backup-given-up"},
	{backup.ErrExposed, "key-exposed"},
	{backup.ErrKey, "recovery-key"},
	{backup.ErrRecipient, "recipient"},
	{backup.ErrBusy, "backup-busy"},
	{backup.ErrBroken, "backup-broken"},
	{store.ErrDrillFailed, "drill-failed"},
	{ErrStillRunning, "still-running"},
	{ErrUnproved, "backup-unproved"},
	{raid.ErrExists, "volume-there"},
	{timestamp.ErrMark, "time-mark"},
	{timestamp.ErrTimeWentBack, "time-went-back"},
	{ErrBroken, "broken"},
	{fs.ErrPermission, "permission"},
	{fs.ErrNotExist, "no-such-file"},
}

// Explain gives the words for an error in a language, en or fr, and the remedy that goes with it, if
// there is one. English has the error's own words; in another language they stand behind, in brackets:
// they name the file, the key, the disk.
func Explain(err error, language string) (message, hint string) {
	for _, known := range codes {
		if errors.Is(err, known.err) {
			said := words.Errors(language)[known.code]
			return said.With(err.Error()), said.Hint
		}
	}
	return err.Error(), ""
}

// codeOf is the name of an error, as it travels to a command; empty for one without.
func codeOf(err error) string {
	for _, known := range codes {
		if errors.Is(err, known.err) {
			return known.code
		}
	}
	return ""
}
