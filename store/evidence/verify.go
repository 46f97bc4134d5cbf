package evidence

import (
	"crypto/sha256"
	"fmt"
	"slices"
)

// Verify holds that the record proves the group: that its first token is over
// a tree in which exactly these hashes stand together, and that each renewal
// covers what it renews (RFC 4998, 5.3). A group of one may also have stood
// in a list with others.
//
// checkToken is given each token with the SHA-256 digest it must be over, the newest
// first: the newest is to be valid now, and each one before it when its
// successor was made. The error is ErrMismatch wrapped, or checkToken's own.
func (r Record) Verify(group [][32]byte, checkToken func(token []byte, digest [32]byte) error) error {
	if len(group) == 0 || len(r.chains) == 0 {
		return fmt.Errorf("verifying evidence record: nothing to verify: %w", ErrMismatch)
	}
	for c := len(r.chains) - 1; c >= 0; c-- {
		leaves, err := r.leaves(group, c)
		if err != nil {
			return fmt.Errorf("verifying evidence record: %w", err)
		}
		if err := verifyChain(r.chains[c], leaves, checkToken); err != nil {
			return fmt.Errorf("verifying evidence record, chain %d: %w", c+1, err)
		}
	}
	return nil
}

// leaves returns the hashes under which the group stands in chain c. In the
// first they are the objects' own. A hash-tree renewal binds each of them to
// all chains before (5.2): H(H(object) ‖ H(the sequence so far)), unsorted.
func (r Record) leaves(group [][32]byte, c int) ([][32]byte, error) {
	if c == 0 {
		return group, nil
	}
	earlier, err := marshalChains(r.chains[:c])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	sequence := sha256.Sum256(earlier)
	leaves := make([][32]byte, len(group))
	for i, object := range group {
		leaves[i] = sha256.Sum256(append(object[:], sequence[:]...))
	}
	return leaves, nil
}

// verifyChain goes through a chain from its newest stamp. Every stamp but the
// first is a timestamp renewal, over the tokens before it.
func verifyChain(chain []archiveTimeStamp, group [][32]byte, checkToken func([]byte, [32]byte) error) error {
	for i := len(chain) - 1; i >= 0; i-- {
		subject := group
		if i > 0 {
			subject = tokenHashes(chain[:i])
		}
		root, err := chain[i].root(subject)
		if err != nil {
			return fmt.Errorf("archive timestamp %d: %w", i+1, err)
		}
		if err := checkToken(chain[i].token, root); err != nil {
			return fmt.Errorf("token of archive timestamp %d: %w", i+1, err)
		}
	}
	return nil
}

func tokenHashes(stamps []archiveTimeStamp) [][32]byte {
	hashes := make([][32]byte, len(stamps))
	for i, stamp := range stamps {
		hashes[i] = sha256.Sum256(stamp.token)
	}
	return hashes
}

// root computes what the token must be over, having found the subject in the
// first list: several hashes must be exactly the list, so that none can be
// taken out or added; one may stand among others.
func (a archiveTimeStamp) root(subject [][32]byte) ([32]byte, error) {
	if len(a.lists) == 0 {
		if len(subject) != 1 {
			return [32]byte{}, fmt.Errorf("a group without a hash tree: %w", ErrMismatch)
		}
		return subject[0], nil
	}
	first, wanted := sorted(a.lists[0]), sorted(subject)
	if len(wanted) > 1 && !slices.Equal(first, wanted) {
		return [32]byte{}, fmt.Errorf("the group is not the one recorded: %w", ErrMismatch)
	}
	if _, found := slices.BinarySearchFunc(first, wanted[0], compare); !found {
		return [32]byte{}, fmt.Errorf("hash %x is not in the first list: %w", wanted[0], ErrMismatch)
	}
	node := GroupHash(first)
	for _, list := range a.lists[1:] {
		node = GroupHash(append([][32]byte{node}, list...))
	}
	return node, nil
}
