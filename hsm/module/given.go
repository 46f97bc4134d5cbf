package module

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/pkcs11"

	"casemate/hsm"
)

// A token that somebody else has initialised (a partition of an HSM on the network, a card as its provider
// hands it over) is used as it is: its label, its serial number, its PIN and whatever else is in it stay. What
// a safe needs is made in it beside that, and only if nothing of a safe is there.

var (
	// ErrNoGiven: no token of that label and serial is there that was initialised.
	ErrNoGiven = refused("no initialised token of this label and serial is there")
	// ErrHolds: it has keys of a safe, perhaps the only ones there are.
	ErrHolds = refused("keys of a safe are in this token already")
	// ErrLeft: what a set-up had made in it is there still.
	ErrLeft = errors.New("what was made in the token could not be removed")
)

// labelsOfASafe begin so: keys by keyLabel, and the mirror's mark.
const labelsOfASafe = "casemate-"

// maxObjects bounds what is looked at; a token that has more is somebody's at work.
const maxObjects = 4096

// checkGiven looks at a token without logging in.
func checkGiven(p *pkcs11.Ctx, cfg SetupConfig) error {
	slot, _, err := findSlot(p, cfg.Token.Label, cfg.Token.Serial)
	if errors.Is(err, errNoToken) {
		return fmt.Errorf("%w: %w", ErrNoGiven, err)
	}
	if err != nil {
		return err
	}
	info, err := p.GetTokenInfo(slot)
	if err != nil {
		return fmt.Errorf("reading the token in slot %d: %w", slot, err)
	}
	switch {
	case info.Flags&pkcs11.CKF_USER_PIN_INITIALIZED == 0:
		return refused("its PIN was never set; it was not touched")
	case info.Flags&pkcs11.CKF_USER_PIN_LOCKED != 0:
		return &reasonError{hsm.ErrPIN, "it is locked; its security officer or its vendor's tool unlocks it"}
	case info.Flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0:
		return &reasonError{hsm.ErrPIN, "one try is left, and it is not taken: its security officer sets the PIN anew first"}
	}
	return checkMechanisms(p, slot, cfg.WrapMethods)
}

// openGiven logs in, once: a PIN that is refused is not tried a second time.
func openGiven(cfg SetupConfig, pin string) (*token, error) {
	p, err := load(cfg.Token)
	if err != nil {
		return nil, err
	}
	if err := withLibrary(p, func() error { return checkGiven(p, cfg) }); err != nil {
		return nil, err
	}
	t, err := openToken(cfg.Token, pin, DefaultSessions)
	if err != nil {
		return nil, err
	}
	found, err := t.ofASafe()
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("%w: %d objects named %s…; it was not touched", ErrHolds, len(found), labelsOfASafe)
	}
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// ofASafe finds what a safe made in the token.
func (t *token) ofASafe() (ours []pkcs11.ObjectHandle, err error) {
	err = t.sessions.with(func(h pkcs11.SessionHandle) error {
		all, err := find(t.p, h, maxObjects, pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true))
		if err != nil {
			return err
		}
		for _, o := range all {
			got, err := t.p.GetAttributeValue(h, o, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil)})
			if err == nil && len(got) == 1 && strings.HasPrefix(string(got[0].Value), labelsOfASafe) {
				ours = append(ours, o) // what has no label is not ours
			}
		}
		return nil
	})
	return ours, err
}

// withdraw removes it again. It is called where nothing was before: all of it is this set-up's.
func (t *token) withdraw() error {
	found, err := t.ofASafe()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLeft, err)
	}
	err = t.sessions.with(func(h pkcs11.SessionHandle) (err error) {
		for _, o := range found {
			err = errors.Join(err, t.p.DestroyObject(h, o))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLeft, err)
	}
	return nil
}

// Withdraw takes back what [Setup] made in an initialised token, for a set-up that failed afterwards. It may
// only be called by the one that called Setup: whatever a safe made in that token is lost.
func Withdraw(ctx context.Context, cfg SetupConfig) error {
	pin, err := readPIN(cfg.PINFile)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLeft, err)
	}
	_, err = do(ctx, newGuard(setupTimeout, DefaultSessions, cfg.log()), "leaving token "+cfg.Token.Label, func() (struct{}, error) {
		t, err := openToken(cfg.Token, pin, DefaultSessions)
		if err != nil {
			return struct{}{}, fmt.Errorf("%w: %w", ErrLeft, err)
		}
		return struct{}{}, errors.Join(t.withdraw(), t.close())
	})
	return err
}
