package module

import (
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"casemate/hsm"
)

// Files of the state directory. What Setup made is written once; the rest is
// replaced whole, durably.
const (
	setupFile      = "setup.json"      // written last: without it nothing was set up
	sealRootFile   = "seal.pem"        // published
	accessRootFile = "access.pem"      // published
	vkeyFile       = "journal.vkey"    // published
	sealFile       = "sealing.pem"     // the certificate of the seal key
	tlsFile        = "tls.pem"         // renewed before it ends
	crlFile        = "seal.crl"        // DER, renewed daily
	checkpointFile = "checkpoint.json" // the last one signed
	markFile       = "mirror.mark"     // the mirror's, beside the token's copy
)

const (
	setupType    = "casemate/hsm-setup"
	setupVersion = "1"
	// profileGenerated: the key was made in this token (see secretFlags).
	profileGenerated = "generated"
)

// setupRecord is what the audit holds the token against at every start.
type setupRecord struct {
	Typ           string      `json:"typ"`
	V             string      `json:"v"`
	Origin        string      `json:"origin"`
	Demonstration bool        `json:"demonstration"`
	Created       string      `json:"created"`
	Token         hsm.Token   `json:"token"`
	TLSNames      []string    `json:"tlsNames"`
	Keys          []keyRecord `json:"keys"`
}

// keyRecord is one key. Method and Canary belong to root keys: the canary is a
// record made under the key at setup, which no other key opens.
type keyRecord struct {
	Kind    string `json:"kind"`
	Version uint32 `json:"version"`
	Label   string `json:"label"`
	ID      []byte `json:"id"`
	Type    string `json:"type"` // AES-256, P-256, P-384, RSA-3072
	Profile string `json:"profile"`
	SPKI    []byte `json:"spki,omitempty"`
	Method  string `json:"method,omitempty"`
	Canary  []byte `json:"canary,omitempty"`
}

func keyLabel(kind string, version uint32) string {
	return fmt.Sprintf("casemate-%s-%d", kind, version)
}

// loadSetup reads the setup record; none is hsm.ErrNotSetUp.
func loadSetup(dir string) (setupRecord, error) {
	var s setupRecord
	err := readJSON(filepath.Join(dir, setupFile), &s)
	if errors.Is(err, fs.ErrNotExist) {
		return s, &reasonError{hsm.ErrNotSetUp, fmt.Sprintf("%q holds no %s: run casemated init", dir, setupFile)}
	}
	if err != nil {
		return s, err
	}
	if s.Typ != setupType || s.V != setupVersion {
		return s, fmt.Errorf("reading %q: type %q version %q, want %q %q", setupFile, s.Typ, s.V, setupType, setupVersion)
	}
	for _, k := range s.Keys {
		if k.Profile != profileGenerated {
			return s, fmt.Errorf("reading %q: key %q has the unknown profile %q", setupFile, k.Label, k.Profile)
		}
	}
	return s, nil
}

// newest is the key of a kind with the highest version.
func (s setupRecord) newest(kind string) (keyRecord, error) {
	var found keyRecord
	for _, k := range s.Keys {
		if k.Kind == kind && k.Version > found.Version {
			found = k
		}
	}
	if found.Version == 0 {
		return found, auditError("the setup record names no " + kind + " key")
	}
	return found, nil
}

// public is the recorded public half of an ECDSA key.
func (k keyRecord) public() (*ecdsa.PublicKey, error) {
	key, err := x509.ParsePKIXPublicKey(k.SPKI)
	if err != nil {
		return nil, fmt.Errorf("reading the public key of %q: %w", k.Label, err)
	}
	public, ok := key.(*ecdsa.PublicKey)
	if !ok || public.Curve != curveByName(k.Type) {
		return nil, fmt.Errorf("reading the public key of %q: not of type %q", k.Label, k.Type)
	}
	return public, nil
}
