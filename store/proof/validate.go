package proof

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// validate says whether the parts of an attestation agree with one another.
func (a Attestation) validate() error {
	if a.Typ != AttestationTyp || a.V != AttestationV {
		return fmt.Errorf("%w: type %q version %q", ErrInvalid, a.Typ, a.V)
	}
	if err := validOrigin(a.Safe); err != nil {
		return err
	}
	if a.Document.IsZero() || a.Vault.IsZero() || a.Number == 0 {
		return fmt.Errorf("%w: document, vault and number must be set", ErrInvalid)
	}
	for _, check := range []func() error{a.Depositor.validate, a.validateFiles, a.validateTimes,
		func() error { return ValidMetadata(a.Metadata) }, a.Clock.validate} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (a Attestation) validateFiles() error {
	if len(a.Files) == 0 || len(a.Files) > MaxFiles {
		return fmt.Errorf("%w: %d files, want 1 to %d", ErrInvalid, len(a.Files), MaxFiles)
	}
	var sum int64
	for i, f := range a.Files {
		if f.Index != i+1 {
			return fmt.Errorf("%w: file %d has index %d", ErrInvalid, i+1, f.Index)
		}
		if err := ValidName(f.Name); err != nil {
			return fmt.Errorf("file %d: %w", f.Index, err)
		}
		if err := validMediaType(f.MediaType); err != nil {
			return fmt.Errorf("file %d: %w", f.Index, err)
		}
		if f.Size < 0 || sum+f.Size < sum {
			return fmt.Errorf("%w: size of file %d", ErrInvalid, f.Index)
		}
		sum += f.Size
	}
	if sum != a.Size {
		return fmt.Errorf("%w: sizes add up to %d, not %d", ErrInvalid, sum, a.Size)
	}
	if !a.Fingerprint.Equal(ObjectDigests(a.Files)) {
		return fmt.Errorf("%w: fingerprint is not that of the files", ErrInvalid)
	}
	return nil
}

func (a Attestation) validateTimes() error {
	if err := validTime(a.DeclaredAt); err != nil {
		return fmt.Errorf("declaredAt: %w", err)
	}
	if a.NotBefore == nil {
		return nil
	}
	if err := validTime(a.NotBefore.At); err != nil {
		return fmt.Errorf("notBefore: %w", err)
	}
	return nil
}

func validTime(t time.Time) error {
	if y := t.UTC().Year(); y < 1970 || y > 9999 {
		return fmt.Errorf("%w: year %d", ErrInvalid, y)
	}
	return nil
}

func (p Party) validate() error {
	if p.Name == "" || len(p.Name) > MaxName || !utf8.ValidString(p.Name) {
		return fmt.Errorf("%w: depositor's name", ErrInvalid)
	}
	if _, err := ParseHex32(p.Issuer); err != nil {
		return fmt.Errorf("%w: depositor's issuer", ErrInvalid)
	}
	if len(p.Serial) > 64 || !isLowerHex(p.Serial) {
		return fmt.Errorf("%w: depositor's serial", ErrInvalid)
	}
	return nil
}

func (c Clock) validate() error {
	if len(c.Reason) > MaxName || !utf8.ValidString(c.Reason) || c.Trusted != (c.Reason == "") {
		return fmt.Errorf("%w: an untrusted clock, and only that, needs a reason", ErrInvalid)
	}
	if c.Stratum < 0 || c.Stratum > 16 || c.RootDistance < 0 || len(c.Sources) > 32 {
		return fmt.Errorf("%w: clock's state", ErrInvalid)
	}
	for _, s := range c.Sources {
		if f := strings.Fields(s); len(f) != 1 || f[0] != s || len(s) > 256 || !utf8.ValidString(s) ||
			strings.Contains(s, "+") || strings.ContainsFunc(s, isControl) {
			return fmt.Errorf("%w: clock's source", ErrInvalid)
		}
	}
	return nil
}

// ValidName says whether a file may bear this name: any UTF-8 without control
// characters, 1 to MaxName bytes. Names are attested as given and are never
// used as paths.
func ValidName(name string) error {
	if name == "" || len(name) > MaxName {
		return fmt.Errorf("%w: a name has 1 to %d bytes, this one %d", ErrInvalid, MaxName, len(name))
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("%w: a name must be UTF-8", ErrInvalid)
	}
	if i := strings.IndexFunc(name, isControl); i >= 0 {
		return fmt.Errorf("%w: control character in a name, byte %d", ErrInvalid, i)
	}
	return nil
}

func isControl(r rune) bool { return r < 0x20 || (r >= 0x7f && r < 0xa0) }

// ValidMetadata says whether metadata may be attested: UTF-8, keys of 1 to
// MaxMetadataKey bytes without control characters, MaxMetadata bytes in all.
func ValidMetadata(m map[string]string) error {
	total := 0
	for k, v := range m {
		total += len(k) + len(v)
		if k == "" || len(k) > MaxMetadataKey || !utf8.ValidString(k) || strings.ContainsFunc(k, isControl) {
			return fmt.Errorf("%w: metadata key %q", ErrInvalid, k)
		}
		if !utf8.ValidString(v) {
			return fmt.Errorf("%w: metadata %q is not UTF-8", ErrInvalid, k)
		}
	}
	if total > MaxMetadata {
		return fmt.Errorf("%w: metadata of %d bytes, at most %d", ErrInvalid, total, MaxMetadata)
	}
	return nil
}

// validOrigin is a C2SP key name: not empty, no white space, no plus sign.
func validOrigin(s string) error {
	if f := strings.Fields(s); len(f) != 1 || f[0] != s || len(s) > 256 || !utf8.ValidString(s) ||
		strings.Contains(s, "+") || strings.ContainsFunc(s, isControl) {
		return fmt.Errorf("%w: origin %q", ErrInvalid, s)
	}
	return nil
}

// validMediaType is the RFC 6838 type/subtype without parameters.
func validMediaType(s string) error {
	main, sub, ok := strings.Cut(s, "/")
	if !ok || len(s) > 128 || !isToken(main) || !isToken(sub) {
		return fmt.Errorf("%w: media type %q", ErrInvalid, s)
	}
	return nil
}

// isToken accepts the letters of RFC 6838 names that need no escape in XML.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if !isAlnum(c) && !strings.ContainsRune("!#$^_.+-", rune(c)) {
			return false
		}
	}
	return s != ""
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
