package module

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"casemate/hsm"
)

// resumption is kept of each journal that was given up: what the token had signed of it, who decided,
// and what it signed instead. Two notes of one origin that are no continuation of one another are what
// auditors of journals look for; this file is the answer.
type resumption struct {
	GivenUp checkpointRecord `json:"givenUp"`
	Decided hsm.Decision     `json:"decided"`
	Size    uint64           `json:"size"`
	Root    []byte           `json:"root"`
}

// resume signs a checkpoint of a journal that does not contain the last one signed. It takes a
// decision of two officers that names the last one: when another note has been signed since, by this
// call too, the decision is spent.
//
// Order: the decision is kept, the token signs, the note is kept, the note leaves. Killed before the
// note is kept, nothing has changed and the same call does it again; killed after it, the same call
// gives the same note.
func (c *checkpoints) resume(ctx context.Context, request hsm.ResumeRequest, decided func(hsm.Decision, time.Time) (uint64, [32]byte, error)) (hsm.CheckpointReply, error) {
	next, err := c.parse(hsm.CheckpointRequest{Size: request.Size, Root: request.Root})
	if err != nil {
		return hsm.CheckpointReply{}, err
	}
	if err := boundDecision(request.Decision); err != nil {
		return hsm.CheckpointReply{}, err
	}
	if decided == nil {
		return hsm.CheckpointReply{}, refused("nothing can be decided here")
	}
	size, root, err := decided(request.Decision, c.sealedUntil())
	if err != nil {
		return hsm.CheckpointReply{}, refused(err.Error())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if next.Size == c.last.Size && string(next.Root[:]) == string(c.last.Root) {
		return hsm.CheckpointReply{Size: c.last.Size, Root: c.last.Root, Note: c.last.Note}, nil
	}
	if size != c.last.Size || string(root[:]) != string(c.last.Root) {
		return hsm.CheckpointReply{}, refused(fmt.Sprintf("the decision gives up checkpoint %d, the last signed is another, %d", size, c.last.Size))
	}
	sum := sha256.Sum256(request.Decision.Statement)
	kept := filepath.Join(filepath.Dir(c.path), "resumed-"+hex.EncodeToString(sum[:8])+".json")
	err = c.write(kept, resumption{GivenUp: c.last, Decided: request.Decision, Size: next.Size, Root: next.Root[:]})
	if err != nil {
		return hsm.CheckpointReply{}, fmt.Errorf("keeping a decision: %w: %w", hsm.ErrUnavailable, err)
	}
	note, err := c.note(ctx, next)
	if err != nil {
		return hsm.CheckpointReply{}, err
	}
	return c.keep(next, note)
}

func boundDecision(d hsm.Decision) error {
	total := 0
	for _, s := range d.Signatures {
		total += len(s)
	}
	if len(d.Statement) == 0 || len(d.Statement) > hsm.MaxStatement || len(d.Signatures) != 2 || total > hsm.MaxDecision {
		return refused("a decision is a statement and two signatures")
	}
	return nil
}

// LastSigned reads, without token or PIN, the last checkpoint that the process of this state
// directory signed; size 0 if none. It is for a statement that two officers are to sign.
func LastSigned(stateDir string) (size uint64, root [32]byte, err error) {
	setup, err := loadSetup(stateDir)
	if err != nil {
		return 0, root, err
	}
	vkey, err := os.ReadFile(filepath.Join(stateDir, vkeyFile))
	if err != nil {
		return 0, root, fmt.Errorf("reading the journal's key: %w", err)
	}
	r, err := loadCheckpoint(stateDir, setup.Origin, strings.TrimSuffix(string(vkey), "\n"))
	if err != nil {
		return 0, root, err
	}
	copy(root[:], r.Root)
	return r.Size, root, nil
}
