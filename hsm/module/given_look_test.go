package module

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/miekg/pkcs11"

	"casemate/hsm"
)

// TestTokenTooFull: where not all can be seen, nobody says that nothing of a safe is there.
func TestTokenTooFull(t *testing.T) {
	cfg := setUp(t)
	pin, err := readPIN(cfg.PINFile)
	check(t, err)
	tok, err := openToken(cfg.Token, pin, 2)
	check(t, err)
	defer func() { check(t, tok.close()) }()
	check(t, tok.sessions.with(func(h pkcs11.SessionHandle) error {
		_, err := tok.p.CreateObject(h, markTemplate()) // no key, and has no identifier
		return err
	}))
	seen, err := tok.ofASafe(maxObjects)
	if err != nil || len(seen) != 2*len(signingKeys)+2 {
		t.Errorf("%d objects, %v", len(seen), err)
	}
	if _, err := tok.ofASafe(len(seen) - 1); !errors.Is(err, hsm.ErrRefused) {
		t.Errorf("one more than can be seen: %v", err)
	}
	if _, err := tok.ofASafe(len(seen)); err != nil {
		t.Errorf("just as many: %v", err)
	}
	tok.made = [][]byte{tok.setup.keyID("casemate-seal-1")} // of a token that gives identifiers of its own
	if err := tok.withdraw(); !errors.Is(err, ErrLeft) {
		t.Errorf("a key that was made is not found: %v", err)
	}
	check(t, tok.sessions.with(func(h pkcs11.SessionHandle) error {
		all, err := find(tok.p, h, 1, pkcs11.NewAttribute(pkcs11.CKA_LABEL, "casemate-seal-1"))
		check(t, err)
		if err := tok.isOurs(h, all[0], tok.made[0]); err == nil {
			t.Error("a search that gives another set-up's key is taken at its word")
		}
		return nil
	}))
}

// TestWhatCannotBeRead: an object without a label is no safe's; one whose label nobody could read may be.
func TestWhatCannotBeRead(t *testing.T) {
	cfg := setUp(t)
	pin, err := readPIN(cfg.PINFile)
	check(t, err)
	tok, err := openToken(cfg.Token, pin, 2)
	check(t, err)
	defer func() { check(t, tok.close()) }()
	check(t, tok.sessions.with(func(h pkcs11.SessionHandle) error {
		all, err := find(tok.p, h, 1, pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY))
		check(t, err)
		for _, typ := range []uint{pkcs11.CKA_APPLICATION, pkcs11.CKA_VALUE} { // it has no such one; it does not give it
			if got, err := attribute(tok.p, h, all[0], typ); err != nil || got != nil {
				t.Errorf("attribute %d: %x, %v", typ, got, err)
			}
		}
		if _, err := attribute(tok.p, h, 1<<20, pkcs11.CKA_LABEL); err == nil {
			t.Error("of an object that is not there")
		}
		return nil
	}))
}

// TestSetupID: one form on a disk, and keys of two set-ups are never taken for each other's.
func TestSetupID(t *testing.T) {
	id := NewSetupID()
	text, err := json.Marshal(id)
	var back SetupID
	if err != nil || json.Unmarshal(text, &back) != nil || back != id || string(text) != fmt.Sprintf("%q", id) {
		t.Errorf("%s came back as %s, %v", text, back, err)
	}
	for _, bad := range []string{"", "0102", "010203040506070", "0102030405060g08", "010203040506070809", "0A02030405060708"} {
		if err := back.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	seen := map[string]bool{}
	for _, id := range append(id.keyIDs(), NewSetupID().keyIDs()...) {
		if len(id) != 16 || seen[string(id)] {
			t.Errorf("%x", id)
		}
		seen[string(id)] = true
	}
	if err := Withdraw(context.Background(), SetupConfig{}); !errors.Is(err, ErrLeft) {
		t.Errorf("of no set-up: %v", err)
	}
}

// TestSilenceIsNoAnswer: a token that hangs beyond the alarm, or dies, has perhaps what was made in it.
func TestSilenceIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := make(chan struct{})
		defer close(hangs)
		cfg := SetupConfig{Initialised: true, ID: SetupID{1}}
		o, err := do(t.Context(), newGuard(setupTimeout, 1, cfg.log()), "x", func() (outcome, error) { <-hangs; return outcome{back: true}, errNoToken })
		if err := cfg.told(o, err); !errors.Is(err, ErrLeft) || !errors.Is(err, hsm.ErrUnavailable) {
			t.Errorf("it hangs: %v", err)
		}
		o, err = do(t.Context(), newGuard(setupTimeout, 1, cfg.log()), "x", func() (outcome, error) {
			return outcome{back: true}, pkcs11.Error(pkcs11.CKR_DEVICE_ERROR) // withdrawn, then lost
		})
		if err := cfg.told(o, err); err == nil || errors.Is(err, ErrLeft) {
			t.Errorf("withdrawn, and lost after that: %v", err)
		}
		if err := (SetupConfig{}).told(outcome{}, errNoToken); errors.Is(err, ErrLeft) {
			t.Errorf("a token of its own: %v", err)
		}
	})
}
