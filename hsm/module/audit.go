package module

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"fmt"

	"github.com/miekg/pkcs11"

	"casemate/hsm"
)

// auditSigning holds a key pair against its record and returns it ready to
// sign. Attributes are what the token says of the key; that the private half
// belongs to the recorded public one is shown by a signature.
func (t *token) auditSigning(ctx context.Context, g *guard, rec keyRecord) (*signer, error) {
	public, err := rec.public()
	if err != nil {
		return nil, auditError(err.Error())
	}
	s, err := do(ctx, g, "auditing key "+rec.Label, func() (*signer, error) {
		err := t.sessions.with(func(h pkcs11.SessionHandle) error {
			return t.auditPair(h, rec, pkcs11.CKK_EC, signingFlags(), publicUse(false))
		})
		if err != nil {
			return nil, err
		}
		key, err := t.c.FindKeyPair(rec.ID, []byte(rec.Label))
		if err != nil {
			return nil, fmt.Errorf("finding key %q: %w", rec.Label, err)
		}
		if !public.Equal(key.Public()) {
			return nil, auditError(fmt.Sprintf("%q has another public key than at setup", rec.Label))
		}
		return &signer{kind: rec.Kind, key: key, public: public, guard: g}, nil
	})
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte("casemate/key-audit\x00" + rec.Label))
	signature, err := s.sign(ctx, digest[:])
	if err != nil {
		return nil, err
	}
	if !ecdsa.VerifyASN1(public, digest[:], signature) {
		return nil, auditError(fmt.Sprintf("the private half of %q does not belong to its public half", rec.Label))
	}
	return s, nil
}

// auditRoot holds a root key against its record. A secret key has no public
// half to know it by: it must open its canary.
func (k *keyring) auditRoot(ctx context.Context, rec keyRecord) error {
	m, err := methodByName(rec.Method)
	if err != nil {
		return auditError(err.Error())
	}
	canary, err := parseRecord(rec.Canary)
	if err != nil {
		return auditError(fmt.Sprintf("the canary of %q: %v", rec.Label, err))
	}
	root, err := do(ctx, k.guard, "auditing key "+rec.Label, func() (*rootKey, error) {
		return k.token.auditRootFlags(rec, m)
	})
	if err != nil {
		return err
	}
	k.roots[rec.Version], k.canaries[rec.Version] = root, canary
	k.current = max(k.current, rec.Version)
	_, err = do(ctx, k.guard, "opening the canary of "+rec.Label, func() ([]byte, error) {
		key, err := k.open(root, canary)
		if c, _ := code(err); err != nil && (classify(err) != failDead || c == pkcs11.CKR_GENERAL_ERROR) {
			return nil, auditError(fmt.Sprintf("%q does not open its canary: it is another key, or the token is ill: %v", rec.Label, err))
		}
		return key, err
	})
	return err
}

func (t *token) auditRootFlags(rec keyRecord, m method) (*rootKey, error) {
	root, err := t.findRoot(rec, m)
	if err != nil {
		return nil, err
	}
	err = t.sessions.with(func(h pkcs11.SessionHandle) error {
		if m.class == classRSA {
			return t.auditPair(h, rec, pkcs11.CKK_RSA, rootFlags(m), publicUse(true))
		}
		if err := t.auditType(h, root.secret, rec, pkcs11.CKK_AES); err != nil {
			return err
		}
		if err := t.auditNumber(h, root.secret, rec, "CKA_VALUE_LEN", pkcs11.CKA_VALUE_LEN, 32); err != nil {
			return err
		}
		return t.auditFlags(h, root.secret, rec, rootFlags(m))
	})
	return root, err
}

func (t *token) auditPair(h pkcs11.SessionHandle, rec keyRecord, keyType uint, privateFlags, publicFlags []flag) error {
	for _, half := range []struct {
		class uint
		flags []flag
	}{{pkcs11.CKO_PRIVATE_KEY, privateFlags}, {pkcs11.CKO_PUBLIC_KEY, publicFlags}} {
		o, err := t.only(h, half.class, rec)
		if err != nil {
			return err
		}
		if err := t.auditType(h, o, rec, keyType); err != nil {
			return err
		}
		if err := t.auditFlags(h, o, rec, half.flags); err != nil {
			return err
		}
	}
	return nil
}

func (t *token) auditType(h pkcs11.SessionHandle, o pkcs11.ObjectHandle, rec keyRecord, want uint) error {
	return t.auditNumber(h, o, rec, "CKA_KEY_TYPE", pkcs11.CKA_KEY_TYPE, want)
}

func (t *token) auditNumber(h pkcs11.SessionHandle, o pkcs11.ObjectHandle, rec keyRecord, name string, attr, want uint) error {
	got, err := t.p.GetAttributeValue(h, o, []*pkcs11.Attribute{pkcs11.NewAttribute(attr, nil)})
	if err != nil {
		return t.unreadable(rec, name, err)
	}
	if !bytes.Equal(got[0].Value, pkcs11.NewAttribute(attr, want).Value) {
		return auditError(fmt.Sprintf("%q: %s is %x, want %d", rec.Label, name, got[0].Value, want))
	}
	return nil
}

func (t *token) auditFlags(h pkcs11.SessionHandle, o pkcs11.ObjectHandle, rec keyRecord, flags []flag) error {
	for _, f := range flags {
		got, err := t.p.GetAttributeValue(h, o, []*pkcs11.Attribute{pkcs11.NewAttribute(f.attr, nil)})
		if err != nil {
			return t.unreadable(rec, f.name, err)
		}
		if len(got[0].Value) != 1 || (got[0].Value[0] != 0) != f.want {
			return auditError(fmt.Sprintf("%q: %s is not %v", rec.Label, f.name, f.want))
		}
	}
	return nil
}

// unreadable keeps a lost device apart from a key that hides an attribute.
func (t *token) unreadable(rec keyRecord, name string, err error) error {
	if classify(err) == failDead {
		return fmt.Errorf("reading %s of %q: %w", name, rec.Label, err)
	}
	return auditError(fmt.Sprintf("%q: %s can not be read: %v", rec.Label, name, err))
}

// publicKeys lists the keys for Info.
func (s setupRecord) publicKeys() []hsm.Key {
	keys := make([]hsm.Key, len(s.Keys))
	for i, k := range s.Keys {
		keys[i] = hsm.Key{Kind: k.Kind, Version: k.Version, Label: k.Label, Type: k.Type, SPKI: k.SPKI}
	}
	return keys
}
