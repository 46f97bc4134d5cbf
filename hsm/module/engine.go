package module

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"casemate/hsm"
	"casemate/store/proof"
)

// engine is a token opened, audited and ready.
type engine struct {
	setup        setupRecord
	vkey         string
	guard        *guard
	token        *token
	keys         *keyring
	tls          *signer
	certificates *certificates
	sealer       *sealer
	checkpoints  *checkpoints
	witness      *witness
	lock         *os.File
}

// openEngine goes from the files to a working token. Each step refuses with
// its reason; nothing is served unless all of them hold.
func openEngine(ctx context.Context, cfg Config, g *guard) (*engine, error) {
	record, err := loadSetup(cfg.StateDir)
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(cfg.StateDir)
	if err != nil {
		return nil, err
	}
	e := &engine{setup: record, guard: g, lock: lock}
	if err := e.open(ctx, cfg); err != nil {
		if e.token != nil && !g.isDead() {
			err = errors.Join(err, e.token.close())
		}
		return nil, errors.Join(err, lock.Close())
	}
	return e, nil
}

func (e *engine) open(ctx context.Context, cfg Config) (err error) {
	if e.token, err = login(ctx, cfg, e.setup, e.guard); err != nil {
		return err
	}
	signers := map[string]*signer{}
	for _, k := range signingKeys {
		rec, err := e.setup.newest(k.kind)
		if err != nil {
			return err
		}
		if signers[k.kind], err = e.token.auditSigning(ctx, e.guard, rec); err != nil {
			return err
		}
	}
	e.tls = signers[kindTLS]
	if e.keys, err = e.openKeyring(ctx, signers[kindRecord]); err != nil {
		return err
	}
	e.certificates = &certificates{
		dir: cfg.StateDir, now: cfg.Now, origin: e.setup.Origin, tlsNames: e.setup.TLSNames,
		sealAuthority: signers[kindSealAuthority], sealer: signers[kindSeal],
		access: signers[kindAccessAuthority], tls: e.tls,
	}
	if err := e.certificates.load(); err != nil {
		return err
	}
	if err := e.certificates.renew(ctx); err != nil {
		return err
	}
	if err := e.openHistory(cfg, signers); err != nil {
		return err
	}
	if cfg.SettingUp { // the first start makes the mark
		e.witness = &witness{guard: e.guard, token: e.token, path: filepath.Join(cfg.StateDir, markFile), log: cfg.Log}
		return nil
	}
	e.witness, err = openWitness(ctx, e.guard, e.token, filepath.Join(cfg.StateDir, markFile), cfg.Log)
	return err
}

func (e *engine) openKeyring(ctx context.Context, records *signer) (*keyring, error) {
	if _, err := e.setup.newest(kindRoot); err != nil {
		return nil, err
	}
	ring := newKeyring(e.setup.Origin, e.guard, e.token, records)
	for _, rec := range e.setup.Keys {
		if rec.Kind == kindRoot {
			if err := ring.auditRoot(ctx, rec); err != nil {
				return nil, err
			}
		}
	}
	return ring, nil
}

// openHistory takes up where the last process left off.
func (e *engine) openHistory(cfg Config, signers map[string]*signer) (err error) {
	if e.vkey, err = proof.CheckpointVKey(e.setup.Origin, signers[kindCheckpoint].public); err != nil {
		return err
	}
	last, err := loadCheckpoint(cfg.StateDir, e.setup.Origin, e.vkey)
	if err != nil {
		return err
	}
	e.sealer = &sealer{
		origin: e.setup.Origin, demonstration: e.setup.Demonstration, tolerance: cfg.Tolerance, now: cfg.Now,
		atOnce: cfg.Sessions, key: signers[kindSeal], guard: e.guard, certificates: e.certificates,
	}
	if last.SealedUntil != "" {
		if e.sealer.until, err = proof.ParseTime(last.SealedUntil); err != nil {
			return auditError(err.Error())
		}
	}
	e.checkpoints = &checkpoints{
		origin: e.setup.Origin, vkey: e.vkey, path: filepath.Join(cfg.StateDir, checkpointFile),
		signer: signers[kindCheckpoint], guard: e.guard, sealedUntil: e.sealer.sealedUntil,
		write: writeJSON, last: last,
	}
	return nil
}

// login opens the token of the setup with the PIN, unless that PIN failed before.
func login(ctx context.Context, cfg Config, setup setupRecord, g *guard) (*token, error) {
	where := cfg.Token
	if where.Label != setup.Token.Label || (where.Serial != "" && where.Serial != setup.Token.Serial) {
		return nil, auditError(fmt.Sprintf("configured for token %q serial %q, set up with %q serial %q",
			where.Label, where.Serial, setup.Token.Label, setup.Token.Serial))
	}
	where.Serial = setup.Token.Serial
	pin, err := readPIN(cfg.PINFile)
	if err != nil {
		return nil, err
	}
	if err := checkRefusedPIN(cfg.StateDir, pin); err != nil {
		return nil, err
	}
	// Not cut short when ctx ends: that a PIN was refused must be learnt.
	t, err := do(context.WithoutCancel(ctx), g, "opening the token", func() (*token, error) {
		return openToken(where, pin, cfg.Sessions)
	})
	if c, _ := code(err); err != nil && classify(err) == failPIN {
		if rerr := rememberRefusedPIN(cfg.StateDir, setup.Token.Serial, pin, cfg.Now()); rerr != nil {
			return nil, errors.Join(err, rerr)
		}
		return nil, &reasonError{hsm.ErrPIN, c.Error()}
	}
	if err != nil {
		return nil, err
	}
	return t, forgetRefusedPIN(cfg.StateDir)
}

// info is the public face; certificates may have been renewed since.
func (e *engine) info() hsm.Info {
	set := e.certificates.current()
	return hsm.Info{
		Origin:        e.setup.Origin,
		Demonstration: e.setup.Demonstration,
		Token:         e.setup.Token,
		WrapMethod:    e.keys.roots[e.keys.current].method.name,
		SealChain:     [][]byte{set.sealing.Raw, set.sealRoot.Raw},
		SealCRL:       set.crl.Raw,
		JournalVKey:   e.vkey,
		AccessRoots:   [][]byte{set.accessRoot.Raw},
		TLSChain:      [][]byte{set.server.Raw},
		Witness:       e.witness.place(),
		Keys:          e.setup.publicKeys(),
	}
}

// close finalises the library and frees the state directory; not after the
// module was given up.
func (e *engine) close() error {
	err := e.token.close()
	if lerr := e.lock.Close(); !errors.Is(lerr, os.ErrClosed) {
		err = errors.Join(err, lerr)
	}
	return err
}

const choresEvery = time.Hour

// chores renews certificates until ctx ends. A failure is told and tried again
// in an hour: the list in force is good for weeks.
func (e *engine) chores(ctx context.Context, cfg Config) {
	tick := time.NewTicker(choresEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.guard.dead:
			return
		case <-tick.C:
			if err := e.certificates.renew(ctx); err != nil {
				cfg.Log.Error("renewing certificates", "error", err)
			}
		}
	}
}
