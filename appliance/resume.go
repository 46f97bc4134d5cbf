package appliance

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"casemate/appliance/decision"
	"casemate/hsm"
	"casemate/hsm/module"
)

// Signed is the last checkpoint of the journal that the token signed.
type Signed struct {
	Size uint64
	Root [32]byte
}

// LastSigned reads it from the state folder of the token process, which root may and which needs neither
// token nor PIN; who may not read there asks the process.
func LastSigned(ctx context.Context, c Config) (Signed, error) {
	size, root, err := module.LastSigned(c.HSM.State)
	if err != nil {
		var asked error
		if size, root, asked = c.askSigned(ctx); asked != nil {
			return Signed{}, fmt.Errorf("finding what the token signed last: %w; nor does its process say: %w", err, asked)
		}
	}
	return Signed{size, root}, nil
}

func (c Config) askSigned(ctx context.Context) (size uint64, root [32]byte, err error) {
	client := hsm.NewClient(c.HSM.Socket)
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, pingPatience)
	defer cancel()
	_, size, root, err = client.LastCheckpoint(ctx)
	return size, root, err
}

// decided verifies for the token process that two officers decided to give up a journal, and says of
// which checkpoint. Their certificates are judged at the statement's own time, for they may end between
// the handing in and now; hence that time is bounded, by now and by the newest document sealed. That a
// statement serves once, the checkpoint itself sees to.
func (c Config) decided(d hsm.Decision, after time.Time) (size uint64, root [32]byte, err error) {
	s, err := decision.Parse(d.Statement)
	if err != nil {
		return 0, root, err
	}
	if err := s.InForce(time.Now(), after); err != nil { //nolint:forbidigo // the token process's own clock
		return 0, root, err
	}
	directory, err := c.directory()
	if err != nil {
		return 0, root, err
	}
	if _, _, err := decision.Verify(d.Statement, d.Signatures, c.Origin, directory, s.Issued); err != nil {
		return 0, root, err
	}
	b, err := hex.DecodeString(s.SignedRoot)
	if err != nil || len(b) != len(root) {
		return 0, root, fmt.Errorf("%w: its root is not one", decision.ErrStatement)
	}
	copy(root[:], b)
	return s.Signed, root, nil
}

// decisionAbout finds, among the decisions that were handed in, the newest that gives up a checkpoint.
func (c Config) decisionAbout(size uint64, root [32]byte) (found hsm.Decision, ok bool, err error) {
	statements, err := filepath.Glob(c.decisionDir("*", statementName))
	if err != nil {
		return found, false, err
	}
	var newest time.Time
	for _, name := range statements {
		text, err := os.ReadFile(name)
		if err != nil {
			return found, false, err
		}
		s, err := decision.Parse(text)
		if err != nil || s.Signed != size || s.SignedRoot != hex.EncodeToString(root[:]) || !s.Issued.After(newest) {
			continue
		}
		d := hsm.Decision{Statement: text}
		for i := range 2 {
			der, err := os.ReadFile(filepath.Join(filepath.Dir(name), fmt.Sprintf("signature-%d.p7s", i+1)))
			if err != nil {
				return found, false, err
			}
			d.Signatures = append(d.Signatures, der)
		}
		found, ok, newest = d, true, s.Issued
	}
	return found, ok, nil
}
