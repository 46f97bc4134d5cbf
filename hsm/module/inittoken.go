package module

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/miekg/pkcs11"
)

// needs is what a token must offer besides one wrapping method.
var needs = []struct {
	mech uint
	name string
}{
	{pkcs11.CKM_EC_KEY_PAIR_GEN, "CKM_EC_KEY_PAIR_GEN"},
	{pkcs11.CKM_ECDSA, "CKM_ECDSA"},
}

// makeToken initialises a free slot under the label and opens the new token.
// Everything that can be refused is refused before C_InitToken, which erases.
func makeToken(cfg SetupConfig, pin, soPIN string) (*token, error) {
	p, err := load(cfg.Token)
	if err != nil {
		return nil, err
	}
	err = withLibrary(p, func() error {
		_, _, err := findSlot(p, cfg.Token.Label, "")
		if err == nil {
			return fmt.Errorf("a token %q is there already: %w", cfg.Token.Label, fs.ErrExist)
		}
		if !errors.Is(err, errNoToken) {
			return err
		}
		slot, err := freeSlot(p, cfg.Token.Serial)
		if err != nil {
			return err
		}
		if err := checkMechanisms(p, slot, cfg.WrapMethods); err != nil {
			return err
		}
		if err := p.InitToken(slot, soPIN, cfg.Token.Label); err != nil {
			return fmt.Errorf("initialising the token: %w", err)
		}
		return initPIN(p, cfg.Token.Label, pin, soPIN)
	})
	if err != nil {
		return nil, err
	}
	// Serial numbers of a free slot may change when it is initialised.
	named := cfg.Token
	named.Serial = ""
	return openToken(named, pin, DefaultSessions)
}

// freeSlot is the first slot whose token was never initialised.
func freeSlot(p *pkcs11.Ctx, serial string) (uint, error) {
	slots, err := p.GetSlotList(true)
	if err != nil {
		return 0, fmt.Errorf("listing slots: %w", err)
	}
	for _, slot := range slots {
		info, err := p.GetTokenInfo(slot)
		if err != nil {
			return 0, fmt.Errorf("reading the token in slot %d: %w", slot, err)
		}
		if info.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 && (serial == "" || tokenInfo(info).Serial == serial) {
			return slot, nil
		}
	}
	return 0, fmt.Errorf("looking for a token that was never initialised, serial %q, in %d slots: %w", serial, len(slots), errNoToken)
}

// checkMechanisms says plainly what a token lacks.
func checkMechanisms(p *pkcs11.Ctx, slot uint, wrapMethods []string) error {
	list, err := p.GetMechanismList(slot)
	if err != nil {
		return fmt.Errorf("listing the token's mechanisms: %w", err)
	}
	offers := func(mech uint) bool {
		return slices.ContainsFunc(list, func(m *pkcs11.Mechanism) bool { return m.Mechanism == mech })
	}
	var missing []string
	for _, n := range needs {
		if !offers(n.mech) {
			missing = append(missing, n.name)
		}
	}
	wraps := slices.ContainsFunc(methods, func(m method) bool {
		return slices.Contains(wrapMethods, m.name) && offers(m.mech)
	})
	if !wraps {
		missing = append(missing, "a wrapping method ("+strings.Join(wrapMethods, ", ")+")")
	}
	if len(missing) > 0 {
		return refused("this token does not offer " + strings.Join(missing, ", ") + "; it was not touched")
	}
	return nil
}

// initPIN sets the user's PIN. The slot is looked for again: SoftHSM gives a
// token that was just initialised another slot number.
func initPIN(p *pkcs11.Ctx, label, pin, soPIN string) error {
	slot, _, err := findSlot(p, label, "")
	if err != nil {
		return err
	}
	h, err := p.OpenSession(slot, sessionFlags)
	if err != nil {
		return fmt.Errorf("opening a session: %w", err)
	}
	if err := p.Login(h, pkcs11.CKU_SO, soPIN); err != nil {
		return fmt.Errorf("logging in as security officer: %w", err)
	}
	if err := p.InitPIN(h, pin); err != nil {
		return fmt.Errorf("setting the PIN: %w", err)
	}
	if err := errors.Join(p.Logout(h), p.CloseSession(h)); err != nil {
		return fmt.Errorf("leaving the security officer's session: %w", err)
	}
	return nil
}
