package module

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"casemate/hsm"
)

// intruder is somebody with the PIN and PKCS#11, on a token set up.
type intruder struct {
	t    *testing.T
	p    *pkcs11.Ctx
	h    pkcs11.SessionHandle
	keys map[string]keyRecord
}

func intrude(t *testing.T, cfg Config, act func(i *intruder)) {
	t.Helper()
	setup, err := loadSetup(cfg.StateDir)
	check(t, err)
	pin, err := readPIN(cfg.PINFile)
	check(t, err)
	p, err := load(cfg.Token)
	check(t, err)
	check(t, withLibrary(p, func() error {
		slot, _, err := findSlot(p, cfg.Token.Label, "")
		check(t, err)
		h, err := p.OpenSession(slot, sessionFlags)
		check(t, err)
		check(t, p.Login(h, pkcs11.CKU_USER, pin))
		i := &intruder{t: t, p: p, h: h, keys: map[string]keyRecord{}}
		for _, k := range setup.Keys {
			i.keys[k.Kind] = k
		}
		act(i)
		return nil
	}))
}

func (i *intruder) objects(kind string, class uint) []pkcs11.ObjectHandle {
	found, err := find(i.p, i.h, 9, pkcs11.NewAttribute(pkcs11.CKA_CLASS, class), pkcs11.NewAttribute(pkcs11.CKA_LABEL, i.keys[kind].Label))
	check(i.t, err)
	return found
}

func (i *intruder) remove(kind string, classes ...uint) {
	for _, class := range classes {
		for _, o := range i.objects(kind, class) {
			check(i.t, i.p.DestroyObject(i.h, o))
		}
	}
}

// replace removes a key and makes one in its place, by the same template but
// for what is changed.
func (i *intruder) replace(kind string, id []byte, changed ...*pkcs11.Attribute) {
	rec := i.keys[kind]
	if id == nil {
		id = rec.ID
	}
	with := func(flags []flag) []*pkcs11.Attribute {
		set, err := template(rec.Label, id, flags)
		check(i.t, err)
		for _, a := range changed {
			set[a.Type] = a
		}
		return set.ToSlice()
	}
	mech := func(m uint) []*pkcs11.Mechanism { return []*pkcs11.Mechanism{pkcs11.NewMechanism(m, nil)} }
	if kind == kindRoot {
		i.remove(kind, pkcs11.CKO_SECRET_KEY)
		m, err := methodByName(rec.Method)
		check(i.t, err)
		_, err = i.p.GenerateKey(i.h, mech(pkcs11.CKM_AES_KEY_GEN), append(with(rootFlags(m)), pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32)))
		check(i.t, err)
		return
	}
	i.remove(kind, pkcs11.CKO_PRIVATE_KEY, pkcs11.CKO_PUBLIC_KEY)
	p256 := []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}
	public, err := template(rec.Label, id, publicUse(false))
	check(i.t, err)
	_, _, err = i.p.GenerateKeyPair(i.h, mech(pkcs11.CKM_EC_KEY_PAIR_GEN),
		append(public.ToSlice(), pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, p256)), with(signingFlags()))
	check(i.t, err)
}

func yes(attr uint) *pkcs11.Attribute { return pkcs11.NewAttribute(attr, true) }
func no(attr uint) *pkcs11.Attribute  { return pkcs11.NewAttribute(attr, false) }

