// Package verify is what an outsider does with a receipt: everything it proves
// is checked again from its bytes, the documents, and three roots the outsider
// has from elsewhere. No safe, no token, no network.
//
// The safe's own control runs this very code.
package verify

import "errors"

// What a receipt can fail by. Receipt joins one for each step that failed.
var (
	// ErrTrust says that the trust material is missing, unreadable or mixed.
	ErrTrust = errors.New("the trust material cannot be used")
	// ErrContainer says that the file is not a receipt the safe writes.
	ErrContainer = errors.New("not a receipt")
	// ErrInconsistent says that parts of the receipt do not belong together.
	ErrInconsistent = errors.New("the receipt contradicts itself")
	// ErrDocument says that a document is not the one attested.
	ErrDocument = errors.New("a document is not the one deposited")
	// ErrMissing says that a document is neither in the receipt nor given.
	ErrMissing = errors.New("a document is missing")
	// ErrEvidence says that the evidence record or a token in it proves nothing.
	ErrEvidence = errors.New("the time of the deposit is not proved")
	// ErrSeal says that the seal is not the safe's.
	ErrSeal = errors.New("the seal does not hold")
	// ErrJournal says that the safe's journal does not hold this deposit.
	ErrJournal = errors.New("the journal does not hold this deposit")
	// ErrTimes says that the times stated cannot all be true.
	ErrTimes = errors.New("the times stated contradict one another")
)
