// Package proof holds the nouns of a deposit's evidence: identifiers, digests,
// the attestation, the manifests, the journal's checkpoint and inclusion proof,
// and the container that carries them. It is pure: bytes in, values out, no
// files, no clock, no keys of its own.
//
// Everything here that is hashed or signed has exactly one byte form. Parsers
// refuse any other spelling of the same value, so "parses" and "is what the
// safe would have written" are the same statement.
package proof

import "errors"

// Limits of what one deposit may carry. They keep every part of a receipt
// below its own limit (MaxMeta, MaxAttestation) whatever the names are.
const (
	MaxFiles       = 2048      // files in one object
	MaxName        = 1024      // bytes of a file's name
	MaxMetadata    = 64 << 10  // bytes of all metadata keys and values
	MaxMetadataKey = 256       // bytes of one metadata key
	MaxAttestation = 4 << 20   // bytes of attestation.json
	MaxMeta        = 1 << 20   // bytes of each other part of a receipt
	maxDepth       = 32        // nesting of JSON
	maxJSON        = 4 << 20   // bytes of JSON
	maxTreeSize    = 1<<62 - 1 // leaves; the tree library loops for ever above
)

// Errors a caller may test for. Each is wrapped with what was being read.
var (
	// ErrMalformed says that bytes are not what their format demands.
	ErrMalformed = errors.New("malformed")
	// ErrTooLarge says that bytes exceed the limit of their format.
	ErrTooLarge = errors.New("too large")
	// ErrInvalid says that a value would not make a valid attestation.
	ErrInvalid = errors.New("invalid value")
	// ErrSignature says that a checkpoint is not signed by the journal's key.
	ErrSignature = errors.New("checkpoint not signed by the journal's key")
	// ErrNotIncluded says that an inclusion proof does not reach the root.
	ErrNotIncluded = errors.New("entry not included in the checkpoint")
	// ErrContainer says that a receipt's container is not one the safe writes.
	ErrContainer = errors.New("not a receipt container")
)
