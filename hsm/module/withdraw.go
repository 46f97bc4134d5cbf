package module

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/pkcs11"
)

// withdraw removes what this set-up made, found by its identifiers and looked at before it is destroyed: what
// another safe has in the same token is named alike. Nil says that nothing of it is left.
func (t *token) withdraw() error {
	var removed [][]byte
	err := t.sessions.with(func(h pkcs11.SessionHandle) (err error) {
		for _, id := range t.setup.keyIDs() {
			n, rerr := t.remove(h, id)
			if n > 0 {
				removed = append(removed, id)
			}
			err = errors.Join(err, rerr)
		}
		return err
	})
	for _, id := range t.made {
		if !slices.ContainsFunc(removed, func(r []byte) bool { return bytes.Equal(r, id) }) {
			err = errors.Join(err, fmt.Errorf("key %x was made and is not found", id)) // under an identifier of the token's own, say
		}
	}
	if err != nil {
		return left(t.setup, err)
	}
	return nil
}

// maxAlike bounds the objects under one identifier: the halves of a pair, and those of ways of wrapping that failed.
const maxAlike = 16

// remove destroys the objects of one identifier, says how many, and looks again.
func (t *token) remove(h pkcs11.SessionHandle, id []byte) (n int, err error) {
	template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_ID, id)}
	found, err := find(t.p, h, maxAlike, template...)
	if err != nil {
		return 0, err
	}
	for _, o := range found {
		if err := t.isOurs(h, o, id); err != nil {
			return n, err
		}
		if err := t.p.DestroyObject(h, o); err != nil {
			return n, fmt.Errorf("destroying key %x: %w", id, err)
		}
		n++
	}
	found, err = find(t.p, h, 1, template...)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("key %x was destroyed and is there still", id)
	}
	return n, err
}

// isOurs does not take a token's search at its word: what is destroyed is lost.
func (t *token) isOurs(h pkcs11.SessionHandle, o pkcs11.ObjectHandle, id []byte) error {
	is, err1 := attribute(t.p, h, o, pkcs11.CKA_ID)
	label, err2 := attribute(t.p, h, o, pkcs11.CKA_LABEL)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if !bytes.Equal(is, id) || !strings.HasPrefix(string(label), labelsOfASafe) {
		return fmt.Errorf("asked for %x, the token gives %q with identifier %x", id, label, is)
	}
	return nil
}

// left names what a person has to look for.
func left(id SetupID, err error) error {
	return fmt.Errorf("%w; it is what has an identifier (CKA_ID) that begins with %s, and nothing else: %w", ErrLeft, id, err)
}

// Withdraw takes back what the [Setup] of this ID made in an initialised token, for a set-up that failed
// afterwards, and nothing else. Nil says that nothing of it is left; anything else is ErrLeft.
func Withdraw(ctx context.Context, cfg SetupConfig) error {
	if cfg.ID == (SetupID{}) {
		return left(cfg.ID, errSetupID)
	}
	pin, err := readPIN(cfg.PINFile)
	if err != nil {
		return left(cfg.ID, err)
	}
	_, err = do(ctx, newGuard(setupTimeout, DefaultSessions, cfg.log()), "leaving token "+cfg.Token.Label, func() (struct{}, error) {
		t, err := openToken(cfg.Token, pin, DefaultSessions)
		if err != nil {
			return struct{}{}, err
		}
		t.setup = cfg.ID
		err = t.withdraw()
		_ = t.close() // nothing hangs on it any more
		return struct{}{}, err
	})
	if err != nil && !errors.Is(err, ErrLeft) {
		return left(cfg.ID, err)
	}
	return err
}
