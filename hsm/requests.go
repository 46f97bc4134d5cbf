package hsm

import (
	"context"
	"fmt"
)

// Ping asks for a few bytes of the token's generator: it fails unless process,
// module and token all answer.
func (c *Client) Ping(ctx context.Context) error {
	return c.call(ctx, PathPing, Empty{}, &Empty{})
}

// Info tells what the token was set up with.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var info Info
	if err := c.call(ctx, PathInfo, Empty{}, &info); err != nil {
		return Info{}, err
	}
	return info, nil
}

// Seal seals documents; results stand in the order of the requests. More than
// MaxSeals, or very long attestations, make several requests. An error means
// that none may be used; a document refused by itself says so in its result.
func (c *Client) Seal(ctx context.Context, requests []SealRequest) ([]SealResult, error) {
	results := make([]SealResult, 0, len(requests))
	for len(requests) > 0 {
		n := sealBatch(requests)
		var reply SealReply
		if err := c.call(ctx, PathSeal, SealBatch{Requests: requests[:n]}, &reply); err != nil {
			return nil, err
		}
		if len(reply.Results) != n {
			return nil, errReply(PathSeal)
		}
		results = append(results, reply.Results...)
		requests = requests[n:]
	}
	return results, nil
}

// sealBatch is how many of the first requests fit into one message, at least one.
func sealBatch(requests []SealRequest) int {
	size := 0
	for i, r := range requests {
		size += len(r.Attestation) + len(r.Fingerprint)
		if i == MaxSeals || (i > 0 && size > MaxSealBytes) {
			return i
		}
	}
	return len(requests)
}

// SignCheckpoint asks for a signed note over the tree of that size and root.
// consistency is the RFC 6962 proof from the last signed size (empty for the
// first). What was signed is durable in the process before it answers: the
// same size and root give the same note for ever, anything that is not an
// extension of the last is ErrRefused.
func (c *Client) SignCheckpoint(ctx context.Context, size uint64, root [32]byte, consistency [][32]byte) ([]byte, error) {
	request := CheckpointRequest{Size: size, Root: root[:], Proof: make([][]byte, len(consistency))}
	for i := range consistency {
		request.Proof[i] = consistency[i][:]
	}
	var reply CheckpointReply
	if err := c.call(ctx, PathCheckpoint, request, &reply); err != nil {
		return nil, err
	}
	if len(reply.Note) == 0 {
		return nil, errReply(PathCheckpoint)
	}
	return reply.Note, nil
}

// ResumeJournal asks for a signed note over a journal that does not contain what was signed last: the
// volumes that held it are gone, and two officers decided to go on without. The decision must name the
// very checkpoint that is given up, so that it serves once; the process verifies it, keeps both notes
// and the decision, and goes on from the new one. ErrRefused in every other case.
func (c *Client) ResumeJournal(ctx context.Context, size uint64, root [32]byte, d Decision) ([]byte, error) {
	var reply CheckpointReply
	if err := c.call(ctx, PathResumeJournal, ResumeRequest{Size: size, Root: root[:], Decision: d}, &reply); err != nil {
		return nil, err
	}
	if len(reply.Note) == 0 {
		return nil, errReply(PathResumeJournal)
	}
	return reply.Note, nil
}

// LastCheckpoint is the last note signed, with its size and root; size 0 and
// no note when there was none.
func (c *Client) LastCheckpoint(ctx context.Context) (note []byte, size uint64, root [32]byte, err error) {
	var reply CheckpointReply
	if err := c.call(ctx, PathLastCheckpoint, Empty{}, &reply); err != nil {
		return nil, 0, root, err
	}
	if len(reply.Root) != len(root) {
		return nil, 0, root, errReply(PathLastCheckpoint)
	}
	copy(root[:], reply.Root)
	return reply.Note, reply.Size, root, nil
}

// NewKey makes a 256-bit key from the token's generator and the record that
// gives it back: wrapped by the root key, bound to its context, signed by the
// token. The record may stand on any disk.
func (c *Client) NewKey(ctx context.Context, kc KeyContext) (key [32]byte, record []byte, err error) {
	reply, err := c.keyCall(ctx, PathNewKey, kc, nil)
	if err != nil {
		return key, nil, err
	}
	if len(reply.Record) == 0 {
		return key, nil, errReply(PathNewKey)
	}
	copy(key[:], reply.Key)
	return key, reply.Record, nil
}

// UnwrapKey gives back the key of a record. A record that was altered, made by
// another token or for another context is ErrIntegrity.
func (c *Client) UnwrapKey(ctx context.Context, kc KeyContext, record []byte) (key [32]byte, err error) {
	reply, err := c.keyCall(ctx, PathUnwrapKey, kc, record)
	if err != nil {
		return key, err
	}
	copy(key[:], reply.Key)
	return key, nil
}

func (c *Client) keyCall(ctx context.Context, path string, kc KeyContext, record []byte) (KeyReply, error) {
	var reply KeyReply
	request := KeyRequest{Kind: kc.Kind, ID: kc.ID[:], Version: kc.Version, Record: record}
	if err := c.call(ctx, path, request, &reply); err != nil {
		return KeyReply{}, err
	}
	if len(reply.Key) != 32 {
		return KeyReply{}, errReply(path)
	}
	return reply, nil
}

// IssueCertificate has the access authority make a client certificate, DER.
func (c *Client) IssueCertificate(ctx context.Context, request CertificateRequest) ([]byte, error) {
	var reply CertificateReply
	if err := c.call(ctx, PathCertificate, request, &reply); err != nil {
		return nil, err
	}
	return reply.Certificate, nil
}

// Random gives n bytes of the token's generator, n ≤ MaxRandom.
func (c *Client) Random(ctx context.Context, n int) ([]byte, error) {
	var reply RandomReply
	if err := c.call(ctx, PathRandom, RandomRequest{N: n}, &reply); err != nil {
		return nil, err
	}
	if len(reply.Bytes) != n {
		return nil, fmt.Errorf("asked %d bytes: %w", n, errReply(PathRandom))
	}
	return reply.Bytes, nil
}
