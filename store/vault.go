package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sort"
	"sync"
	"time"

	"casemate/hsm"
	"casemate/raid"
	"casemate/store/identity"
	"casemate/store/journal"
	"casemate/store/proof"
	"casemate/store/seal"
)

// Vault is one container of the safe, as its users see it.
type Vault struct {
	ID        proof.VaultID
	Name      string
	Documents uint64
	Bytes     uint64
	Created   time.Time
}

// vault is a vault at work. Its key is unwrapped by the token at first use and kept while the
// safe runs: whoever is root on the live box can read it (SECURITY.md says so).
type vault struct {
	ID      proof.VaultID
	Name    string
	Created time.Time
	own     bool   // the safe's own: see own.go
	record  []byte // the wrapped key, signed by the token

	mu       sync.Mutex
	key      *[32]byte
	groups   map[uint32][32]byte
	last     uint64 // last number given
	docs     uint64
	size     uint64
	keyGroup sync.Mutex // one maker of group keys at a time
}

type vaultRecord struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	Key     []byte    `json:"key"`
	Own     bool      `json:"own,omitempty"`
}

type tallyRecord struct {
	Last      uint64 `json:"last"`
	Documents uint64 `json:"documents"`
	Bytes     uint64 `json:"bytes"`
}

var vaultName = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$`)

const vaultKeyVersion = 1

func (v *vault) context() hsm.KeyContext {
	return hsm.KeyContext{Kind: "vault", ID: v.ID, Version: vaultKeyVersion}
}

func (v *vault) add(documents, bytes uint64) {
	v.mu.Lock()
	v.docs += documents
	v.size += bytes
	v.mu.Unlock()
}

func (v *vault) tally() tallyRecord {
	v.mu.Lock()
	defer v.mu.Unlock()
	return tallyRecord{Last: v.last, Documents: v.docs, Bytes: v.size}
}

func (v *vault) set(t tallyRecord) {
	v.mu.Lock()
	v.last, v.docs, v.size = t.Last, t.Documents, t.Bytes
	v.mu.Unlock()
}

func (t tallyRecord) value() []byte {
	b, _ := json.Marshal(t) // numbers only: cannot fail
	return b
}

// number gives the next number; only the ledger asks. One whose intent was journaled and that was
// then not used leaves a gap, which the entries with that number explain; it is never given again,
// for the tally rides in the batch of the intent.
func (v *vault) number() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.last++
	return v.last
}

func (v *vault) public() Vault {
	v.mu.Lock()
	defer v.mu.Unlock()
	return Vault{ID: v.ID, Name: v.Name, Documents: v.docs, Bytes: v.size, Created: v.Created}
}

// CreateVault makes a vault with a key of its own, born in the token. Names are 1 to 64 lower-case
// letters, digits and hyphens; OwnVault is the safe's.
func (s *Safe) CreateVault(ctx context.Context, who identity.Caller, name string) (Vault, error) {
	if _, err := proof.ParseVaultID(name); err == nil || !vaultName.MatchString(name) {
		return Vault{}, fmt.Errorf("vault %q: %w: 1 to 64 of a-z, 0-9 and hyphen, and no identifier of a vault", name, ErrBadName)
	}
	if name == OwnVault {
		return Vault{}, fmt.Errorf("vault %q: %w: this name is the safe's own", name, ErrBadName)
	}
	if !who.MayUse(name) {
		return Vault{}, fmt.Errorf("vault %q: %w", name, ErrForbidden)
	}
	s.vaultMaking.Lock()
	defer s.vaultMaking.Unlock()
	if _, err := s.vaultNamed(name); err == nil {
		return Vault{}, fmt.Errorf("vault %q: %w", name, ErrVaultExists)
	}
	v, err := s.makeVault(ctx, who, name, false)
	if err != nil {
		return Vault{}, err
	}
	return v.public(), nil
}

// makeVault makes a vault of a name that is free. vaultMaking is held.
func (s *Safe) makeVault(ctx context.Context, who identity.Caller, name string, own bool) (*vault, error) {
	v := &vault{ID: proof.NewVaultID(), Name: name, Created: s.now(), own: own, groups: map[uint32][32]byte{}}
	a, err := s.begin(ctx, who, "vault-create", v.ID.String(), v.ID.String())
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	key, record, err := s.token.NewKey(ctx, v.context())
	if err != nil {
		s.failed(ctx, a, err)
		return nil, tokenError(err)
	}
	v.key, v.record = &key, record
	value, err := json.Marshal(vaultRecord{Name: name, Created: v.Created, Key: record, Own: own})
	if err != nil {
		return nil, err
	}
	draft := a.draft
	draft.Result, draft.At = journal.Done, s.now()
	done := a.end(draft, raid.Op{Key: vaultKey(v.ID), Value: value})
	done.vault = v
	if _, err := s.post(ctx, done); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.vaults[name] = v
	s.byID[v.ID] = v
	s.mu.Unlock()
	return v, nil
}

// Vaults lists the vaults that the caller may use, by name.
func (s *Safe) Vaults(_ context.Context, who identity.Caller) ([]Vault, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]Vault, 0, len(s.vaults))
	for _, v := range s.vaults {
		if v.opensTo(who) {
			list = append(list, v.public())
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list, nil
}

func (s *Safe) vaultNamed(name string) (*vault, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if v, ok := s.vaults[name]; ok {
		return v, nil
	}
	return nil, fmt.Errorf("vault %q: %w", name, ErrUnknownVault)
}

// vaultFor finds a vault by name or identifier for a caller. One he may not use answers
// ErrForbidden, whether or not it exists.
func (s *Safe) vaultFor(who identity.Caller, name string) (*vault, error) {
	v, err := s.vaultNamed(name)
	if id, bad := proof.ParseVaultID(name); err != nil && bad == nil {
		s.mu.RLock()
		if found, ok := s.byID[id]; ok {
			v, err = found, nil
		}
		s.mu.RUnlock()
	}
	if err == nil && v.opensTo(who) {
		return v, nil
	}
	if !who.MayUse(name) || name == OwnVault {
		return nil, fmt.Errorf("vault %q: %w", name, ErrForbidden)
	}
	return nil, fmt.Errorf("vault %q: %w", name, ErrUnknownVault)
}

// open gives the vault's key, asking the token for it the first time.
func (s *Safe) openVault(ctx context.Context, v *vault) ([32]byte, error) {
	v.mu.Lock()
	if v.key != nil {
		defer v.mu.Unlock()
		return *v.key, nil
	}
	v.mu.Unlock()
	key, err := s.token.UnwrapKey(ctx, v.context(), v.record)
	if err != nil {
		return [32]byte{}, tokenError(err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.key = &key
	return key, nil
}

// groupKeyOf gives the key of a group of documents, making it when make is true. A new group key
// is durable before any document uses it.
func (s *Safe) groupKeyOf(ctx context.Context, v *vault, group uint32, create bool) ([32]byte, error) {
	v.mu.Lock()
	if key, ok := v.groups[group]; ok {
		v.mu.Unlock()
		return key, nil
	}
	v.mu.Unlock()
	v.keyGroup.Lock()
	defer v.keyGroup.Unlock()
	kek, err := s.openVault(ctx, v)
	if err != nil {
		return [32]byte{}, err
	}
	at := groupKey(v.ID, group)
	wrapped, err := s.mirror.Get(ctx, at)
	switch {
	case err == nil:
	case errors.Is(err, raid.ErrNotFound) && create:
		key := s.newKey()
		if wrapped, err = seal.Wrap(kek, key, at); err != nil {
			return [32]byte{}, err
		}
		if err := s.commitBatch([]raid.Op{{Key: at, Value: wrapped}}); err != nil {
			return [32]byte{}, err
		}
	default:
		return [32]byte{}, s.readError("group key", err)
	}
	key, err := seal.Unwrap(kek, wrapped, at)
	if err != nil {
		return [32]byte{}, fmt.Errorf("group key of vault %s: %w: %w", v.ID, ErrIntegrity, err)
	}
	v.mu.Lock()
	v.groups[group] = key
	v.mu.Unlock()
	return key, nil
}

// loadVaults reads every vault record and tally at Open.
func (s *Safe) loadVaults(ctx context.Context) error {
	return s.scan(ctx, []byte{typeVault}, func(key, value []byte) error {
		v := &vault{groups: map[uint32][32]byte{}}
		if len(key) != 1+len(v.ID) {
			return fmt.Errorf("vault key of %d bytes: %w", len(key), ErrIntegrity)
		}
		copy(v.ID[:], key[1:])
		var r vaultRecord
		if err := json.Unmarshal(value, &r); err != nil {
			return fmt.Errorf("vault %s: %w: %w", v.ID, ErrIntegrity, err)
		}
		v.Name, v.Created, v.record, v.own = r.Name, r.Created, r.Key, r.Own
		raw, err := s.mirror.Get(ctx, tallyKey(v.ID))
		if err != nil {
			return s.readError("tally of vault "+v.ID.String(), err)
		}
		var t tallyRecord
		if err := json.Unmarshal(raw, &t); err != nil {
			return fmt.Errorf("tally of vault %s: %w: %w", v.ID, ErrIntegrity, err)
		}
		v.set(t)
		s.vaults[v.Name], s.byID[v.ID] = v, v
		return nil
	})
}
