package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"casemate/appliance/setup"
	"casemate/hsm/module"
	"casemate/systemd"
)

// PINPlace is where the token's PIN lies on this box.
type PINPlace struct {
	File      string // the one that counts
	Encrypted bool   // by systemd-creds, for the service manager to open; else in plain, mode 0600
	Plain     string // where an earlier version left it in plain; empty if there is none
	Unit      string // what has the token's unit take that one, if it is there
}

// PINPlace says where the PIN is: the file that the configuration names, else the credential beside it.
func (c Config) PINPlace(configFile string) PINPlace {
	if c.HSM.PINFile != "" {
		return PINPlace{File: c.HSM.PINFile}
	}
	l := setup.Beside(configFile)
	p := PINPlace{File: l.Credential(), Encrypted: true, Unit: l.PlainUnit()}
	if exists(l.PINFile()) {
		p.Plain = l.PINFile()
	}
	return p
}

// PINReplaced is what [ReplacePIN] did.
type PINReplaced struct {
	File      string `json:"file"`
	Encrypted bool   `json:"encrypted"`
	BoundTo   string `json:"boundTo,omitempty"` // see package systemd
	Again     bool   `json:"again"`             // the token had refused this very PIN; it is tried once more
}

// ReplacePIN puts a PIN in the place of the one that lies on this box; the token keeps its own. It is for a
// box whose credential does not open (restored onto another machine, the TPM gone), for a PIN that was
// mistyped, and for one that the security officer has set anew.
//
// Order: the new one is beside the old one on the disk, read back from there, opened and compared, before it
// takes the old one's name; only then is what lay in plain beside it removed, and the token's refusal of this very
// PIN forgotten. Killed anywhere, the box has the old PIN whole or the new one whole; one that was refused is
// then given again.
func ReplacePIN(ctx context.Context, cfg Config, configFile, pin string) (done PINReplaced, err error) {
	if err := module.CheckPIN(pin); err != nil {
		return done, fmt.Errorf("%w: %w", ErrPINForm, err)
	}
	place := cfg.PINPlace(configFile)
	done = PINReplaced{File: place.File, Encrypted: place.Encrypted}
	// Forgotten last: while the refused one lies there still, its memory is what keeps it from the token.
	defer func() {
		if err == nil {
			done.Again, err = module.AllowAgain(cfg.HSM.State, pin)
		}
	}()
	if !place.Encrypted {
		return done, replacePlain(place.File, pin)
	}
	if done.BoundTo, err = replaceCredential(ctx, place.File, pin); err != nil {
		return done, err
	}
	return done, place.endPlain()
}

// endPlain ends the PIN in plain, when the encrypted one stands and opens. The unit turns to the encrypted one
// first, on the disk and in the manager: killed anywhere, what it wants is there. Done again, it goes on.
func (p PINPlace) endPlain() error {
	there := exists(p.Unit)
	if err := removed(p.Unit); err != nil {
		return err
	}
	if dir := filepath.Dir(p.Unit); isDir(dir) {
		if err := syncFolder(dir); err != nil {
			return err
		}
	}
	if there || p.Plain != "" {
		if err := reloadManager(); err != nil {
			return err
		}
	}
	if p.Plain == "" {
		return nil
	}
	return errors.Join(removed(p.Plain), syncFolder(filepath.Dir(p.Plain)))
}

// ErrPINForm is a text that cannot be a PIN.
var ErrPINForm = errors.New("this cannot be a PIN")

// replacePlain keeps the file's owner: the token's process may have a user of its own.
func replacePlain(file, pin string) error {
	owner := setup.Account{}
	if info, err := os.Stat(file); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
			owner = setup.Account{Set: true, UID: int(st.Uid), GID: int(st.Gid)}
		}
	}
	beside := file + ".new"
	if err := errors.Join(removed(beside), newFile(beside, []byte(pin+"\n"), 0o600), owner.Own(beside)); err != nil {
		return err
	}
	return errors.Join(os.Rename(beside, file), syncFolder(filepath.Dir(file)))
}

// replaceCredential says what the new one is bound to.
func replaceCredential(ctx context.Context, file, pin string) (boundTo string, err error) {
	encrypted, err := systemd.EncryptCredential(ctx, systemd.PIN, []byte(pin))
	if err != nil {
		return "", err
	}
	if boundTo, err = systemd.BoundTo(encrypted); err != nil {
		return "", err
	}
	beside := file + ".new" // of the same name each time: nothing heaps up
	if err := errors.Join(removed(beside), newFile(beside, encrypted, 0o600)); err != nil {
		return "", err
	}
	kept, err := os.ReadFile(beside) // #nosec G304 -- just written
	if err == nil {
		err = opensTo(ctx, kept, pin)
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(beside))
	}
	return boundTo, errors.Join(os.Rename(beside, file), syncFolder(filepath.Dir(file)))
}

// opensTo is nil when a credential opens to this PIN on this machine.
func opensTo(ctx context.Context, encrypted []byte, pin string) error {
	back, err := systemd.DecryptCredential(ctx, systemd.PIN, encrypted)
	defer clear(back)
	if err == nil && string(bytes.TrimSuffix(back, []byte("\n"))) != pin {
		err = ErrOtherPIN
	}
	return err
}

// ErrOtherPIN says that a credential opens to another PIN than the one beside it in plain.
var ErrOtherPIN = errors.New("the encrypted PIN is another than the one in plain beside it")

func removed(file string) error {
	if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// EncryptPIN encrypts the PIN that an earlier version left in plain, and removes that file; false when there is
// none: then what had the unit take it goes, since it names nothing. Where both are there, because this very act
// was broken off, the plain one goes once the encrypted one is seen to open to it; two that differ are left for a
// person, and are [ErrOtherPIN].
func EncryptPIN(ctx context.Context, cfg Config, configFile string) (done PINReplaced, found bool, err error) {
	place := cfg.PINPlace(configFile)
	if !place.Encrypted {
		return PINReplaced{File: place.File}, false, nil
	}
	if place.Plain == "" {
		return PINReplaced{File: place.File, Encrypted: true}, false, place.endPlain()
	}
	pin, err := module.ReadPIN(place.Plain)
	if err != nil {
		return done, true, fmt.Errorf("%w: %w", ErrPINForm, err)
	}
	if encrypted, err := os.ReadFile(place.File); err == nil { // #nosec G304 -- beside the configuration
		if err := opensTo(ctx, encrypted, pin); errors.Is(err, ErrOtherPIN) {
			return done, true, fmt.Errorf("%s, %s: %w", place.File, place.Plain, err)
		}
	}
	done = PINReplaced{File: place.File, Encrypted: true}
	if done.BoundTo, err = replaceCredential(ctx, place.File, pin); err != nil {
		return done, true, err
	}
	return done, true, place.endPlain()
}

// TakeUpPIN has the token's unit open the credential, where a manager runs and the unit is at work. A safe
// that was stopped stays stopped.
func TakeUpPIN(ctx context.Context) error {
	if !isDir("/run/systemd/system") {
		return nil
	}
	if out, err := exec.CommandContext(ctx, "systemctl", "try-restart", "--no-block", "casemate-hsm.service").CombinedOutput(); err != nil {
		return fmt.Errorf("systemctl try-restart casemate-hsm.service: %w: %s", err, out)
	}
	return nil
}
