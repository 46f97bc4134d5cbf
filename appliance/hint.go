package appliance

import (
	"errors"
	"io/fs"

	"casemate/appliance/decision"
	"casemate/appliance/storage"
	"casemate/hsm"
	"casemate/raid"
	"casemate/store"
	"casemate/store/identity"
	"casemate/store/timestamp"
)

// hints is the table of remedies for a person at the terminal.
var hints = []struct {
	err  error
	hint string
}{
	{ErrInitialised, "a second set-up would lose what the first holds: use it, or name other folders in the configuration"},
	{ErrConfig, "correct the file, or name another with --config; each key's meaning stands beside it in the message"},
	{ErrNotInitialised, "run casemated init with this configuration, or name another with --config"},
	{hsm.ErrPIN, "put the right PIN into the file or credential; a PIN that was refused is not tried again until it changes"},
	{hsm.ErrAudit, "a key in the token is not the one of the set-up: do not use this token before two persons have found out why"},
	{hsm.ErrNotSetUp, "no token of that label was set up for this safe: check [hsm] token, serial and module"},
	{hsm.ErrUnavailable, "see what the token process says (casemated hsm), and whether the module and the token are there"},
	{raid.ErrFork, refusedHint},
	{raid.ErrNotWitnessed, refusedHint},
	{raid.ErrRolledBack, refusedHint},
	{ErrNothingToDecide, "see casemated raid status"},
	{ErrNotInSync, "bring it up first: casemated raid status says how"},
	{storage.ErrUnknownVolume, "casemated raid status shows each volume's identity and folder"},
	{ErrUnknownChoice, "casemated raid decide tells the choices there are now"},
	{ErrNoStatement, "print one first: casemated raid decide CHOICE >decision.txt"},
	{decision.ErrTooOld, "print a new one and have it signed again: casemated raid decide CHOICE >decision.txt"},
	{decision.ErrStatement, "sign the file as casemated raid decide printed it, byte for byte"},
	{decision.ErrTwoPersons, "two officers of the table of callers sign, each with his own certificate and key: nobody signs for another"},
	{identity.ErrRevoked, "an officer whose certificate is in force signs"},
	{decision.ErrOfficer, "the signer must stand in the table of callers with the role officer, by issuer and serial number"},
	{decision.ErrSignature, "sign with: openssl cms -sign -binary -in decision.txt -signer me.crt -inkey me.key -outform DER -out me.p7s"},
	{raid.ErrFull, "free space on the volumes, or raise their size; what was refused was not kept"},
	{raid.ErrReadOnly, "one volume is left and does not take writes: see casemated doctor, then replace the other"},
	{store.ErrIntegrity, "do not write any more: run casemated fsck and keep what it says"},
	{timestamp.ErrMark, "the record of the last attested time is damaged: two persons decide to start without it"},
	{timestamp.ErrTimeWentBack, "the machine's clock is behind what was already attested: correct it, then start again"},
	{fs.ErrPermission, "run as root or as the user that the unit file names"},
}

const refusedHint = "nothing was changed; casemated raid decide tells what two officers may decide, and what each choice would lose"

// Hint gives the remedy that goes with an error, or nothing.
func Hint(err error) string {
	for _, h := range hints {
		if errors.Is(err, h.err) {
			return h.hint
		}
	}
	return ""
}
