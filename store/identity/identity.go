// Package identity tells who is calling: it turns the certificates a caller proved
// to hold into a [Caller] with roles and vaults, or says in one sentinel why not.
//
// A caller is the pair (key of the issuer, serial number), never a subject name:
// an authority may issue two certificates with one name, and renaming somebody
// must not hand his documents to another. The table of callers is fixed at
// construction; a change of configuration makes a new [Directory].
package identity

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// Why a caller is not let in, or not let do something.
var (
	ErrNoCertificate    = errors.New("the caller showed no certificate")
	ErrUnknownAuthority = errors.New("the caller's certificate was not issued by an authority of this safe")
	ErrExpired          = errors.New("the caller's certificate is outside its period of validity")
	ErrRevoked          = errors.New("the caller's certificate is revoked")
	ErrUnknownCaller    = errors.New("the caller's certificate is good, but nobody here gave it a role")
	ErrForbidden        = errors.New("the caller has no role that allows this")
)

// Caller is a person or a machine at the door. Issuer and Serial identify it; Name
// is what the safe's own table calls it, never what the certificate says.
type Caller struct {
	Name   string   // from the table; empty when the table does not know the certificate
	Issuer string   // SHA-256 of the issuer's SubjectPublicKeyInfo, hexadecimal
	Serial string   // hexadecimal, lower-case, no leading zeros
	From   string   // network address, for the journal
	Roles  []Role   // what it may do
	Vaults []string // names or ids of the vaults where it may do so; "*" is all
}

// Can tells whether some role of the caller gives one of the rights in r.
func (c Caller) Can(r Right) bool {
	for _, role := range c.Roles {
		if rights[role]&r != 0 {
			return true
		}
	}
	return false
}

// MayUse tells whether the caller's rights reach into a vault. Several spellings of
// the same vault (its name, its id) may be given: one of them is enough.
func (c Caller) MayUse(vault ...string) bool {
	for _, v := range c.Vaults {
		if v == AllVaults || slices.Contains(vault, v) {
			return true
		}
	}
	return false
}

// AllVaults in a table stands for every vault, those to come included.
const AllVaults = "*"

// IssuerID is the first half of an identity: the SHA-256 of the key that signed the
// certificate, as DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7), in hexadecimal.
func IssuerID(issuer *x509.Certificate) string {
	sum := sha256.Sum256(issuer.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// SerialID is the second half: the serial number in hexadecimal without leading
// zeros, as openssl prints it save for case.
func SerialID(serial *big.Int) string { return serial.Text(16) }

// ParseIssuer reads an [IssuerID] as a person may write it: either case, with or
// without colons.
func ParseIssuer(s string) (string, error) {
	plain := strings.ToLower(strings.ReplaceAll(s, ":", ""))
	if b, err := hex.DecodeString(plain); err != nil || len(b) != sha256.Size {
		return "", fmt.Errorf("issuer %q is not the 64 hexadecimal digits of a SHA-256", s)
	}
	return plain, nil
}

// ParseSerial reads a [SerialID] as a person may write it: either case, with or
// without colons and leading zeros; at most 20 octets (RFC 5280, 4.1.2.2).
func ParseSerial(s string) (string, error) {
	plain := strings.ToLower(strings.ReplaceAll(s, ":", ""))
	for _, r := range plain {
		if !strings.ContainsRune("0123456789abcdef", r) {
			return "", fmt.Errorf("serial %q is not hexadecimal", s)
		}
	}
	plain = strings.TrimLeft(plain, "0")
	if plain == "" || len(plain) > 40 {
		return "", fmt.Errorf("serial %q is not a positive number of at most 20 octets", s)
	}
	return plain, nil
}
