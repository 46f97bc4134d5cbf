package module

import (
	"crypto/elliptic"

	"github.com/ThalesIgnite/crypto11"
	"github.com/miekg/pkcs11"
)

// Kinds of key, the middle of their labels (casemate-seal-1).
const (
	kindRoot            = "root"
	kindRecord          = "record"
	kindSealAuthority   = "seal-authority"
	kindSeal            = "seal"
	kindCheckpoint      = "checkpoint"
	kindAccessAuthority = "access-authority"
	kindTLS             = "tls"
)

// signingKeys are the key pairs of a safe. An authority signs rarely and for
// long, hence the larger curve. One key, one use: the record key signs nothing
// but wrapped-key records, so that no other signature can be taken for one.
var signingKeys = []struct {
	kind  string
	curve elliptic.Curve
}{
	{kindRecord, elliptic.P256()},
	{kindSealAuthority, elliptic.P384()},
	{kindSeal, elliptic.P256()},
	{kindCheckpoint, elliptic.P256()},
	{kindAccessAuthority, elliptic.P384()},
	{kindTLS, elliptic.P256()},
}

// flag is one boolean attribute a key must have, at its making and for ever.
type flag struct {
	name     string
	attr     uint
	want     bool
	byItself bool // the token sets it, from how the key came to be
}

// secretFlags is the profile "generated": made in this token, never seen by
// anyone, and so for ever. A key restored from a backup is neither LOCAL nor
// NEVER_EXTRACTABLE and needs a profile of its own.
var secretFlags = []flag{
	{"CKA_TOKEN", pkcs11.CKA_TOKEN, true, false},
	{"CKA_PRIVATE", pkcs11.CKA_PRIVATE, true, false},
	{"CKA_SENSITIVE", pkcs11.CKA_SENSITIVE, true, false},
	{"CKA_EXTRACTABLE", pkcs11.CKA_EXTRACTABLE, false, false},
	{"CKA_MODIFIABLE", pkcs11.CKA_MODIFIABLE, false, false},
	{"CKA_DERIVE", pkcs11.CKA_DERIVE, false, false},
	{"CKA_LOCAL", pkcs11.CKA_LOCAL, true, true},
	{"CKA_ALWAYS_SENSITIVE", pkcs11.CKA_ALWAYS_SENSITIVE, true, true},
	{"CKA_NEVER_EXTRACTABLE", pkcs11.CKA_NEVER_EXTRACTABLE, true, true},
}

var publicFlags = []flag{
	{"CKA_TOKEN", pkcs11.CKA_TOKEN, true, false},
	{"CKA_MODIFIABLE", pkcs11.CKA_MODIFIABLE, false, false},
	{"CKA_LOCAL", pkcs11.CKA_LOCAL, true, true},
}

func use(name string, attr uint, want bool) flag { return flag{name: name, attr: attr, want: want} }

// signingFlags: a private key that signs and does nothing else.
func signingFlags() []flag {
	return append(clone(secretFlags),
		use("CKA_SIGN", pkcs11.CKA_SIGN, true),
		use("CKA_DECRYPT", pkcs11.CKA_DECRYPT, false),
		use("CKA_UNWRAP", pkcs11.CKA_UNWRAP, false))
}

// rootFlags: a root key either encrypts and decrypts, or wraps and unwraps. One
// that may both wrap and decrypt gives away any key it has wrapped.
func rootFlags(m method) []flag {
	if m.class == classRSA {
		return append(clone(secretFlags),
			use("CKA_DECRYPT", pkcs11.CKA_DECRYPT, true),
			use("CKA_UNWRAP", pkcs11.CKA_UNWRAP, false),
			use("CKA_SIGN", pkcs11.CKA_SIGN, false))
	}
	encrypts := m.mech == pkcs11.CKM_AES_GCM
	return append(clone(secretFlags),
		use("CKA_ENCRYPT", pkcs11.CKA_ENCRYPT, encrypts),
		use("CKA_DECRYPT", pkcs11.CKA_DECRYPT, encrypts),
		use("CKA_WRAP", pkcs11.CKA_WRAP, !encrypts),
		use("CKA_UNWRAP", pkcs11.CKA_UNWRAP, !encrypts),
		use("CKA_SIGN", pkcs11.CKA_SIGN, false),
		use("CKA_VERIFY", pkcs11.CKA_VERIFY, false))
}

// publicUse is what the public half may be used for in the token.
func publicUse(encrypts bool) []flag {
	return append(clone(publicFlags),
		use("CKA_VERIFY", pkcs11.CKA_VERIFY, !encrypts),
		use("CKA_ENCRYPT", pkcs11.CKA_ENCRYPT, encrypts),
		use("CKA_WRAP", pkcs11.CKA_WRAP, false))
}

func clone(f []flag) []flag { return append([]flag(nil), f...) }

// template turns a profile into the attributes of a key to be made.
func template(label string, id []byte, flags []flag) (crypto11.AttributeSet, error) {
	set, err := crypto11.NewAttributeSetWithIDAndLabel(id, []byte(label))
	if err != nil {
		return nil, err
	}
	for _, f := range flags {
		if f.byItself {
			continue
		}
		if err := set.Set(f.attr, f.want); err != nil {
			return nil, err
		}
	}
	return set, nil
}
