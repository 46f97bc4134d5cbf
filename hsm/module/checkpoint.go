package module

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"casemate/hsm"
	"casemate/store/proof"
)

// checkpointRecord is what must never be forgotten: the last note signed. It
// also carries the time of the latest document sealed under a trusted clock,
// since it is written often and synced anyway.
type checkpointRecord struct {
	Origin      string `json:"origin"`
	Size        uint64 `json:"size"`
	Root        []byte `json:"root"`
	Note        []byte `json:"note,omitempty"`
	SealedUntil string `json:"sealedUntil,omitempty"`
}

// checkpoints signs the heads of one history. Order: the token signs, the note
// is synced to disk, the note leaves. Killed before the sync, the signature was
// seen by nobody; killed after it, the same note is given again.
type checkpoints struct {
	origin, vkey, path string
	signer             *signer
	guard              *guard
	sealedUntil        func() time.Time
	write              func(path string, v any) error // writeJSON; tests fail it

	mu   sync.Mutex
	last checkpointRecord
}

// loadCheckpoint reads the last checkpoint. A missing file is no beginning
// (Setup wrote one of size 0): it would allow a second history.
func loadCheckpoint(dir, origin, vkey string) (checkpointRecord, error) {
	var r checkpointRecord
	if err := readJSON(filepath.Join(dir, checkpointFile), &r); err != nil {
		return r, auditError(fmt.Sprintf("the last checkpoint can not be read, so that a second history could be signed: %v", err))
	}
	if r.Size == 0 && r.Origin == origin && len(r.Root) == 32 && len(r.Note) == 0 {
		return r, nil
	}
	c, err := proof.ParseCheckpointNote(r.Note, vkey)
	if err != nil {
		return r, auditError(fmt.Sprintf("the last checkpoint in %q: %v", checkpointFile, err))
	}
	if c.Origin != origin || c.Origin != r.Origin || c.Size != r.Size || string(c.Root[:]) != string(r.Root) {
		return r, auditError(fmt.Sprintf("the last checkpoint in %q is not the one signed", checkpointFile))
	}
	return r, nil
}

func (c *checkpoints) get() hsm.CheckpointReply {
	c.mu.Lock()
	defer c.mu.Unlock()
	return hsm.CheckpointReply{Size: c.last.Size, Root: c.last.Root, Note: c.last.Note}
}

// sign signs the next checkpoint, or gives the last again.
func (c *checkpoints) sign(ctx context.Context, request hsm.CheckpointRequest) (hsm.CheckpointReply, error) {
	next, err := c.parse(request)
	if err != nil {
		return hsm.CheckpointReply{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if next.Size == c.last.Size && string(next.Root[:]) == string(c.last.Root) {
		return hsm.CheckpointReply{Size: c.last.Size, Root: c.last.Root, Note: c.last.Note}, nil
	}
	if err := c.extends(next, request.Proof); err != nil {
		return hsm.CheckpointReply{}, err
	}
	note, err := c.note(ctx, next)
	if err != nil {
		return hsm.CheckpointReply{}, err
	}
	return c.keep(next, note)
}

// note has the token sign a checkpoint.
func (c *checkpoints) note(ctx context.Context, next proof.Checkpoint) ([]byte, error) {
	note, err := proof.SignCheckpoint(next, c.signer.with(ctx), c.origin)
	if errors.Is(err, proof.ErrSignature) {
		c.guard.giveUp(err)
	}
	return note, err
}

// keep remembers a note, and only then gives it away.
func (c *checkpoints) keep(next proof.Checkpoint, note []byte) (hsm.CheckpointReply, error) {
	record := checkpointRecord{Origin: c.origin, Size: next.Size, Root: next.Root[:], Note: note}
	if t := c.sealedUntil(); !t.IsZero() {
		record.SealedUntil = proof.FormatTime(t)
	}
	if err := c.write(c.path, record); err != nil {
		// Which of the two is on disk is unknown: nothing more may be signed
		// before it has been read back.
		err = fmt.Errorf("remembering a checkpoint: %w: %w", hsm.ErrUnavailable, err)
		c.guard.giveUp(err)
		return hsm.CheckpointReply{}, err
	}
	c.last = record
	return hsm.CheckpointReply{Size: record.Size, Root: record.Root, Note: record.Note}, nil
}

func (c *checkpoints) parse(request hsm.CheckpointRequest) (proof.Checkpoint, error) {
	next := proof.Checkpoint{Origin: c.origin, Size: request.Size}
	if len(request.Root) != len(next.Root) || request.Size == 0 || request.Size > 1<<62 || len(request.Proof) > hsm.MaxProof {
		return next, refused("a checkpoint needs a size from 1, a root of 32 bytes and at most 64 hashes of proof")
	}
	copy(next.Root[:], request.Root)
	return next, nil
}

// extends holds a new head against the last one (RFC 6962, 2.1.2).
func (c *checkpoints) extends(next proof.Checkpoint, hashes [][]byte) error {
	if next.Size <= c.last.Size {
		return refused(fmt.Sprintf("checkpoint %d was signed, %d with that root would be another history", c.last.Size, next.Size))
	}
	if c.last.Size == 0 {
		return nil
	}
	tree := make(tlog.TreeProof, len(hashes))
	for i, h := range hashes {
		if len(h) != tlog.HashSize {
			return refused("a hash of the consistency proof is not 32 bytes")
		}
		copy(tree[i][:], h)
	}
	err := tlog.CheckTree(tree, int64(next.Size), tlog.Hash(next.Root), int64(c.last.Size), tlog.Hash(c.last.Root))
	if err != nil {
		return refused(fmt.Sprintf("checkpoint %d is not an extension of %d, the last signed: %v", next.Size, c.last.Size, err))
	}
	return nil
}
