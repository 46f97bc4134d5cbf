package module

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/ThalesIgnite/crypto11"
	"github.com/miekg/pkcs11"

	"casemate/hsm"
)

// errNoToken: the slots hold no token of that label and serial.
var errNoToken = errors.New("no token with this label and serial")

// session flags of every session: PKCS#11 has no parallel ones any more.
const sessionFlags = pkcs11.CKF_SERIAL_SESSION | pkcs11.CKF_RW_SESSION

// token is one token, logged in. crypto11 owns the library: it initialises,
// logs in and finalises. p is a second door for what crypto11 lacks. With most
// libraries it leads into the same room; p11-kit's client makes a room of its
// own for everyone who loads it, with a login of its own.
type token struct {
	c        *crypto11.Context
	p        *pkcs11.Ctx
	slot     uint
	info     hsm.Token
	sessions *sessions
	apart    bool     // p has a room of its own
	setup    SetupID  // whose keys are made in it
	made     [][]byte // identifiers of those that were, in this process
	closed   sync.Once
}

// load opens the library without initialising it.
func load(t Token) (*pkcs11.Ctx, error) {
	if t.SoftHSMConf != "" {
		if err := os.Setenv("SOFTHSM2_CONF", t.SoftHSMConf); err != nil {
			return nil, fmt.Errorf("naming SoftHSM's configuration: %w", err)
		}
	}
	p := pkcs11.New(t.Module)
	if p == nil {
		return nil, fmt.Errorf("loading %q: not a PKCS#11 library of this machine: %w", t.Module, hsm.ErrUnavailable)
	}
	return p, nil
}

// withLibrary runs fn between initialising and finalising the library.
func withLibrary(p *pkcs11.Ctx, fn func() error) error {
	if err := p.Initialize(); err != nil {
		return fmt.Errorf("initialising the PKCS#11 library: %w", err)
	}
	err := fn()
	if ferr := p.Finalize(); ferr != nil && err == nil {
		return fmt.Errorf("finalising the PKCS#11 library: %w", ferr)
	}
	return err
}

// findSlot looks for the one token of a label and, if given, serial. Slot
// numbers change when tokens are made, and labels need not be unique: two that
// fit are refused rather than guessed.
func findSlot(p *pkcs11.Ctx, label, serial string) (uint, hsm.Token, error) {
	slots, err := p.GetSlotList(true)
	if err != nil {
		return 0, hsm.Token{}, fmt.Errorf("listing slots: %w", err)
	}
	var slot uint
	var found []hsm.Token
	for _, s := range slots {
		info, err := p.GetTokenInfo(s)
		if err != nil {
			return 0, hsm.Token{}, fmt.Errorf("reading the token in slot %d: %w", s, err)
		}
		t := tokenInfo(info)
		if info.Flags&pkcs11.CKF_TOKEN_INITIALIZED != 0 && t.Label == label && (serial == "" || t.Serial == serial) {
			slot, found = s, append(found, t)
		}
	}
	switch len(found) {
	case 0:
		return 0, hsm.Token{}, fmt.Errorf("looking for token %q serial %q in %d slots: %w", label, serial, len(slots), errNoToken)
	case 1:
		return slot, found[0], nil
	default:
		return 0, hsm.Token{}, fmt.Errorf("looking for token %q: %d tokens have this label: give the serial of one", label, len(found))
	}
}

func tokenInfo(i pkcs11.TokenInfo) hsm.Token {
	trim := func(s string) string { return strings.TrimRight(s, " \x00") }
	return hsm.Token{Label: trim(i.Label), Serial: trim(i.SerialNumber), Model: trim(i.Model), Manufacturer: trim(i.ManufacturerID)}
}

// openToken finds the token, then hands the library to crypto11, which logs in.
func openToken(cfg Token, pin string, atOnce int) (*token, error) {
	p, err := load(cfg)
	if err != nil {
		return nil, err
	}
	t := &token{p: p, setup: NewSetupID()}
	err = withLibrary(p, func() (err error) {
		t.slot, t.info, err = findSlot(p, cfg.Label, cfg.Serial)
		return err
	})
	if err != nil {
		return nil, err
	}
	slot := int(t.slot)
	t.c, err = crypto11.Configure(&crypto11.Config{
		Path: cfg.Module, SlotNumber: &slot, Pin: pin, MaxSessions: atOnce + 2,
	})
	if err != nil {
		return nil, fmt.Errorf("opening token %q: %w", cfg.Label, err)
	}
	if err := t.openDoor(pin); err != nil {
		return nil, errors.Join(fmt.Errorf("opening token %q: %w", cfg.Label, err), t.c.Close())
	}
	return t, nil
}

// openDoor makes p usable beside crypto11, which has logged in: the PIN is right.
func (t *token) openDoor(pin string) error {
	err := t.p.Initialize()
	t.apart = err == nil
	if c, _ := code(err); err != nil && c != pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED {
		return fmt.Errorf("initialising the PKCS#11 library again: %w", err)
	}
	info, err := t.p.GetTokenInfo(t.slot)
	if err != nil {
		return fmt.Errorf("reading the token again: %w", err)
	}
	if tokenInfo(info) != t.info {
		return fmt.Errorf("another token took its slot: %w", errNoToken)
	}
	// The first session stays open for good: the login ends with the last.
	h, err := t.p.OpenSession(t.slot, sessionFlags)
	if err != nil {
		return fmt.Errorf("opening a session: %w", err)
	}
	err = t.p.Login(h, pkcs11.CKU_USER, pin)
	if c, _ := code(err); err != nil && c != pkcs11.CKR_USER_ALREADY_LOGGED_IN {
		return fmt.Errorf("logging in again: %w", err)
	}
	t.sessions = &sessions{p: t.p, slot: t.slot}
	return nil
}

// close finalises the library, once. It may hang when the module does.
func (t *token) close() (err error) {
	t.closed.Do(func() {
		t.sessions.close()
		if t.apart {
			err = t.p.Finalize()
		}
		err = errors.Join(err, t.c.Close())
	})
	return err
}
