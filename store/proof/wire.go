package proof

import (
	"encoding/hex"
	"fmt"
	"time"
)

// The wire form of an attestation, field by field: what RFC 8785 sorts and the
// token signs.
type attestationWire struct {
	Typ           string            `json:"typ"`
	V             string            `json:"v"`
	Safe          string            `json:"safe"`
	Demonstration bool              `json:"demonstration"`
	Document      DocumentID        `json:"document"`
	Vault         VaultID           `json:"vault"`
	Number        uint64            `json:"number,string"`
	Depositor     Party             `json:"depositor"`
	Files         []fileWire        `json:"files"`
	Size          int64             `json:"size,string"`
	Fingerprint   Digests           `json:"fingerprint"`
	Metadata      map[string]string `json:"metadata"`
	DeclaredAt    stamp             `json:"declaredAt"`
	Clock         Clock             `json:"clock"`
	NotBefore     *externalWire     `json:"notBefore,omitempty"`
	KeyCommitment hex32             `json:"keyCommitment"`
}

type fileWire struct {
	Index     int     `json:"index,string"`
	Name      string  `json:"name"`
	MediaType string  `json:"mediaType"`
	Size      int64   `json:"size,string"`
	Digests   Digests `json:"digests"`
}

type externalWire struct {
	Token hex32 `json:"token"`
	At    stamp `json:"at"`
}

func toWire(a Attestation) attestationWire {
	w := attestationWire{
		Typ: a.Typ, V: a.V, Safe: a.Safe, Demonstration: a.Demonstration,
		Document: a.Document, Vault: a.Vault, Number: a.Number, Depositor: a.Depositor,
		Files: make([]fileWire, len(a.Files)), Size: a.Size, Fingerprint: a.Fingerprint,
		Metadata: a.Metadata, DeclaredAt: stamp(a.DeclaredAt), Clock: a.Clock,
		KeyCommitment: a.KeyCommitment,
	}
	for i, f := range a.Files {
		w.Files[i] = fileWire(f)
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

func (w attestationWire) value() Attestation {
	a := Attestation{
		Typ: w.Typ, V: w.V, Safe: w.Safe, Demonstration: w.Demonstration,
		Document: w.Document, Vault: w.Vault, Number: w.Number, Depositor: w.Depositor,
		Files: make([]File, len(w.Files)), Size: w.Size, Fingerprint: w.Fingerprint,
		Metadata: w.Metadata, DeclaredAt: time.Time(w.DeclaredAt), Clock: w.Clock,
		KeyCommitment: w.KeyCommitment,
	}
	for i, f := range w.Files {
		a.Files[i] = File(f)
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
