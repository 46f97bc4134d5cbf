// Package backup is a safe on a removable medium: what the files in a backup's folder are, how they are
// written so that nothing but a whole backup counts, and how they are read, believing nothing.
//
// A folder holds numbered backups. One is whole, or an increment on the one before; a whole one begins a
// series. What is in it is encrypted under a key of its own, which the recovery certificates open; the
// values inside are still sealed as they are on the volumes. DESIGN.md has the formats and the faults.
package backup

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
)

// Errors of a backup and of reading one.
var (
	// ErrNone is a folder without a backup.
	ErrNone = errors.New("there is no backup in the folder")
	// ErrBroken is a backup that is not as it was written: a file missing, altered, cut off or of another
	// backup.
	ErrBroken = errors.New("the backup is not as it was written")
	// ErrFull is a medium without room. What was there before is untouched.
	ErrFull = errors.New("the medium has not enough room")
	// ErrMedium is a medium that failed or is gone. What was there before is untouched as far as the medium is.
	ErrMedium = errors.New("the medium cannot be written or read")
	// ErrRecipient is a certificate that no backup can be made for.
	ErrRecipient = errors.New("this cannot be a recovery certificate")
	// ErrKey is a recovery key that does not open the backup.
	ErrKey = errors.New("this key does not open the backup")
	// ErrForeign is a backup that this safe did not make.
	ErrForeign = errors.New("this safe did not make the backup")
	// ErrGivenUp is a folder whose newest backup holds what this safe gave up when an older state was restored.
	ErrGivenUp = errors.New("the newest backup in the folder is of a history that this safe gave up")
	// ErrBusy refuses a second backup or drill beside another.
	ErrBusy = errors.New("a backup or a drill is under way already")
)

// Why a backup is whole although an increment was wanted, beside what the mirror says. They are codes: whoever
// speaks to a person has words for them.
const (
	WhyBroken  = "the backup before, or one it stands on, is not as it was written"
	WhyDamaged = "values were damaged on every volume when the backup before was taken, and may have been repaired since"
)

// Names of the files of one backup.
const (
	kindManifest   = "manifest"
	kindRecipients = "recipients"
	kindData       = "data"
	kindKeys       = "keys"
	kindBox        = "box"
)

var (
	fileName = regexp.MustCompile(`^(\d{6})\.(manifest|recipients|data|keys|box)(-\d{3})?$`)
	partName = regexp.MustCompile(`^\.(\d{6})\.(manifest|recipients|data|keys|box)(-\d{3})?\.part$`)
)

// maxNumber bounds the number of backups in one folder.
const maxNumber = 999999

func nameOf(number uint64, kind string) string { return fmt.Sprintf("%06d.%s", number, kind) }

// parseName takes a file's name apart; false if it is none of ours.
func parseName(name string) (number uint64, kind string, ok bool) {
	m := fileName.FindStringSubmatch(name)
	if m == nil || (m[3] != "") != (m[2] != kindManifest && m[2] != kindRecipients) {
		return 0, "", false
	}
	n, err := strconv.ParseUint(m[1], 10, 64)
	return n, m[2], err == nil && n > 0
}
