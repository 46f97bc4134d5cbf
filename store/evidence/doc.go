// Package evidence builds and verifies evidence records (RFC 4998): the proof
// that a group of objects existed when an independent authority signed one
// timestamp over many such groups.
//
// A round hashes the groups of a few minutes into one [Tree]; its root is what
// the authority stamps. Each group's record then holds the group's hashes, its
// path to the root and the token, and is complete in itself: neither the safe
// nor the other groups are needed to verify it.
//
// Where readers of RFC 4998 disagree, records are written so that all readings
// agree: hashes sorted as binary within each list, no list of a single hash to
// start with, digestAlgorithm always present, SHA-256 throughout.
package evidence

import "errors"

var (
	// ErrMalformed says that bytes are not an evidence record within this
	// package's limits.
	ErrMalformed = errors.New("malformed evidence record")

	// ErrUnsupported says that a record uses what this package does not
	// check: another hash function, encryption info, attributes.
	ErrUnsupported = errors.New("unsupported evidence record")

	// ErrMismatch says that a record does not prove the group it was held
	// against: an object was changed, is missing or was added, or a renewal
	// does not cover what it renews.
	ErrMismatch = errors.New("evidence record does not match")
)
