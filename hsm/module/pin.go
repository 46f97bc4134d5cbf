package module

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/argon2"

	"casemate/hsm"
	"casemate/store/proof"
)

const (
	minPIN = 4
	maxPIN = 255
	// pinRefusedFile remembers, in the state directory, a PIN the token refused.
	pinRefusedFile = "pin-refused.json"
)

// NewPIN writes a random PIN into a new file of mode 0600. An existing file is
// left alone and is an error that is fs.ErrExist.
func NewPIN(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("making a PIN: %w", err)
	}
	_, err = f.WriteString(rand.Text() + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("making a PIN: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// readPIN reads a PIN from a file that nobody but its owner may touch; 0440 is
// how systemd's credentials look (0400 and an access list for the unit's user).
// One line feed at the end is not part of it.
func readPIN(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("reading the PIN: %w", err)
	}
	if perm := info.Mode().Perm(); !info.Mode().IsRegular() || (perm&0o077 != 0 && perm != 0o440) {
		return "", fmt.Errorf("reading the PIN: %q has mode %v: make it 0600", path, info.Mode())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the PIN: %w", err)
	}
	b = bytes.TrimSuffix(b, []byte("\n"))
	if len(b) < minPIN || len(b) > maxPIN || bytes.ContainsAny(b, "\x00\r\n") {
		return "", fmt.Errorf("reading the PIN: %q must hold one line of %d to %d characters", path, minPIN, maxPIN)
	}
	return string(b), nil
}

// refusedPIN is what is kept of a PIN that failed: enough to know it again,
// too slow to guess it from.
type refusedPIN struct {
	Serial string `json:"serial"` // of the token that refused it
	At     string `json:"at"`
	Salt   string `json:"salt"`
	Hash   string `json:"hash"` // Argon2id (RFC 9106), 3 passes, 64 MiB
}

func hashPIN(pin string, salt []byte) []byte {
	return argon2.IDKey([]byte(pin), salt, 3, 64<<10, 2, 32)
}

// rememberRefusedPIN is called when the token said no and before the process
// says anything: tokens lock after a few failures, and a supervisor that
// restarts would use them up.
func rememberRefusedPIN(dir, serial, pin string, at time.Time) error {
	salt := make([]byte, 16)
	rand.Read(salt) //nolint:errcheck // never fails since Go 1.24
	return writeJSON(filepath.Join(dir, pinRefusedFile), refusedPIN{
		Serial: serial,
		At:     proof.FormatTime(at),
		Salt:   hex.EncodeToString(salt),
		Hash:   hex.EncodeToString(hashPIN(pin, salt)),
	})
}

// checkRefusedPIN is hsm.ErrPIN when this very PIN was refused before.
func checkRefusedPIN(dir, pin string) error {
	var r refusedPIN
	err := readJSON(filepath.Join(dir, pinRefusedFile), &r)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	salt, err1 := hex.DecodeString(r.Salt)
	want, err2 := hex.DecodeString(r.Hash)
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("reading %q: %w", pinRefusedFile, err)
	}
	if subtle.ConstantTimeCompare(hashPIN(pin, salt), want) == 1 {
		return &reasonError{hsm.ErrPIN, "it refused this very PIN at " + r.At + " and is not asked again until the PIN changes"}
	}
	return nil
}

// forgetRefusedPIN follows a login that succeeded.
func forgetRefusedPIN(dir string) error {
	err := os.Remove(filepath.Join(dir, pinRefusedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
