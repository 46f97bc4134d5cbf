package store

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"mime"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"

	"casemate/raid"
	"casemate/store/identity"
	"casemate/store/proof"
)

// Limits of one deposit. They are checked before a byte is kept.
const (
	MaxFiles         = 1000     // and what their names come to, see maxAttestation
	MaxFileName      = 1024     // bytes
	MaxMetadataKeys  = 64       //
	MaxMetadataBytes = 32 << 10 // keys and values together
	sniffBytes       = 3072

	// maxAttestation keeps a record, which holds the attestation in base64 twice over, within one
	// value of the mirror.
	maxAttestation = 512 << 10
)

var metadataKey = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$`)

func (s *Safe) checkRequest(who identity.Caller, req DepositRequest) (*vault, error) {
	v, err := s.vaultFor(who, req.Vault)
	if err != nil {
		return nil, err
	}
	if v.own {
		return nil, fmt.Errorf("vault %q takes the safe's own reports alone: %w", v.Name, ErrForbidden)
	}
	if err := s.room(); err != nil {
		return nil, err
	}
	if len(req.Metadata) > MaxMetadataKeys {
		return nil, fmt.Errorf("%d keys, at most %d: %w", len(req.Metadata), MaxMetadataKeys, ErrMetadata)
	}
	total := 0
	for k, value := range req.Metadata {
		total += len(k) + len(value)
		switch {
		case !metadataKey.MatchString(k):
			return nil, fmt.Errorf("key %q: 1 to 64 of a-z, 0-9, dot, hyphen, underscore: %w", k, ErrMetadata)
		case !utf8.ValidString(value):
			return nil, fmt.Errorf("value of %q is not UTF-8: %w", k, ErrMetadata)
		}
	}
	if total > MaxMetadataBytes {
		return nil, fmt.Errorf("%d bytes, at most %d: %w", total, MaxMetadataBytes, ErrMetadata)
	}
	if len(req.Announced) > MaxFiles {
		return nil, fmt.Errorf("more than %d: %w", MaxFiles, ErrTooManyFiles)
	}
	return v, nil
}

// room refuses deposits while the volumes still have some space left above their floor: reading
// needs it, for every reading is a journal entry, and so does taking things away.
func (s *Safe) room() error {
	for _, v := range s.mirror.Status().Volumes {
		if v.State == raid.InSync && v.Free > 0 && v.Free < 2*v.Floor {
			return fmt.Errorf("%w: a volume has %d MiB left: %w", ErrStorage, v.Free>>20, raid.ErrFull)
		}
	}
	return nil
}

// checkFileName keeps any Unicode name as it came, without normalisation; what could not be a
// name, or would break a terminal or a header, is refused.
func checkFileName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("an empty file name: %w", ErrBadName)
	case len(name) > MaxFileName:
		return fmt.Errorf("a file name of %d bytes, at most %d: %w", len(name), MaxFileName, ErrBadName)
	case !utf8.ValidString(name):
		return fmt.Errorf("a file name that is not UTF-8: %w", ErrBadName)
	case strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }):
		return fmt.Errorf("a control character in a file name: %w", ErrBadName)
	}
	return nil
}

// checkAnnounced compares the file just received with what was announced of it.
func checkAnnounced(req DepositRequest, f proof.File) error {
	if len(req.Announced) < f.Index {
		return nil
	}
	a := req.Announced[f.Index-1]
	if a.Name != "" && a.Name != f.Name {
		return fmt.Errorf("file %d is not the one announced: %w", f.Index, ErrDigestMismatch)
	}
	if a.SHA256 != nil && subtle.ConstantTimeCompare(a.SHA256, f.Digests.SHA256[:]) != 1 {
		return fmt.Errorf("SHA-256 of file %d: %w", f.Index, ErrDigestMismatch)
	}
	if a.SHA3 != nil && subtle.ConstantTimeCompare(a.SHA3, f.Digests.SHA3[:]) != 1 {
		return fmt.Errorf("SHA3-256 of file %d: %w", f.Index, ErrDigestMismatch)
	}
	return nil
}

// mediaType keeps the type that the depositor declares, without parameters, and identifies what he
// leaves open.
func mediaType(declared string, head []byte) string {
	if kind, _, err := mime.ParseMediaType(declared); err == nil && kind != "application/octet-stream" && len(kind) <= 127 {
		return kind
	}
	if len(head) == 0 {
		return "application/octet-stream"
	}
	kind, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
	return kind
}

// resultOf says whether a failed act was refused (the caller can do something) or failed.
func resultOf(err error) string {
	for _, refusal := range []error{ErrMalformed, ErrDigestMismatch, ErrIncomplete, ErrBadName, ErrMetadata, ErrTooManyFiles,
		ErrEmptyObject, ErrForbidden, ErrUnknownVault, ErrUnknownDocument, ErrVaultExists, ErrTimeUntrusted, ErrQuery, ErrNoScrub} {
		if errors.Is(err, refusal) {
			return refusedResult
		}
	}
	return failedResult
}

// reasonOf is what the journal keeps of an error: the sentence of its class, no names, no paths.
func reasonOf(err error) string {
	for _, class := range []error{ErrMalformed, ErrDigestMismatch, ErrIncomplete, ErrBadName, ErrMetadata, ErrTooManyFiles, ErrEmptyObject,
		ErrForbidden, ErrUnknownVault, ErrUnknownDocument, ErrVaultExists, ErrTimeUntrusted, ErrSealUnavailable,
		ErrStorage, ErrIntegrity, ErrQuery, ErrClosed} {
		if errors.Is(err, class) {
			return class.Error()
		}
	}
	return internalReason
}

const internalReason = "internal error"
