package module

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"casemate/hsm"
	"casemate/store/proof"
	"casemate/store/seal"
)

// SetupConfig is what Setup needs.
type SetupConfig struct {
	Token         Token    // no token may have this label yet, unless it is
	Initialised   bool     // a token that others initialised: it is used as it is, and has its PIN
	ID            SetupID  // of this set-up; drawn if zero. Withdraw wants it
	Origin        string   // of the safe and its journal, for ever; at most 48 bytes
	Demonstration bool     // no ceremony is held: every attestation will say so
	PINFile       string   // see NewPIN
	SOPINFile     string   // not read for an initialised one
	StateDir      string   // made if missing; must hold no setup yet
	TLSNames      []string // DNS names and addresses of the safe's TLS certificate
	WrapMethods   []string // allowed ones; empty: all of WrapMethods()
	Log           *slog.Logger
	Now           func() time.Time
}

// SetupResult is what a new token is known by.
type SetupResult struct {
	Token           hsm.Token
	WrapMethod      string
	SealPEM         []byte // seal.pem of a trust directory
	SealFingerprint string // hex SHA-256 of the seal root, for the minutes
	AccessPEM       []byte // access.pem
	JournalVKey     string // journal.vkey
}

// setupTimeout is for all of it: some tokens take their time over RSA keys.
const setupTimeout = 2 * time.Minute

const maxOrigin = 48 // so that certificate names keep to ub-common-name

// Setup makes a token of its own for a safe: it initialises a free slot, makes
// the keys, the two authorities and their certificates, and writes the state
// directory, setup.json last. It never touches a token that is initialised nor
// a state directory that was set up; both are fs.ErrExist. After a crash in
// the middle nothing is set up: remove the token and begin again.
//
// An initialised token is logged in to, once, and used if it has nothing of a safe; when the setup fails, or ctx
// ends, what it made there is removed again. Unless it is certain that nothing is left, the error is ErrLeft.
func Setup(ctx context.Context, cfg SetupConfig) (SetupResult, error) {
	cfg.Log = cfg.log()
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if len(cfg.WrapMethods) == 0 {
		cfg.WrapMethods = WrapMethods()
	}
	pin, soPIN, err := cfg.check()
	if err != nil {
		return SetupResult{}, fmt.Errorf("setting up token %q: %w", cfg.Token.Label, err)
	}
	if cfg.ID == (SetupID{}) {
		cfg.ID = NewSetupID()
	}
	// All of it has a guard of its own, and the calls in it another: when these give the token up, or ctx ends,
	// what was made is withdrawn before anybody hears of it.
	o, err := do(context.WithoutCancel(ctx), newGuard(setupTimeout, 1, cfg.Log), "setting up token "+cfg.Token.Label,
		func() (outcome, error) { return cfg.run(ctx, pin, soPIN) })
	return o.result, cfg.told(o, err)
}

func (cfg SetupConfig) open(pin, soPIN string) (*token, error) {
	if cfg.Initialised {
		return openGiven(cfg, pin)
	}
	return makeToken(cfg, pin, soPIN)
}

func (cfg SetupConfig) log() *slog.Logger {
	if cfg.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return cfg.Log
}

// check looks at everything that can be looked at before the token is touched.
func (cfg SetupConfig) check() (pin, soPIN string, err error) {
	if cfg.Origin == "" || len(cfg.Origin) > maxOrigin {
		return "", "", fmt.Errorf("an origin has 1 to %d bytes", maxOrigin)
	}
	if cfg.Token.Label == "" || len(cfg.Token.Label) > 32 || strings.TrimSpace(cfg.Token.Label) != cfg.Token.Label {
		return "", "", errors.New("a token's label has 1 to 32 bytes and no blanks around")
	}
	for _, name := range cfg.WrapMethods {
		if _, err := methodByName(name); err != nil {
			return "", "", err
		}
	}
	if err := os.MkdirAll(cfg.StateDir, 0o700); err != nil {
		return "", "", err
	}
	if _, err := os.Stat(filepath.Join(cfg.StateDir, setupFile)); !errors.Is(err, fs.ErrNotExist) {
		return "", "", fmt.Errorf("%q was set up already: %w", cfg.StateDir, fs.ErrExist)
	}
	pin, err = readPIN(cfg.PINFile)
	if err != nil || cfg.Initialised {
		return pin, "", err
	}
	soPIN, err = readPIN(cfg.SOPINFile)
	return pin, soPIN, err
}

