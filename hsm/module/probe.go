package module

import (
	"errors"
	"fmt"
	"io/fs"

	"casemate/hsm"
)

// Why a token cannot be set up. Each is found out before anything is touched.
var (
	// ErrModule: the file is no PKCS#11 library, or one that does not start.
	ErrModule = errors.New("this is no PKCS#11 library that works here")
	// ErrNoBlank: no slot holds a token that was never initialised.
	ErrNoBlank = errors.New("no token that was never initialised is there")
)

// Probe says whether [Setup] would find what it needs: a library that starts, no token of that label, a
// blank one, and the mechanisms. It changes nothing. A token of that label is fs.ErrExist, one that lacks
// a mechanism hsm.ErrRefused. An initialised one is looked at without its PIN: none of its tries is spent.
func Probe(cfg SetupConfig) error {
	if len(cfg.WrapMethods) == 0 {
		cfg.WrapMethods = WrapMethods()
	}
	p, err := load(cfg.Token)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrModule, err)
	}
	started := false
	err = withLibrary(p, func() error {
		started = true
		if cfg.Initialised {
			return checkGiven(p, cfg)
		}
		_, _, err := findSlot(p, cfg.Token.Label, "")
		if err == nil {
			return fmt.Errorf("a token %q is there already: %w", cfg.Token.Label, fs.ErrExist)
		}
		if !errors.Is(err, errNoToken) {
			return err
		}
		slot, err := freeSlot(p, cfg.Token.Serial)
		if errors.Is(err, errNoToken) {
			return fmt.Errorf("%w: %w", ErrNoBlank, err)
		}
		if err != nil {
			return err
		}
		return checkMechanisms(p, slot, cfg.WrapMethods)
	})
	if err != nil && !started {
		return fmt.Errorf("%w: %w", ErrModule, err)
	}
	return err
}

// RefusesPIN tells whether an error of [Setup] says that the token does not take a PIN: a wrong one of its
// security officer, or one that it finds too short or too long.
func RefusesPIN(err error) bool { return errors.Is(err, hsm.ErrPIN) || classify(err) == failPIN }

// ReadPIN reads a file as a PIN's: a regular one of mode 0600, one line of 4 to 255 characters.
func ReadPIN(file string) (string, error) { return readPIN(file) }
