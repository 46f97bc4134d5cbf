package store

import (
	"slices"

	"casemate/store/proof"
)

// snapshot is what the safe held at one instant: no batch was under way between its parts.
type snapshot struct {
	size   uint64   // of the journal
	root   [32]byte // of its tree
	last   span     // newest round
	vaults []vaultSnapshot
}

type vaultSnapshot struct {
	ID   proof.VaultID `json:"id"`
	Size uint64        `json:"size,omitempty"` // of the journal
	tallyRecord
}

func (s *Safe) snapshot() (out snapshot) {
	s.settling.RLock()
	defer s.settling.RUnlock()
	out.size, out.root, out.last = s.log.Size(), s.log.Root(), s.lastSpan()
	s.mu.RLock()
	for id, v := range s.byID {
		out.vaults = append(out.vaults, vaultSnapshot{ID: id, Size: out.size, tallyRecord: v.tally()})
	}
	s.mu.RUnlock()
	slices.SortFunc(out.vaults, func(a, b vaultSnapshot) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return out
}
