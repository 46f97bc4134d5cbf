package proof

import (
	"encoding/hex"
	"fmt"
	"time"
)

// The wire form of an attestation, field by field, in RFC 8785's order of names: what
// encoding/json writes of it is canonical as it is.
type attestationWire struct {
	Clock         clockWire         `json:"clock"`
	DeclaredAt    stamp             `json:"declaredAt"`
	Demonstration bool              `json:"demonstration"`
	Depositor     partyWire         `json:"depositor"`
	Document      DocumentID        `json:"document"`
	Files         []fileWire        `json:"files"`
	Fingerprint   hexDigests        `json:"fingerprint"`
	KeyCommitment hex32             `json:"keyCommitment"`
	Metadata      map[string]string `json:"metadata"`
	NotBefore     *externalWire     `json:"notBefore,omitempty"`
	Number        uint64            `json:"number,string"`
	Safe          string            `json:"safe"`
	Size          int64             `json:"size,string"`
	Typ           string            `json:"typ"`
	V             string            `json:"v"`
	Vault         VaultID           `json:"vault"`
}

type clockWire struct {
	Offset       time.Duration `json:"offset,string"`
	Reason       string        `json:"reason"`
	RootDistance time.Duration `json:"rootDistance,string"`
	Sources      []string      `json:"sources"`
	Stratum      int           `json:"stratum,string"`
	Trusted      bool          `json:"trusted"`
}

type partyWire struct {
	Issuer string `json:"issuer"`
	Name   string `json:"name"`
	Serial string `json:"serial"`
}

type fileWire struct {
	Digests   hexDigests `json:"digests"`
	Index     int        `json:"index,string"`
	MediaType string     `json:"mediaType"`
	Name      string     `json:"name"`
	Size      int64      `json:"size,string"`
}

// hexDigests is Digests without its own strict reader: whoever reads an attestation writes it again
// and compares.
type hexDigests struct {
	SHA256 hex32 `json:"sha256"`
	SHA3   hex32 `json:"sha3-256"`
}

func toHex(d Digests) hexDigests { return hexDigests{d.SHA256, d.SHA3} }

func (h hexDigests) value() Digests { return Digests{SHA256: h.SHA256, SHA3: h.SHA3} }

type externalWire struct {
	At    stamp `json:"at"`
	Token hex32 `json:"token"`
}

func toWire(a Attestation) attestationWire {
	w := attestationWire{
		Typ: a.Typ, V: a.V, Safe: a.Safe, Demonstration: a.Demonstration,
		Document: a.Document, Vault: a.Vault, Number: a.Number, Depositor: partyWire{a.Depositor.Issuer, a.Depositor.Name, a.Depositor.Serial},
		Files: make([]fileWire, len(a.Files)), Size: a.Size, Fingerprint: toHex(a.Fingerprint),
		Metadata: a.Metadata, DeclaredAt: stamp(a.DeclaredAt), Clock: toClockWire(a.Clock),
		KeyCommitment: a.KeyCommitment,
	}
	for i, f := range a.Files {
		w.Files[i] = fileWire{toHex(f.Digests), f.Index, f.MediaType, f.Name, f.Size}
	}
	if w.Metadata == nil {
		w.Metadata = map[string]string{}
	}
	if w.Clock.Sources == nil {
		w.Clock.Sources = []string{}
	}
	if a.NotBefore != nil {
		w.NotBefore = &externalWire{Token: a.NotBefore.Token, At: stamp(a.NotBefore.At)}
	}
	return w
}

func toClockWire(c Clock) clockWire {
	return clockWire{c.Offset, c.Reason, c.RootDistance, c.Sources, c.Stratum, c.Trusted}
}

func (c clockWire) value() Clock {
	return Clock{Trusted: c.Trusted, Reason: c.Reason, Offset: c.Offset, RootDistance: c.RootDistance, Stratum: c.Stratum, Sources: c.Sources}
}

func (w attestationWire) value() Attestation {
	a := Attestation{
		Typ: w.Typ, V: w.V, Safe: w.Safe, Demonstration: w.Demonstration,
		Document: w.Document, Vault: w.Vault, Number: w.Number, Depositor: Party{Name: w.Depositor.Name, Issuer: w.Depositor.Issuer, Serial: w.Depositor.Serial},
		Files: make([]File, len(w.Files)), Size: w.Size, Fingerprint: w.Fingerprint.value(),
		Metadata: w.Metadata, DeclaredAt: time.Time(w.DeclaredAt), Clock: w.Clock.value(),
		KeyCommitment: w.KeyCommitment,
	}
	for i, f := range w.Files {
		a.Files[i] = File{Index: f.Index, Name: f.Name, MediaType: f.MediaType, Size: f.Size, Digests: f.Digests.value()}
	}
	if w.NotBefore != nil {
		a.NotBefore = &External{Token: w.NotBefore.Token, At: time.Time(w.NotBefore.At)}
	}
	return a
}

// TimeLayout is how every instant is written: RFC 3339, UTC, milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// stamp is an instant in TimeLayout.
type stamp time.Time

func (s stamp) MarshalText() ([]byte, error) {
	t := time.Time(s).UTC()
	if y := t.Year(); y < 1970 || y > 9999 {
		return nil, fmt.Errorf("%w: year %d", ErrInvalid, y)
	}
	return []byte(t.Format(TimeLayout)), nil
}

func (s *stamp) UnmarshalText(b []byte) error {
	t, err := ParseTime(string(b))
	*s = stamp(t)
	return err
}

// FormatTime writes t in TimeLayout, cut to milliseconds.
func FormatTime(t time.Time) string { return t.UTC().Format(TimeLayout) }

// ParseTime reads TimeLayout and nothing else.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(TimeLayout, s)
	if err != nil || t.Format(TimeLayout) != s {
		return time.Time{}, fmt.Errorf("%w: time %q is not like %s", ErrMalformed, s, TimeLayout)
	}
	return t, nil
}

// hex32 is 32 bytes in lower-case hexadecimal.
type hex32 [32]byte

func (h hex32) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h[:])), nil }

func (h *hex32) UnmarshalText(b []byte) (err error) {
	*h, err = ParseHex32(string(b))
	return err
}
