package proof

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Type and version of the attestation this package reads and writes.
const (
	AttestationTyp = "casemate/deposit-attestation"
	AttestationV   = "1"
)

// Attestation is what the safe states about one deposit, and what the token
// seals. Its bytes are RFC 8785 JSON; integers are decimal strings there.
type Attestation struct {
	Typ, V        string
	Safe          string     // origin of the journal
	Demonstration bool       // no key ceremony was held
	Document      DocumentID //
	Vault         VaultID    //
	Number        uint64     // dense in its vault, from 1: a gap is visible
	Depositor     Party
	Files         []File // indexes 1, 2, 3…
	Size          int64  // bytes of all files
	Fingerprint   Digests
	Metadata      map[string]string // as deposited, never normalised
	DeclaredAt    time.Time         // the safe's own word, UTC, milliseconds
	Clock         Clock             // and what that word is worth
	NotBefore     *External         // nil while no external token is known
	KeyCommitment [32]byte          // binds the ciphertext to one key
}

// Party is a caller as the access authority knows him: by issuer key and
// serial; the name is for people.
type Party struct {
	Name   string `json:"name"`
	Issuer string `json:"issuer"` // lower-case hex SHA-256 of the issuer's SPKI
	Serial string `json:"serial"` // lower-case hex
}

// Clock is the state of the safe's clock when it declared a time.
type Clock struct {
	Trusted      bool          `json:"trusted"`
	Reason       string        `json:"reason"` // why it is not trusted; empty if it is
	Offset       time.Duration `json:"offset,string"`
	RootDistance time.Duration `json:"rootDistance,string"`
	Stratum      int           `json:"stratum,string"`
	Sources      []string      `json:"sources"`
}

// External is an instant an independent authority vouched for before the seal:
// the document was sealed after it.
type External struct {
	Token [32]byte  // SHA-256 of the token's DER
	At    time.Time // its genTime, UTC, cut to milliseconds
}

// Marshal validates the attestation and writes its only byte form. Empty Typ
// and V are filled in; times are cut to UTC milliseconds.
func (a Attestation) Marshal() ([]byte, error) {
	if a.Typ == "" && a.V == "" {
		a.Typ, a.V = AttestationTyp, AttestationV
	}
	if err := a.validate(); err != nil {
		return nil, fmt.Errorf("writing attestation: %w", err)
	}
	b, err := Canonical(toWire(a))
	if err != nil {
		return nil, fmt.Errorf("writing attestation: %w", err)
	}
	if len(b) > MaxAttestation {
		return nil, fmt.Errorf("writing attestation: %w", ErrTooLarge)
	}
	return b, nil
}

// ParseAttestation reads attestation.json. It accepts exactly the bytes Marshal
// writes for the value it returns.
func ParseAttestation(b []byte) (Attestation, error) {
	if len(b) > MaxAttestation {
		return Attestation{}, fmt.Errorf("reading attestation: %w", ErrTooLarge)
	}
	// Decoded leniently, then written again: what duplicate or unknown keys, other cases, escapes
	// or trailing bytes could say shows as a difference. The token parses every attestation it
	// seals, so this is on the path of each deposit.
	var w attestationWire
	if err := json.Unmarshal(b, &w); err != nil {
		return Attestation{}, fmt.Errorf("reading attestation: %w: %w", ErrMalformed, err)
	}
	a := w.value()
	again, err := a.Marshal()
	if err != nil {
		return Attestation{}, fmt.Errorf("reading attestation: %w: %w", ErrMalformed, err)
	}
	if !bytes.Equal(again, b) {
		return Attestation{}, fmt.Errorf("reading attestation: %w: not in canonical form", ErrMalformed)
	}
	return a, nil
}

// MarshalJSON writes the wire form, for embedding in other JSON.
func (a Attestation) MarshalJSON() ([]byte, error) { return a.Marshal() }

// UnmarshalJSON reads the wire form from inside other JSON, where white space
// and order may have changed; ParseAttestation is the strict reader.
func (a *Attestation) UnmarshalJSON(b []byte) error {
	var w attestationWire
	if err := ParseStrict(b, &w); err != nil {
		return err
	}
	*a = w.value()
	return a.validate()
}
