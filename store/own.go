package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"casemate/store/identity"
	"casemate/store/proof"
)

// OwnVault is the name of the safe's own vault: what the safe reports about itself lies there, sealed,
// timestamped and provable like any other document. It is made when the first report is. Nobody
// deposits into it but the safe; auditors and administrators read it, whatever their vaults.
const OwnVault = "casemate"

// opensTo says whether a caller's rights reach into the vault.
func (v *vault) opensTo(who identity.Caller) bool {
	if v.own {
		return who.Can(identity.RightAudit | identity.RightAdminister)
	}
	return who.MayUse(v.Name, v.ID.String())
}

// readableBy says whether a caller whose rights reach into the vault may see what is in its documents.
func (v *vault) readableBy(who identity.Caller) bool {
	if v.own {
		return who.Can(identity.RightAudit | identity.RightAdminister)
	}
	return who.Can(identity.RightRead)
}

// mustRead is the error for a caller who may not see what is in a vault's documents.
func (v *vault) mustRead(who identity.Caller) error {
	if v.readableBy(who) {
		return nil
	}
	return fmt.Errorf("vault %q: %w: it takes a caller who may read", v.Name, identity.ErrForbidden)
}

// ownCaller is the safe as a depositor: its issuer is the digest of the key that signs its journal
// (SubjectPublicKeyInfo, DER), its serial the one that no certificate has.
func ownCaller(vkey string) identity.Caller {
	who := self
	if parts := strings.SplitN(strings.TrimSpace(vkey), "+", 3); len(parts) == 3 {
		if key, err := base64.StdEncoding.DecodeString(parts[2]); err == nil && len(key) > 1 {
			sum := sha256.Sum256(key[1:]) // behind the byte that names the algorithm
			who.Issuer, who.Serial = hex.EncodeToString(sum[:]), "0"
		}
	}
	return who
}

// ownVault gives the safe's own vault, making it when make is true.
func (s *Safe) ownVault(ctx context.Context, create bool) (*vault, error) {
	s.vaultMaking.Lock()
	defer s.vaultMaking.Unlock()
	v, err := s.vaultNamed(OwnVault)
	if err == nil && !v.own { // never a caller's
		return nil, fmt.Errorf("vault %q: %w", OwnVault, ErrVaultExists)
	}
	if err == nil || !create {
		return v, err
	}
	return s.makeVault(ctx, s.actor, OwnVault, true)
}

// depositOwn deposits a report of the safe's own by the walk that every document takes. The same bytes
// are deposited once: whoever does not know whether they were asks again.
func (s *Safe) depositOwn(ctx context.Context, name string, metadata map[string]string, body []byte) (proof.DocumentID, error) {
	v, err := s.ownVault(ctx, true)
	if err != nil {
		return proof.DocumentID{}, err
	}
	if id, ok, err := s.deposited(ctx, v, proof.DigestsOf(body)); err != nil || ok {
		return id, err
	}
	given := false
	next := func() (Part, error) {
		if given {
			return Part{}, io.EOF
		}
		given = true
		return Part{Name: name, MediaType: "application/json", Body: bytes.NewReader(body)}, nil
	}
	in := s.newIntake(v)
	defer in.end()
	d, err := s.deposit(ctx, s.actor, DepositRequest{Vault: v.Name, Metadata: metadata}, in, next)
	if err != nil {
		return proof.DocumentID{}, s.abort(ctx, s.actor, in, d, err)
	}
	return d.document.ID, nil
}

// errFound ends a scan at the first key.
var errFound = errors.New("found")

// deposited looks for a document of the same bytes in a vault.
func (s *Safe) deposited(ctx context.Context, v *vault, digests proof.Digests) (id proof.DocumentID, ok bool, err error) {
	mac, err := s.fingerprintMAC(ctx, v, digests)
	if err != nil {
		return id, false, err
	}
	err = s.scan(ctx, fingerprintPrefix(v.ID, mac), func(key, _ []byte) error {
		rec, err := s.all().record(ctx, v, binary.BigEndian.Uint64(key[len(key)-8:]))
		if err != nil {
			return err
		}
		id = rec.id
		return errFound
	})
	if errors.Is(err, errFound) {
		return id, true, nil
	}
	return id, false, err
}
