package systemd

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrCreds means that systemd-creds(1) is not there, or could not encrypt or open a credential.
var ErrCreds = errors.New("systemd-creds does not do it")

const (
	credsProgram  = "systemd-creds"
	credsPatience = time.Minute // a TPM may take its time

	// noMeasurement binds to the TPM's register for debugging, which no boot writes: it says nothing. Left out, it
	// is register 7, and firmware, Secure Boot's lists or a new shim would shut the safe. The empty list, which
	// systemd-creds(1) says is for this, gives what systemd 252 cannot open.
	noMeasurement = "--tpm2-pcrs=16"
)

// EncryptCredential has systemd-creds(1) encrypt a small secret for LoadCredentialEncrypted=NAME:... of this
// machine, with the key it finds best: that of the TPM and that of the host where it can use a TPM, else the
// host's, which lies in /var/lib/systemd/credential.secret and is made if it is not there. It is bound to the
// TPM's chip, to no measurement of how the machine was started. The secret goes through a pipe, never through
// an argument or the environment.
//
// What it gives has been opened again and compared: a credential that could not be opened is [ErrCreds].
func EncryptCredential(ctx context.Context, name string, secret []byte) ([]byte, error) {
	encrypted, err := creds(ctx, secret, name, "encrypt", noMeasurement)
	if err != nil {
		return nil, err
	}
	back, err := DecryptCredential(ctx, name, encrypted)
	defer clear(back)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(back, secret) {
		return nil, fmt.Errorf("encrypting credential %q: %w: it does not open to what went in", name, ErrCreds)
	}
	return encrypted, nil
}

// DecryptCredential opens what [EncryptCredential] gave, on the same machine and as root. The caller wipes it.
func DecryptCredential(ctx context.Context, name string, encrypted []byte) ([]byte, error) {
	return creds(ctx, encrypted, name, "decrypt")
}

// FindCreds says whether systemd-creds is on this machine; else it is [ErrCreds].
func FindCreds() error {
	if _, err := exec.LookPath(credsProgram); err != nil {
		return fmt.Errorf("%w: %w", ErrCreds, err)
	}
	return nil
}

// creds is a filter: the output is given only when all of it went well.
func creds(ctx context.Context, in []byte, name, act string, options ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, credsPatience)
	defer cancel()
	arguments := append([]string{act, "--name=" + name}, options...)
	cmd := exec.CommandContext(ctx, credsProgram, append(arguments, "-", "-")...) // #nosec G204 -- fixed but for the name
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	var out, words bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &words
	if err := cmd.Run(); err != nil {
		clear(out.Bytes())
		return nil, fmt.Errorf("%w: %s %s: %w: %s", ErrCreds, credsProgram, act, err, lastLine(words.String()))
	}
	return out.Bytes(), nil
}

// lastLine is the fault; what stands before it are remarks.
func lastLine(words string) string {
	lines := strings.Split(strings.TrimSpace(words), "\n")
	return lines[len(lines)-1]
}

// What an encrypted credential is bound to.
const (
	BoundToHost    = "host"      // the key in /var/lib/systemd, on the same disk
	BoundToTPM     = "tpm2"      // this machine's TPM
	BoundToBoth    = "host+tpm2" // both
	BoundToUnknown = "unknown"   // something that a later systemd knows
)

// bound is how systemd names a key, in the first 16 bytes (src/shared/creds-util.h, systemd 252).
var bound = map[string]string{
	"5a1c6a86df9d4096b1d5a65e0862f19a": BoundToHost,
	"0c7cc07b117645919c4b0bea08bc20fe": BoundToTPM,
	"faf7eb9341e3412ca1a436f95a29362f": BoundToTPM, // with a signed policy
	"93a894094874449090caf2fc93cab553": BoundToBoth,
	"af4950a849134eb1a73846304ff30c05": BoundToBoth, // with a signed policy
}

// BoundTo says what an encrypted credential is bound to, one of the constants, without opening it.
// [ErrBadCredential] is what is none: a key of zeros, which systemd makes where a TPM is missing, binds to
// nothing and is unknown.
func BoundTo(encrypted []byte) (string, error) {
	if len(encrypted) > maxCredential {
		return "", ErrBadCredential
	}
	raw, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(encrypted)))
	if err != nil || len(raw) < credentialHead {
		return "", ErrBadCredential
	}
	if to, ok := bound[hex.EncodeToString(raw[:16])]; ok {
		return to, nil
	}
	return BoundToUnknown, nil
}

// HasTPM says whether this machine, its sysfs mounted at sys, has a TPM that systemd-creds(1) would use by itself:
// the kernel has its driver, and UEFI firmware started the machine. It needs three libraries besides
// (libtss2-esys, -mu and -rc), which it looks for when it works; without them it takes the host's key, quietly.
func HasTPM(sys string) bool {
	devices, err := os.ReadDir(filepath.Join(sys, "class/tpmrm"))
	if err != nil || len(devices) == 0 {
		return false
	}
	_, err = os.Stat(filepath.Join(sys, "firmware/efi"))
	return err == nil
}

// credentialHead is the least that stands before what is encrypted: the key's name and four numbers.
const credentialHead = 32
