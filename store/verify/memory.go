package verify

import (
	"time"

	"casemate/store/seal"
	"casemate/store/timestamp"
)

// remembered is what was found good under one trust: certificate paths of seals, and timestamp tokens.
type remembered struct {
	seals  *seal.Verifier
	tokens *timestamp.Verifier
}

// Remembering is the same trust with a memory of the certificate paths and timestamp tokens it has
// found good, for whoever verifies many receipts of one safe, which share them. Each is known by the
// whole of its bytes and holds for the span of time for which its certificates are valid; outside it is
// verified anew, and what was found bad is not remembered. Verdicts and words are those of a trust
// without memory. What is of the receipt alone (its documents, its own signature, its inclusion in
// the journal, its place in the hash tree) is verified each time.
func (t Trust) Remembering() Trust {
	t.memory = &remembered{seals: seal.NewVerifier(t.Seal), tokens: timestamp.NewVerifier(t.TSA, t.Policies)}
	return t
}

func (t Trust) verifySeal(p7s, content []byte, at time.Time) (seal.Signature, error) {
	if t.memory != nil {
		return t.memory.seals.Verify(p7s, content, at)
	}
	return seal.VerifySignature(p7s, content, t.Seal, at)
}

func (t Trust) verifyToken(token []byte, digest [32]byte, at time.Time) (timestamp.Token, error) {
	if t.memory != nil {
		return t.memory.tokens.Verify(token, digest, at)
	}
	return timestamp.Verify(token, digest, t.TSA, t.Policies, at)
}

func (t Trust) imprint(token []byte) ([32]byte, error) {
	if t.memory != nil {
		return t.memory.tokens.Imprint(token)
	}
	return timestamp.Imprint(token)
}
