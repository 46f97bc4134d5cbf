package module

import (
	"bytes"
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
	// ErrLeft: what a set-up had made in it is there still, or may be.
	ErrLeft = errors.New("what was made in the token could not be removed, or it does not say so")
)

// labelsOfASafe begin so: keys by keyLabel, and the mirror's mark.
const labelsOfASafe = "casemate-"

// maxObjects bounds what is looked at; a token that has more is refused, since some of it would not be seen.
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
	found, err := t.ofASafe(maxObjects)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("%w: %d objects named %s…; it was not touched", ErrHolds, len(found), labelsOfASafe)
	}
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// ofASafe gives the identifiers of what safes made in the token, by label; nil for what has none. Whoever
// cannot see all of it is refused.
func (t *token) ofASafe(limit int) (ids [][]byte, err error) {
	err = t.sessions.with(func(h pkcs11.SessionHandle) error {
		all, err := find(t.p, h, limit+1, pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true))
		if err != nil {
			return err
		}
		if len(all) > limit {
			return refused(fmt.Sprintf("more than %d objects are in this token: keys of a safe among them might not be seen", limit))
		}
		for _, o := range all {
			label, err := attribute(t.p, h, o, pkcs11.CKA_LABEL)
			if err != nil {
				return err
			}
			if !strings.HasPrefix(string(label), labelsOfASafe) {
				continue
			}
			id, err := attribute(t.p, h, o, pkcs11.CKA_ID)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}

// attribute is nil where an object has none of that type, and an error where nobody can say so.
func attribute(p *pkcs11.Ctx, h pkcs11.SessionHandle, o pkcs11.ObjectHandle, typ uint) ([]byte, error) {
	got, err := p.GetAttributeValue(h, o, []*pkcs11.Attribute{pkcs11.NewAttribute(typ, nil)})
	switch c, _ := code(err); {
	case err == nil && len(got) == 1:
		return got[0].Value, nil
	case err != nil && c != pkcs11.CKR_ATTRIBUTE_TYPE_INVALID && c != pkcs11.CKR_ATTRIBUTE_SENSITIVE:
		return nil, fmt.Errorf("looking at what is in the token: %w", err)
	}
	return nil, nil
}

// alone looks when the keys are made: of two set-ups that found the token empty at the same time, one
// at least sees the other here.
func (t *token) alone() error {
	found, err := t.ofASafe(maxObjects)
	if err != nil {
		return err
	}
	strangers := 0
	for _, id := range found {
		if !bytes.HasPrefix(id, t.setup[:]) {
			strangers++
		}
	}
	if strangers > 0 {
		return fmt.Errorf("%w: %d objects named %s… came while this set-up was at work; they were not touched", ErrHolds, strangers, labelsOfASafe)
	}
	return nil
}