func TestAuditRefusesKeys(t *testing.T) {
	original := setUp(t)
	for name, c := range map[string]struct {
		act    func(i *intruder)
		reason string
	}{
		"another seal key":       {func(i *intruder) { i.replace(kindSeal, nil) }, "another public key"},
		"another identifier":     {func(i *intruder) { i.replace(kindSeal, []byte("other")) }, "another identifier"},
		"extractable":            {func(i *intruder) { i.replace(kindSeal, nil, yes(pkcs11.CKA_EXTRACTABLE)) }, "CKA_EXTRACTABLE"},
		"not sensitive":          {func(i *intruder) { i.replace(kindCheckpoint, nil, no(pkcs11.CKA_SENSITIVE)) }, "CKA_SENSITIVE"},
		"may derive":             {func(i *intruder) { i.replace(kindRecord, nil, yes(pkcs11.CKA_DERIVE)) }, "CKA_DERIVE"},
		"may unwrap":             {func(i *intruder) { i.replace(kindTLS, nil, yes(pkcs11.CKA_UNWRAP)) }, "CKA_UNWRAP"},
		"another curve":          {func(i *intruder) { i.replace(kindSealAuthority, nil) }, "another public key"},
		"no seal key":            {func(i *intruder) { i.remove(kindSeal, pkcs11.CKO_PRIVATE_KEY) }, "no object"},
		"no public half":         {func(i *intruder) { i.remove(kindSeal, pkcs11.CKO_PUBLIC_KEY) }, "no object"},
		"another root":           {func(i *intruder) { i.replace(kindRoot, nil) }, "canary"},
		"no root":                {func(i *intruder) { i.remove(kindRoot, pkcs11.CKO_SECRET_KEY) }, "no object"},
		"root wraps and decrypt": {func(i *intruder) { i.replace(kindRoot, nil, yes(pkcs11.CKA_WRAP)) }, "CKA_WRAP"},
		"two of a label": {func(i *intruder) {
			_, err := i.p.CreateObject(i.h, []*pkcs11.Attribute{
				pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
				pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, i.keys[kindRoot].Label),
				pkcs11.NewAttribute(pkcs11.CKA_ID, i.keys[kindRoot].ID), pkcs11.NewAttribute(pkcs11.CKA_VALUE, make([]byte, 32)),
			})
			check(i.t, err)
		}, "more than one"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := copyOf(t, original)
			intrude(t, cfg, c.act)
			auditFails(t, cfg, c.reason)
		})
	}
}

func auditFails(t *testing.T, cfg Config, reason string) {
	t.Helper()
	_, err := openEngine(context.Background(), cfg, newGuard(cfg.Timeout, cfg.Sessions, cfg.Log))
	if !errors.Is(err, hsm.ErrAudit) || !strings.Contains(err.Error(), reason) {
		t.Errorf("refused with %v, want ErrAudit and %q", err, reason)
	}
}

// What stands in the state directory must fit the token, too.
func TestAuditRefusesState(t *testing.T) {
	cfg := setUp(t)
	path := func(name string) string { return filepath.Join(cfg.StateDir, name) }
	for name, c := range map[string]struct {
		file   string
		change func(b []byte) []byte
		reason string
	}{
		"sealing certificate of another key": {sealFile, func([]byte) []byte { return read(t, path(tlsFile)) }, "not the certificate"},
		"two certificates":                   {accessRootFile, func(b []byte) []byte { return append(b, b...) }, "one PEM certificate"},
		"cut revocation list":                {crlFile, func(b []byte) []byte { return b[:len(b)-1] }, crlFile},
		"another method":                     {setupFile, func(b []byte) []byte { return replace(b, "aes-gcm", "aes-kwp") }, "CKA_ENCRYPT"},
		"unknown method":                     {setupFile, func(b []byte) []byte { return replace(b, "aes-gcm", "rot13") }, "rot13"},
		"another token":                      {setupFile, func(b []byte) []byte { return replace(b, `"label": "engine"`, `"label": "other"`) }, "configured for"},
		"no checkpoint key":                  {setupFile, func(b []byte) []byte { return replace(b, `"kind": "checkpoint"`, `"kind": "other"`) }, "no checkpoint key"},
	} {
		t.Run(name, func(t *testing.T) {
			good := read(t, path(c.file))
			check(t, os.WriteFile(path(c.file), c.change(append([]byte(nil), good...)), 0o600))
			auditFails(t, cfg, c.reason)
			check(t, os.WriteFile(path(c.file), good, 0o600))
		})
	}
	open(t, cfg)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	check(t, err)
	return b
}

func replace(b []byte, from, to string) []byte {
	return []byte(strings.Replace(string(b), from, to, 1))
}
