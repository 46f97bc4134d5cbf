package module

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/ThalesIgnite/crypto11"
	"github.com/miekg/pkcs11"

	"casemate/hsm"
)

const rsaBits = 3072

// generateSigning makes one key pair.
func (t *token) generateSigning(kind string, version uint32, typ string) (keyRecord, error) {
	k := keyRecord{Kind: kind, Version: version, Label: keyLabel(kind, version), Type: typ, Profile: profileGenerated}
	k.ID = t.setup.keyID(k.Label)
	private, err := template(k.Label, k.ID, signingFlags())
	if err != nil {
		return k, err
	}
	public, err := template(k.Label, k.ID, publicUse(false))
	if err != nil {
		return k, err
	}
	key, err := t.c.GenerateECDSAKeyPairWithAttributes(public, private, curveByName(typ))
	if err != nil {
		return k, fmt.Errorf("making key %q: %w", k.Label, err)
	}
	t.made = append(t.made, k.ID)
	k.SPKI, err = x509.MarshalPKIXPublicKey(key.Public())
	return k, err
}

// generateRoot makes a root key for the first of the wanted methods under which
// a key really comes back. What was tried and failed is removed again.
func (k *keyring) generateRoot(ctx context.Context, version uint32, wanted []string) (keyRecord, error) {
	var reasons []error
	for _, m := range methods {
		if !slices.Contains(wanted, m.name) {
			continue
		}
		rec, err := k.tryMethod(ctx, version, m)
		if err == nil {
			return rec, nil
		}
		reasons = append(reasons, fmt.Errorf("%s: %w", m.name, err))
	}
	return keyRecord{}, fmt.Errorf("no wrapping method works in this token: %w", errors.Join(reasons...))
}

func (k *keyring) tryMethod(ctx context.Context, version uint32, m method) (keyRecord, error) {
	rec, remove, err := k.token.generateRootKey(version, m)
	if err != nil {
		return rec, err
	}
	root, err := k.token.findRoot(rec, m)
	if err != nil {
		return rec, errors.Join(err, remove())
	}
	k.roots, k.current = map[uint32]*rootKey{version: root}, version
	if _, rec.Canary, err = k.newKey(ctx, hsm.KeyContext{Kind: kindCanary, Version: version}); err != nil {
		return rec, errors.Join(err, remove())
	}
	k.token.made = append(k.token.made, rec.ID)
	return rec, nil
}

func (t *token) generateRootKey(version uint32, m method) (rec keyRecord, remove func() error, err error) {
	rec = keyRecord{Kind: kindRoot, Version: version, Label: keyLabel(kindRoot, version), Profile: profileGenerated, Method: m.name}
	rec.ID = t.setup.keyID(rec.Label)
	private, err := template(rec.Label, rec.ID, rootFlags(m))
	if err != nil {
		return rec, nil, err
	}
	if m.class == classAES {
		rec.Type = "AES-256"
		key, err := t.c.GenerateSecretKeyWithAttributes(private, 256, crypto11.CipherAES)
		if err != nil {
			return rec, nil, fmt.Errorf("making key %q: %w", rec.Label, err)
		}
		return rec, key.Delete, nil
	}
	rec.Type = fmt.Sprintf("RSA-%d", rsaBits)
	public, err := template(rec.Label, rec.ID, publicUse(true))
	if err != nil {
		return rec, nil, err
	}
	key, err := t.c.GenerateRSAKeyPairWithAttributes(public, private, rsaBits)
	if err != nil {
		return rec, nil, fmt.Errorf("making key %q: %w", rec.Label, err)
	}
	rec.SPKI, err = x509.MarshalPKIXPublicKey(key.Public())
	return rec, key.Delete, err
}

// findRoot gives the handles of a root key.
func (t *token) findRoot(rec keyRecord, m method) (*rootKey, error) {
	root := &rootKey{method: m, version: rec.Version}
	class := uint(pkcs11.CKO_SECRET_KEY)
	if m.class == classRSA {
		class = pkcs11.CKO_PRIVATE_KEY
	}
	err := t.sessions.with(func(h pkcs11.SessionHandle) (err error) {
		if root.secret, err = t.only(h, class, rec); err != nil || m.class != classRSA {
			return err
		}
		root.public, err = t.only(h, pkcs11.CKO_PUBLIC_KEY, rec)
		return err
	})
	return root, err
}

// only finds the one object of a class under a key's label. A second one, or
// one with another identifier, was put there by somebody else.
func (t *token) only(h pkcs11.SessionHandle, class uint, rec keyRecord) (pkcs11.ObjectHandle, error) {
	found, err := find(t.p, h, 2,
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, class),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, rec.Label))
	if err != nil {
		return 0, err
	}
	if len(found) != 1 {
		n := "no"
		if len(found) > 1 {
			n = "more than one"
		}
		return 0, auditError(fmt.Sprintf("%s object of class %d labelled %q", n, class, rec.Label))
	}
	got, err := t.p.GetAttributeValue(h, found[0], []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ID, nil)})
	if err != nil {
		return 0, fmt.Errorf("reading the identifier of %q: %w", rec.Label, err)
	}
	if !bytes.Equal(got[0].Value, rec.ID) {
		return 0, auditError(fmt.Sprintf("%q has another identifier: it was replaced", rec.Label))
	}
	return found[0], nil
}
