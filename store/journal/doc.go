// Package journal keeps the safe's record of what was done: entries chained by
// digest, leaves of one RFC 6962 tree whose head the token signs elsewhere.
//
// An entry is written in the same transaction as what it tells of, so neither
// exists without the other. It is one key: prefix ‖ number (big-endian, dense
// from 0). Its value holds the entry and the tree hashes it completes, so the
// tree is never ahead of the entries or behind them.
//
// The package writes nothing by itself and signs nothing: it puts keys into a
// transaction that its caller commits, and gives roots and proofs of what was
// committed.
package journal

import "errors"

var (
	// ErrNotFound says that no committed entry has that number.
	ErrNotFound = errors.New("no such journal entry")
	// ErrBroken says that the stored journal contradicts itself: bytes that are
	// not those written, a chain that does not join, a gap between entries.
	ErrBroken = errors.New("the journal contradicts itself")
	// ErrInvalid says that a draft cannot be an entry.
	ErrInvalid = errors.New("not a journal entry")
)

// MaxEntry is the largest entry in bytes of canonical JSON.
const MaxEntry = 64 << 10