// setup is the making of one token's content.
type setup struct {
	cfg     SetupConfig
	token   *token
	guard   *guard
	record  setupRecord
	signers map[string]*signer
}

func (s *setup) run(ctx context.Context) (SetupResult, error) {
	now := s.cfg.Now()
	s.record = setupRecord{
		Typ: setupType, V: setupVersion, Origin: s.cfg.Origin, Demonstration: s.cfg.Demonstration,
		Created: proof.FormatTime(now), Token: s.token.info, TLSNames: s.cfg.TLSNames,
	}
	for _, k := range signingKeys {
		rec, err := s.token.generateSigning(k.kind, 1, k.curve.Params().Name)
		if err != nil {
			return SetupResult{}, err
		}
		if s.signers[k.kind], err = s.token.auditSigning(ctx, s.guard, rec); err != nil {
			return SetupResult{}, err
		}
		s.record.Keys = append(s.record.Keys, rec)
	}
	ring := newKeyring(s.cfg.Origin, s.guard, s.token, s.signers[kindRecord])
	root, err := ring.generateRoot(ctx, 1, s.cfg.WrapMethods)
	if err != nil {
		return SetupResult{}, err
	}
	if err := newKeyring(s.cfg.Origin, s.guard, s.token, s.signers[kindRecord]).auditRoot(ctx, root); err != nil {
		return SetupResult{}, err
	}
	s.record.Keys = append(s.record.Keys, root)
	result, err := s.publish(ctx, now)
	result.WrapMethod = root.Method
	return result, err
}

// publish makes the certificates and writes the state directory, but for setup.json.
func (s *setup) publish(ctx context.Context, now time.Time) (SetupResult, error) {
	origin, dir := s.cfg.Origin, s.cfg.StateDir
	authority, access := s.signers[kindSealAuthority], s.signers[kindAccessAuthority]
	sealRoot, err1 := seal.Issue(seal.RootTemplate(origin+" seal root", now), nil, authority.public, authority.with(ctx))
	accessRoot, err2 := seal.Issue(seal.AccessRootTemplate(origin+" access root", now), nil, access.public, access.with(ctx))
	if err := errors.Join(err1, err2); err != nil {
		return SetupResult{}, err
	}
	sealing, err1 := seal.Issue(seal.SealTemplate(origin+" seal", now), sealRoot, s.signers[kindSeal].public, authority.with(ctx))
	server, err2 := seal.Issue(seal.TLSTemplate(origin, s.cfg.TLSNames, now), accessRoot, s.signers[kindTLS].public, access.with(ctx))
	crl, err3 := seal.NewCRL(sealRoot, authority.with(ctx), big.NewInt(1), now, crlValid, nil)
	vkey, err4 := proof.CheckpointVKey(origin, s.signers[kindCheckpoint].public)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return SetupResult{}, err
	}
	err := errors.Join(
		writeCertificate(filepath.Join(dir, sealRootFile), sealRoot),
		writeCertificate(filepath.Join(dir, sealFile), sealing),
		writeCertificate(filepath.Join(dir, accessRootFile), accessRoot),
		writeCertificate(filepath.Join(dir, tlsFile), server),
		writeFile(filepath.Join(dir, crlFile), crl),
		writeFile(filepath.Join(dir, vkeyFile), []byte(vkey+"\n")),
		writeJSON(filepath.Join(dir, checkpointFile), checkpointRecord{Origin: origin, Root: make([]byte, 32)}),
	)
	if err != nil {
		return SetupResult{}, err
	}
	sum := sha256.Sum256(sealRoot.Raw)
	return SetupResult{
		Token:           s.token.info,
		SealPEM:         pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: sealRoot.Raw}),
		SealFingerprint: hex.EncodeToString(sum[:]),
		AccessPEM:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: accessRoot.Raw}),
		JournalVKey:     vkey,
	}, nil
}
