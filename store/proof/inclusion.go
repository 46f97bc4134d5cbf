package proof

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// SaltSize is the length of the random salt before each journal entry.
const SaltSize = 16

const (
	inclusionHead   = "c2sp.org/tlog-proof@v1"
	maxInclusionLen = 64 // hashes: a path through any tree below 2^62 leaves
)

// InclusionProof shows that the journal holds an entry (c2sp.org/tlog-proof@v1).
type InclusionProof struct {
	Extra  []byte     // salt (SaltSize bytes) ‖ entry: what the leaf hash covers
	Index  uint64     // of the leaf, from 0
	Hashes [][32]byte // RFC 6962, 2.1.1: from the leaf's sibling to the root's child
	Note   []byte     // signed checkpoint
}

// LeafHash is the RFC 6962 leaf hash of salt ‖ entry.
func LeafHash(salted []byte) [32]byte { return tlog.RecordHash(salted) }

// Marshal writes the proof.
func (p InclusionProof) Marshal() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nextra %s\nindex %d\n", inclusionHead, base64.StdEncoding.EncodeToString(p.Extra), p.Index)
	for _, h := range p.Hashes {
		fmt.Fprintf(&b, "%s\n", base64.StdEncoding.EncodeToString(h[:]))
	}
	b.WriteByte('\n')
	b.Write(p.Note)
	return b.Bytes()
}

// ParseInclusionProof reads exactly what Marshal writes. The note inside is not
// verified: Verify does that.
func ParseInclusionProof(b []byte) (InclusionProof, error) {
	p, err := parseInclusion(b)
	if err != nil {
		return InclusionProof{}, fmt.Errorf("reading inclusion proof: %w", err)
	}
	if !bytes.Equal(p.Marshal(), b) {
		return InclusionProof{}, fmt.Errorf("reading inclusion proof: %w: not in canonical form", ErrMalformed)
	}
	return p, nil
}

func parseInclusion(b []byte) (p InclusionProof, err error) {
	if len(b) > MaxMeta {
		return p, ErrTooLarge
	}
	head, checkpoint, ok := bytes.Cut(b, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) < 3 || len(lines) > 3+maxInclusionLen || lines[0] != inclusionHead {
		return p, fmt.Errorf("%w: want header, extra, index, hashes, checkpoint", ErrMalformed)
	}
	extra, okE := strings.CutPrefix(lines[1], "extra ")
	index, okI := strings.CutPrefix(lines[2], "index ")
	if !okE || !okI {
		return p, fmt.Errorf("%w: want extra and index", ErrMalformed)
	}
	if p.Extra, err = base64.StdEncoding.Strict().DecodeString(extra); err != nil || len(p.Extra) <= SaltSize {
		return p, fmt.Errorf("%w: extra", ErrMalformed)
	}
	if p.Index, err = strconv.ParseUint(index, 10, 64); err != nil || p.Index >= maxTreeSize {
		return p, fmt.Errorf("%w: index", ErrMalformed)
	}
	for _, line := range lines[3:] {
		h, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(h) != 32 {
			return p, fmt.Errorf("%w: hash", ErrMalformed)
		}
		p.Hashes = append(p.Hashes, [32]byte(h))
	}
	p.Note = bytes.Clone(checkpoint)
	return p, nil
}

// Verify checks the checkpoint's signature with the journal's verifier key and
// that the entry is the leaf at Index below its root. It returns the checkpoint
// and the entry without its salt.
func (p InclusionProof) Verify(vkey string) (Checkpoint, []byte, error) {
	c, err := ParseCheckpointNote(p.Note, vkey)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	if len(p.Extra) <= SaltSize || p.Index >= c.Size || len(p.Hashes) > maxInclusionLen {
		return Checkpoint{}, nil, fmt.Errorf("verifying inclusion: %w", ErrNotIncluded)
	}
	path := make(tlog.RecordProof, len(p.Hashes))
	for i, h := range p.Hashes {
		path[i] = h
	}
	// Both are below 2^62: parseCheckpoint bounds the size, Index is below it.
	size, index := int64(c.Size), int64(p.Index)
	if err := tlog.CheckRecord(path, size, c.Root, index, LeafHash(p.Extra)); err != nil {
		return Checkpoint{}, nil, fmt.Errorf("verifying inclusion: %w: %w", ErrNotIncluded, err)
	}
	return c, p.Extra[SaltSize:], nil
}
