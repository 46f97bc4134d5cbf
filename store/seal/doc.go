// Package seal holds the two things that make a document safe to keep: the
// encryption under which its bytes are stored, and the signature by which the
// safe vouches for it.
//
// Encryption is AES-256-GCM throughout, under keys derived for one purpose
// each: a stream of 1 MiB segments for documents ([NewEncrypter]), small
// sealed records ([Encrypt]) and wrapped keys ([Wrap]). Whatever does not
// authenticate is [ErrCorrupt], and no byte of it is ever returned.
//
// The signature is a detached CAdES-B-B (ETSI EN 319 122-1) in DER, written
// once and never augmented: trusted time comes from the evidence record that
// covers it. [Signer.Sign] has one output form, and [VerifySignature] accepts
// that form and no other.
//
// The package also defines the certificate profiles those signatures rest on.
package seal

import "errors"

var (
	// ErrCorrupt says that ciphertext does not authenticate: it was altered,
	// truncated, reordered, moved to another place or made under another key.
	ErrCorrupt = errors.New("ciphertext does not authenticate")

	// ErrTooLong says that a stream holds more segments than its format numbers.
	ErrTooLong = errors.New("stream is too long")

	// ErrMalformed says that bytes are not a seal of this package's one form.
	ErrMalformed = errors.New("malformed seal")

	// ErrSignature says that a seal does not match its content or its signer's key.
	ErrSignature = errors.New("seal does not match")

	// ErrUntrusted says that a seal's certificate may not seal: no path to the
	// given roots, outside its profile or its validity, or not covered by its CRL.
	ErrUntrusted = errors.New("seal certificate is not trusted")

	// ErrRevoked says that the CRL beside the seal lists its certificate.
	ErrRevoked = errors.New("seal certificate is revoked")

	// ErrKey says that a key or certificate is of a kind this package does not use.
	ErrKey = errors.New("unsuitable key")
)
