package module

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/subtle"
	"fmt"

	"github.com/miekg/pkcs11"

	"casemate/hsm"
)

// kindCanary is the context of the record that Setup makes under each root key
// to recognise it by.
const kindCanary = "canary"

// keyring makes and opens wrapped keys.
type keyring struct {
	origin   string
	guard    *guard
	token    *token
	signer   *signer // of records
	roots    map[uint32]*rootKey
	current  uint32 // version new keys are wrapped under
	canaries map[uint32]record
}

func newKeyring(origin string, g *guard, t *token, records *signer) *keyring {
	return &keyring{origin: origin, guard: g, token: t, signer: records, roots: map[uint32]*rootKey{}, canaries: map[uint32]record{}}
}

// newKey draws a key and makes its record, and opens the record again before
// anyone relies on it.
func (k *keyring) newKey(ctx context.Context, kc hsm.KeyContext) (key, rec []byte, err error) {
	type made struct {
		key []byte
		rec record
	}
	m, err := do(ctx, k.guard, "making a key", func() (m made, err error) {
		err = k.token.sessions.with(func(h pkcs11.SessionHandle) error {
			if m.key, err = drawKey(k.token.p, h); err != nil {
				return err
			}
			m.rec, err = k.wrap(h, k.roots[k.current], kc, m.key)
			return err
		})
		return m, err
	})
	if err != nil {
		return nil, nil, err
	}
	digest, err := m.rec.digest(k.origin)
	if err != nil {
		return nil, nil, err
	}
	if m.rec.signature, err = k.signer.sign(ctx, digest); err != nil {
		return nil, nil, err
	}
	if rec, err = m.rec.marshal(); err != nil {
		return nil, nil, err
	}
	again, err := k.unwrapKey(ctx, kc, rec)
	if err != nil {
		return nil, nil, fmt.Errorf("opening a key just wrapped: %w", err)
	}
	if subtle.ConstantTimeCompare(again, m.key) != 1 {
		err := fmt.Errorf("opening a key just wrapped: another key came out: %w", hsm.ErrUnavailable)
		k.guard.giveUp(err)
		return nil, nil, err
	}
	return m.key, rec, nil
}

// drawKey mixes the token's generator with the system's: the key is as good as
// the better of the two.
func drawKey(p *pkcs11.Ctx, h pkcs11.SessionHandle) ([]byte, error) {
	key, err := p.GenerateRandom(h, 32)
	if err != nil {
		return nil, fmt.Errorf("drawing a key: %w", err)
	}
	system := make([]byte, len(key))
	rand.Read(system) //nolint:errcheck // never fails since Go 1.24
	subtle.XORBytes(key, key, system)
	return key, nil
}

// wrap makes a record, not yet signed.
func (k *keyring) wrap(h pkcs11.SessionHandle, root *rootKey, kc hsm.KeyContext, key []byte) (record, error) {
	r := record{method: root.method.id, root: root.version, context: kc}
	inside, err := r.contextDigest(k.origin)
	if err != nil {
		return record{}, err
	}
	r.nonce, r.sealed, err = root.wrap(k.token.p, h, append(bytes.Clone(inside), key...), inside)
	return r, err
}

// unwrapKey checks a record's signature and context, then has the token open it.
func (k *keyring) unwrapKey(ctx context.Context, kc hsm.KeyContext, rec []byte) ([]byte, error) {
	r, err := parseRecord(rec)
	if err != nil {
		return nil, &reasonError{hsm.ErrIntegrity, err.Error()}
	}
	digest, err := r.digest(k.origin)
	if err != nil {
		return nil, err
	}
	if !ecdsa.VerifyASN1(k.signer.public, digest, r.signature) {
		return nil, &reasonError{hsm.ErrIntegrity, "the record was not signed by this token for this safe"}
	}
	if r.context != kc {
		return nil, &reasonError{hsm.ErrIntegrity, fmt.Sprintf("the record is for a %s key version %d, or for another one", r.context.Kind, r.context.Version)}
	}
	root := k.roots[r.root]
	if root == nil || root.method.id != r.method {
		return nil, &reasonError{hsm.ErrIntegrity, fmt.Sprintf("no root key of version %d and method %d in this token", r.root, r.method)}
	}
	return do(ctx, k.guard, "unwrapping a key", func() ([]byte, error) {
		key, err := k.open(root, r)
		if err != nil && classify(err) == failDead && k.opensCanary(root) {
			// The token is well and the root key opens what it should: it is
			// the record. The code is dropped so that it says so.
			return nil, &reasonError{hsm.ErrIntegrity, err.Error()}
		}
		return key, err
	})
}

// open has the token decrypt a record and compares the context inside.
func (k *keyring) open(root *rootKey, r record) (key []byte, err error) {
	inside, err := r.contextDigest(k.origin)
	if err != nil {
		return nil, err
	}
	var plain []byte
	err = k.token.sessions.with(func(h pkcs11.SessionHandle) error {
		plain, err = root.unwrap(k.token.p, h, r.nonce, r.sealed, inside)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(plain) != len(inside)+32 || subtle.ConstantTimeCompare(plain[:len(inside)], inside) != 1 {
		return nil, &reasonError{hsm.ErrIntegrity, "the wrapped key belongs to another context"}
	}
	return plain[len(inside):], nil
}

// opensCanary tells whether a root key is the one of the setup and works.
func (k *keyring) opensCanary(root *rootKey) bool {
	_, err := k.open(root, k.canaries[root.version])
	return err == nil
}
