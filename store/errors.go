package store

import "errors"

// What a caller can be told. Every error of this package wraps one of these or is internal.
var (
	// ErrUnknownVault says that no vault of that name exists, or none that the caller may know of.
	ErrUnknownVault = errors.New("no vault of that name")
	// ErrUnknownDocument says that no document has that identifier, or none that the caller may know of.
	ErrUnknownDocument = errors.New("no document of that identifier")
	// ErrVaultExists refuses a second vault of the same name.
	ErrVaultExists = errors.New("a vault of that name exists already")
	// ErrBadName refuses a vault or file name outside what is written down in this package.
	ErrBadName = errors.New("name not accepted")
	// ErrMetadata refuses metadata that is too large or not plain text.
	ErrMetadata = errors.New("metadata not accepted")
	// ErrTooManyFiles refuses an object of more than MaxFiles files.
	ErrTooManyFiles = errors.New("too many files in one object")
	// ErrEmptyObject refuses an object without any file (a file of no bytes is accepted).
	ErrEmptyObject = errors.New("an object has at least one file")
	// ErrDigestMismatch refuses a deposit whose bytes are not those announced; nothing is kept.
	ErrDigestMismatch = errors.New("the bytes received are not those announced")
	// ErrMalformed refuses a deposit whose form cannot be read; the error it wraps says why.
	ErrMalformed = errors.New("the deposit is not well-formed")
	// ErrIncomplete refuses a deposit whose body ended early; nothing is kept.
	ErrIncomplete = errors.New("the body ended before its end")
	// ErrSealUnavailable says that the token did not answer in time; nothing is kept, try again.
	ErrSealUnavailable = errors.New("the sealing token does not answer")
	// ErrTimeUntrusted refuses to seal while the clock can't be trusted and the policy says refuse.
	ErrTimeUntrusted = errors.New("the time is not trusted")
	// ErrStorage says that the volumes take no writes; nothing is kept.
	ErrStorage = errors.New("the volumes take no writes")
	// ErrIntegrity says that stored bytes are not what was sealed. They are not given out.
	ErrIntegrity = errors.New("stored bytes are not those that were sealed")
	// ErrForbidden refuses an act on a vault that the caller may not use.
	ErrForbidden = errors.New("not allowed on this vault")
	// ErrNoScrub says that there is no scrub to pause.
	ErrNoScrub = errors.New("no scrub is under way")
	// ErrQuery refuses a malformed query.
	ErrQuery = errors.New("query not accepted")
	// ErrClosed says that the safe has stopped.
	ErrClosed = errors.New("the safe has stopped")
)
