package appliance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"casemate/appliance/api"
	"casemate/appliance/decision"
	"casemate/appliance/wire"
	"casemate/raid"
)

// Errors of a decision.
var (
	// ErrNothingToDecide says that the volumes agree, or that the safe is open.
	ErrNothingToDecide = errors.New("there is nothing to decide")
	// ErrUnknownChoice is a choice that is not, or no longer, among those there are.
	ErrUnknownChoice = errors.New("no such choice")
	// ErrNoStatement says that no statement waits for signatures.
	ErrNoStatement = errors.New("no statement waits for signatures")
	// ErrNotInSync refuses to check what is known not to be as it should.
	ErrNotInSync = errors.New("only a volume in sync can be checked")
)

// Examine reads what the volumes and the state folder say of themselves, for a safe that is not open.
// It starts nothing, and asks the token for nothing.
func Examine(ctx context.Context, cfg Config) (wire.Storage, error) {
	s, err := raid.Examine(ctx, cfg.mirror([32]byte{}, slog.New(slog.DiscardHandler)))
	return api.StorageOf(s), err
}

// ExamineFolder reads what the volume in one folder says of itself, whatever mirror it is of.
func ExamineFolder(ctx context.Context, dir string) (wire.Storage, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return wire.Storage{}, err
	}
	s, err := raid.Examine(ctx, raid.Config{Dirs: []string{dir}, Log: slog.New(slog.DiscardHandler)})
	return api.StorageOf(s), err
}

func (c Config) decisionDir(name ...string) string {
	return filepath.Join(append([]string{c.State, "decision"}, name...)...)
}

const statementName = "statement.txt"

// PrepareDecision writes down, for two officers to sign, that a choice is the truth. The statement
// waits in the state folder; a newer one takes its place. It names what the token signed last.
func PrepareDecision(ctx context.Context, cfg Config, choice string, signed Signed) (statement []byte, err error) {
	c, err := findChoice(ctx, cfg, choice)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.decisionDir(), 0o700); err != nil {
		return nil, err
	}
	s := decision.New(decision.Statement{Safe: cfg.Origin, Choice: c.ID, Volume: c.Volume, Dir: c.Dir, Epoch: c.Epoch,
		Sequence: c.Sequence, Loses: c.Loses, Signed: signed.Size, SignedRoot: hex.EncodeToString(signed.Root[:])}, time.Now()) //nolint:forbidigo // the safe's own clock is closed with it
	return s.Text(), writeFile(cfg.decisionDir(statementName), s.Text(), 0o600)
}

// findChoice finds a choice by its name or at least eight digits of it, among those there are now.
func findChoice(ctx context.Context, cfg Config, name string) (wire.Choice, error) {
	now, err := Examine(ctx, cfg)
	if err != nil {
		return wire.Choice{}, err
	}
	if len(now.Choices) == 0 {
		return wire.Choice{}, ErrNothingToDecide
	}
	var found []wire.Choice
	for _, c := range now.Choices {
		if c.ID == name || (len(name) >= 8 && strings.HasPrefix(c.ID, name)) {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return wire.Choice{}, fmt.Errorf("%w: %q names %d", ErrUnknownChoice, name, len(found))
	}
	return found[0], nil
}

// Decide hands the statement that waits, signed by two officers, to the mirror: the next Open carries it
// out and journals it. The statement is used up first: whatever happens then, nobody uses it again.
// Statement and signatures stay in the state folder, for who asks later. It gives the names of the two.
func Decide(ctx context.Context, cfg Config, signatures [][]byte) (by []string, err error) {
	text, err := os.ReadFile(cfg.decisionDir(statementName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoStatement
	}
	if err != nil {
		return nil, err
	}
	directory, err := cfg.directory()
	if err != nil {
		return nil, err
	}
	s, officers, err := decision.Verify(text, signatures, cfg.Origin, directory, time.Now()) //nolint:forbidigo // as above
	if err != nil {
		return nil, err
	}
	if _, err := findChoice(ctx, cfg, s.Choice); err != nil {
		return nil, err
	}
	kept := cfg.decisionDir(s.Number)
	if err := os.MkdirAll(kept, 0o700); err != nil { // there already after a crash
		return nil, err
	}
	for i, der := range signatures {
		if err := writeFile(filepath.Join(kept, fmt.Sprintf("signature-%d.p7s", i+1)), der, 0o600); err != nil {
			return nil, err
		}
	}
	if err := writeFile(filepath.Join(kept, statementName), text, 0o600); err != nil {
		return nil, err
	}
	if err := os.Remove(cfg.decisionDir(statementName)); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	by = []string{officers[0].Name, officers[1].Name}
	signed := fmt.Sprintf("%s and %s (certificates %s and %s; statement %s)", by[0], by[1], officers[0].Serial, officers[1].Serial, hex.EncodeToString(sum[:]))
	return by, raid.Decide(ctx, cfg.mirror([32]byte{}, slog.New(slog.DiscardHandler)), s.Choice, signed)
}
