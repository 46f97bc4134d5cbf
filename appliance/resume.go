package appliance

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"casemate/appliance/decision"
	"casemate/hsm"
	"casemate/hsm/module"
)

// lastSigned is the last checkpoint of the journal that the token signed: as its process says, or its
// state folder where it does not run.
func (c Config) lastSigned(ctx context.Context) (size uint64, root [32]byte, err error) {
	client := hsm.NewClient(c.HSM.Socket)
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, pingPatience)
	defer cancel()
	if _, size, root, err = client.LastCheckpoint(ctx); errors.Is(err, hsm.ErrUnavailable) {
		return module.LastSigned(c.HSM.State)
	}
	return size, root, err
}

// decided verifies for the token process that two officers decided to give up a journal, and says of
// which checkpoint. The statement was fresh when it was handed in; that it serves once, the checkpoint
// itself sees to.
func (c Config) decided(d hsm.Decision) (size uint64, root [32]byte, err error) {
	s, err := decision.Parse(d.Statement)
	if err != nil {
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
