package systemd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ErrNoCredential means that the manager passed no credential of that name,
// or that no manager is running.
var ErrNoCredential = errors.New("the service manager passed no such credential")

// ErrBadCredential means that a credential exists but cannot be one of ours:
// its name leaves the directory, or it is not a small regular file.
var ErrBadCredential = errors.New("this is not a usable credential")

// maxCredential bounds what is read; a PIN or a password is far smaller, and
// systemd itself refuses more than 1 MiB for all credentials together.
const maxCredential = 64 << 10

// Credential returns the bytes of the credential a unit received by
// LoadCredential=NAME, LoadCredentialEncrypted=NAME or SetCredential=NAME.
// The manager keeps them in memory that is never swapped, readable by the
// unit's own user alone, and takes them away with the unit. The caller wipes
// the returned slice when it is done with it. Source: systemd.exec(5).
func Credential(name string) ([]byte, error) {
	path, err := CredentialPath(name)
	if err != nil {
		return nil, err
	}
	b, err := readSmall(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading credential %q: %w", name, ErrNoCredential)
	}
	if err != nil {
		return nil, fmt.Errorf("reading credential %q: %w", name, err)
	}
	return b, nil
}

// CredentialPath returns where the credential would lie, whether or not it is
// there, for libraries that want a file.
func CredentialPath(name string) (string, error) {
	if name == "" || name == "." || name == ".." || name != filepath.Base(name) {
		return "", fmt.Errorf("credential %q: %w", name, ErrBadCredential)
	}
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return "", fmt.Errorf("credential %q: %w", name, ErrNoCredential)
	}
	return filepath.Join(dir, name), nil
}

func readSmall(path string) (b []byte, err error) {
	f, err := os.Open(path) // #nosec G304 -- the directory comes from the manager, the name was checked
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxCredential {
		return nil, ErrBadCredential
	}
	// One byte more than allowed: a file that grew since Stat is refused too.
	b, err = io.ReadAll(io.LimitReader(f, maxCredential+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxCredential {
		return nil, ErrBadCredential
	}
	return b, nil
}
