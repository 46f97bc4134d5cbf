// Package hsm is what the safe asks of a cryptographic token: a typed client
// of the process that alone holds the PKCS#11 module and the PIN. It has no
// cgo and no key; the other end is package module.
//
// Every call takes a context and fails with one of the sentinels below, so
// that a caller decides by errors.Is and never by a PKCS#11 number. Every call
// may be repeated: a checkpoint asked for twice is the same note, the others
// make a new signature or key that nobody has to use.
package hsm

import (
	"errors"
	"time"
)

var (
	// ErrUnavailable: the token or its process does not answer now; it is
	// being restarted by its supervisor. The same call may be made again.
	ErrUnavailable = errors.New("the token does not answer")
	// ErrBusy: a rate limit or a full queue. The same call may be made later.
	ErrBusy = errors.New("the token is busy")
	// ErrRefused: the process will not do what it was asked; asking again is
	// of no use. The text says why.
	ErrRefused = errors.New("the token process refused")
	// ErrConflict: the mirror's mark would go back; the one kept has a higher order number.
	ErrConflict = errors.New("the token keeps a newer mark")
	// ErrIntegrity: a wrapped key is not what this token wrapped. An alarm.
	ErrIntegrity = errors.New("a wrapped key was altered or belongs elsewhere")
	// ErrPIN: the token refused the PIN. It is not tried again until it changes.
	ErrPIN = errors.New("the token refused the PIN")
	// ErrAudit: a key in the token is not what the safe was set up with.
	ErrAudit = errors.New("a key in the token is not what the safe was set up with")
	// ErrNotSetUp: no token was set up for this safe.
	ErrNotSetUp = errors.New("the token was not set up")
)

// The kinds of key that NewKey makes.
const (
	KindVault   = "vault"   // the key at the top of one vault
	KindVolumes = "volumes" // the key that seals what stands on the volumes
)

// KeyContext says what a wrapped key is for. It is bound to the key under the
// root key and under the record's signature: a record presented with another
// context is ErrIntegrity.
type KeyContext struct {
	Kind    string // KindVault or KindVolumes
	ID      [16]byte
	Version uint32
}

// SealRequest is one document to seal: the attestation, canonical JSON as made
// by package proof, and the fingerprint.txt that goes with it.
type SealRequest struct {
	Attestation []byte `json:"attestation"`
	Fingerprint []byte `json:"fingerprint"`
}

// SealResult is the signature manifest and the detached CAdES signature over
// it, or, in Error, why this document was refused; the others of the call are
// not concerned.
type SealResult struct {
	Manifest  []byte `json:"manifest,omitempty"`
	Signature []byte `json:"signature,omitempty"`
	Error     string `json:"error,omitempty"`
}

// CertificateRequest asks the access authority for a client certificate. Only
// the common name, the organisation and the public key of the PKCS #10 request
// are taken, after its signature was checked; the usage is clientAuth, always.
type CertificateRequest struct {
	CSR      []byte        `json:"csr"`      // DER
	Validity time.Duration `json:"validity"` // nanoseconds; at most two years
}

// Token names the token as PKCS#11 CK_TOKEN_INFO does.
type Token struct {
	Label        string `json:"label"`
	Serial       string `json:"serial"`
	Model        string `json:"model"`
	Manufacturer string `json:"manufacturer"`
}

// Key describes one key of the safe in the token.
type Key struct {
	Kind    string `json:"kind"`
	Version uint32 `json:"version"`
	Label   string `json:"label"`
	Type    string `json:"type"`           // "AES-256", "P-256", "P-384", "RSA-3072"
	SPKI    []byte `json:"spki,omitempty"` // DER SubjectPublicKeyInfo; none for a secret key
}

// Where the mirror's mark is kept.
const (
	WitnessToken = "token" // a data object of the token, and a file of the token process
	WitnessFile  = "file"  // the file alone: the token keeps no data objects
)

// Info is the public face of the token: everything here may be published.
type Info struct {
	Origin        string   `json:"origin"`
	Demonstration bool     `json:"demonstration"` // no ceremony was held
	Token         Token    `json:"token"`
	WrapMethod    string   `json:"wrapMethod"`  // "aes-gcm", "aes-kwp" or "rsa-oaep"
	SealChain     [][]byte `json:"sealChain"`   // DER, leaf first, root last
	SealCRL       []byte   `json:"sealCRL"`     // DER
	JournalVKey   string   `json:"journalVKey"` // C2SP note verifier key
	AccessRoots   [][]byte `json:"accessRoots"` // DER
	TLSChain      [][]byte `json:"tlsChain"`    // DER, leaf first
	Keys          []Key    `json:"keys"`
	Witness       string   `json:"witness"` // WitnessToken or WitnessFile
}
