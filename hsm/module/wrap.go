package module

import (
	"crypto/elliptic"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"
)

// method is one way to encrypt a key under the root key. Which one a token
// offers is found out at setup by doing it; which one was used stands in every
// record, so that records outlive a change of token.
type method struct {
	id    byte   // in records, for ever
	name  string // in state and Info
	mech  uint
	hash  uint // of RSA-OAEP
	mgf   uint
	class keyClass
}

type keyClass int

const (
	classAES keyClass = iota
	classRSA
	classEC
)

// methods in order of preference. AES-GCM binds the context as associated data;
// the others carry it inside only. AES_KEY_WRAP_PAD is RFC 5649.
var methods = []method{
	{id: 1, name: "aes-gcm", mech: pkcs11.CKM_AES_GCM},
	{id: 2, name: "aes-kwp", mech: pkcs11.CKM_AES_KEY_WRAP_PAD},
	{id: 3, name: "rsa-oaep-sha256", mech: pkcs11.CKM_RSA_PKCS_OAEP, hash: pkcs11.CKM_SHA256, mgf: pkcs11.CKG_MGF1_SHA256, class: classRSA},
	{id: 4, name: "rsa-oaep-sha1", mech: pkcs11.CKM_RSA_PKCS_OAEP, hash: pkcs11.CKM_SHA_1, mgf: pkcs11.CKG_MGF1_SHA1, class: classRSA},
}

// WrapMethods are the names of all wrapping methods, best first.
func WrapMethods() []string {
	names := make([]string, len(methods))
	for i, m := range methods {
		names[i] = m.name
	}
	return names
}

func methodByName(name string) (method, error) {
	for _, m := range methods {
		if m.name == name {
			return m, nil
		}
	}
	return method{}, fmt.Errorf("unknown wrapping method %q", name)
}

// rootKey is one version of the key at the top, as handles into the token.
type rootKey struct {
	method  method
	version uint32
	secret  pkcs11.ObjectHandle // the AES key, or the RSA private key
	public  pkcs11.ObjectHandle // RSA only
}

const gcmIVSize = 12

// wrap encrypts plain. iv is the token's random; a token that insists on its
// own gives it back in the parameters.
func (k *rootKey) wrap(p *pkcs11.Ctx, h pkcs11.SessionHandle, plain, ad []byte) (iv, sealed []byte, err error) {
	switch k.method.mech {
	case pkcs11.CKM_AES_GCM:
		iv, err = p.GenerateRandom(h, gcmIVSize)
		if err != nil {
			return nil, nil, fmt.Errorf("drawing a nonce: %w", err)
		}
		params := pkcs11.NewGCMParams(iv, ad, 128)
		defer params.Free()
		if err := p.EncryptInit(h, []*pkcs11.Mechanism{pkcs11.NewMechanism(k.method.mech, params)}, k.secret); err != nil {
			return nil, nil, fmt.Errorf("wrapping: %w", err)
		}
		sealed, err = p.Encrypt(h, plain)
		return params.IV(), sealed, err
	case pkcs11.CKM_AES_KEY_WRAP_PAD:
		sealed, err = k.wrapObject(p, h, plain)
		return nil, sealed, err
	default:
		if err := p.EncryptInit(h, k.oaep(), k.public); err != nil {
			return nil, nil, fmt.Errorf("wrapping: %w", err)
		}
		sealed, err = p.Encrypt(h, plain)
		return nil, sealed, err
	}
}

// unwrap is the inverse. What it returns is not to be believed before the
// context inside was compared.
func (k *rootKey) unwrap(p *pkcs11.Ctx, h pkcs11.SessionHandle, iv, sealed, ad []byte) ([]byte, error) {
	mech := k.oaep()
	switch k.method.mech {
	case pkcs11.CKM_AES_KEY_WRAP_PAD:
		return k.unwrapObject(p, h, sealed)
	case pkcs11.CKM_AES_GCM:
		params := pkcs11.NewGCMParams(iv, ad, 128)
		defer params.Free()
		mech = []*pkcs11.Mechanism{pkcs11.NewMechanism(k.method.mech, params)}
	}
	if err := p.DecryptInit(h, mech, k.secret); err != nil {
		return nil, fmt.Errorf("unwrapping: %w", err)
	}
	plain, err := p.Decrypt(h, sealed)
	if err != nil {
		return nil, fmt.Errorf("unwrapping: %w", err)
	}
	return plain, nil
}

func (k *rootKey) oaep() []*pkcs11.Mechanism {
	params := pkcs11.NewOAEPParams(k.method.hash, k.method.mgf, pkcs11.CKZ_DATA_SPECIFIED, nil)
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_OAEP, params)}
}

// sessionSecret is a generic secret that lives as long as its session at most.
func sessionSecret(more ...*pkcs11.Attribute) []*pkcs11.Attribute {
	return append([]*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true),
	}, more...)
}

func (k *rootKey) wrapObject(p *pkcs11.Ctx, h pkcs11.SessionHandle, plain []byte) ([]byte, error) {
	o, err := p.CreateObject(h, sessionSecret(pkcs11.NewAttribute(pkcs11.CKA_VALUE, plain)))
	if err != nil {
		return nil, fmt.Errorf("handing a key to the token: %w", err)
	}
	sealed, err := p.WrapKey(h, []*pkcs11.Mechanism{pkcs11.NewMechanism(k.method.mech, nil)}, k.secret, o)
	if err := errors.Join(err, p.DestroyObject(h, o)); err != nil {
		return nil, fmt.Errorf("wrapping: %w", err)
	}
	return sealed, nil
}

func (k *rootKey) unwrapObject(p *pkcs11.Ctx, h pkcs11.SessionHandle, sealed []byte) ([]byte, error) {
	o, err := p.UnwrapKey(h, []*pkcs11.Mechanism{pkcs11.NewMechanism(k.method.mech, nil)}, k.secret, sealed, sessionSecret())
	if err != nil {
		return nil, fmt.Errorf("unwrapping: %w", err)
	}
	got, err := p.GetAttributeValue(h, o, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
	if err := errors.Join(err, p.DestroyObject(h, o)); err != nil {
		return nil, fmt.Errorf("unwrapping: %w", err)
	}
	return got[0].Value, nil
}

// curveByName gives the curve of a key type of the setup record.
func curveByName(name string) elliptic.Curve {
	switch name {
	case "P-256":
		return elliptic.P256()
	case "P-384":
		return elliptic.P384()
	}
	return nil
}
