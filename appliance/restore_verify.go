package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"casemate/appliance/backup"
	"casemate/hsm"
	"casemate/raid"
)

// Verified is what a verification could say.
type Verified struct {
	Number    uint64    `json:"number"`
	Numbers   []uint64  `json:"numbers"` // that it consists of
	At        time.Time `json:"at"`
	Sequence  uint64    `json:"sequence"`
	Documents uint64    `json:"documents"`
	Bytes     int64     `json:"bytes"`
	Files     bool      `json:"files"`    // every file is as its manifest says
	Contents  bool      `json:"contents"` // all deciphers to its end, and is what the manifests count
	Origin    bool      `json:"origin"`   // this safe made it, and each value is one of its own
	Damaged   uint64    `json:"damaged"`  // values that no volume had whole when it was taken
	Faults    []string  `json:"faults,omitempty"`
	Unchecked []string  `json:"unchecked,omitempty"` // codes: recovery-key, token
}

// VerifyBackup looks at everything in a backup without writing: the files' digests and the chain of
// manifests without any key; with the recovery key, that all deciphers and is complete; where the token
// answers too, that this safe made it and each value. What could not be looked at is said.
func VerifyBackup(ctx context.Context, cfg *Config, log *slog.Logger, o RestoreOptions) (v Verified, err error) {
	chain, err := o.chain()
	if err != nil {
		return v, err
	}
	m := chain.Last()
	v = Verified{Number: m.Number, Numbers: chain.Numbers(), At: m.At, Sequence: m.Head.Sequence, Documents: m.Held.Documents, Bytes: chain.Bytes(), Damaged: m.Damaged}
	progress := func(n int64) {
		if o.Progress != nil {
			o.Progress(n, v.Bytes)
		}
	}
	if err := chain.CheckFiles(ctx, func(err error) { v.Faults = append(v.Faults, err.Error()) }, progress); err != nil {
		return v, err
	}
	v.Files = true
	if o.Open == nil {
		v.Unchecked = []string{"recovery-key", "token"}
		return v, nil
	}
	var key *[32]byte
	if cfg != nil {
		err := withToken(ctx, *cfg, o.ConfigFile, log, func(token *hsm.Client, _ hsm.Info) error {
			k, err := chainKey(ctx, chain, o.Open, token)
			key = &k
			return err
		})
		if errors.Is(err, hsm.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
			key = nil
		} else if err != nil {
			return v, err
		}
	}
	if err := verifyContents(ctx, chain, o.Open, key); err != nil {
		return v, err
	}
	v.Contents, v.Origin = true, key != nil
	if key == nil {
		v.Unchecked = []string{"token"}
	}
	return v, nil
}

// verifyContents reads all operations; with the mirror's key each value is authenticated.
func verifyContents(ctx context.Context, chain *backup.Chain, open backup.Opener, key *[32]byte) error {
	in, err := chain.Contents(open)
	if err != nil {
		return err
	}
	defer in.Close()
	for {
		op, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case key == nil || op.Delete:
			continue
		}
		if _, err := raid.CheckValue(*key, in.Point.Declared.Set, op.Key, op.Value); err != nil {
			return fmt.Errorf("%w: a value is none of this safe: %w", backup.ErrBroken, err)
		}
	}
}
