package store

import (
	"cmp"
	"slices"
	"strconv"

	"casemate/store/journal"
	"casemate/store/proof"
)

// facts is what the journal tells of deposits: what a complete check compares the volumes with. A
// document costs 24 bytes of memory, a million of them some 40 MiB with the slack of growing slices
// (TestFactsOfAMillion).
type facts struct {
	deposits map[proof.VaultID][]deposited         // in the journal's order
	unused   map[proof.VaultID]map[uint64]struct{} // numbers of deposits that did not come to their end
	open     map[proof.DocumentID]intended         // intents whose end has not been told yet
	upTo     uint64                                // the journal was read so far
}

// deposited is one "done" entry of a deposit.
type deposited struct {
	leaf uint64
	id   proof.DocumentID
}

type intended struct {
	vault  proof.VaultID
	number uint64
}

func newFacts() *facts {
	return &facts{deposits: map[proof.VaultID][]deposited{}, unused: map[proof.VaultID]map[uint64]struct{}{},
		open: map[proof.DocumentID]intended{}}
}

// add takes one entry in; entries come in the journal's order. What does not name a document and a
// vault as the safe does tells nothing here.
func (f *facts) add(e journal.Entry) {
	if e.Seq < f.upTo {
		return // known already
	}
	f.upTo = e.Seq + 1
	if e.Act != ActDeposit {
		return
	}
	vault, err1 := proof.ParseVaultID(e.Vault)
	id, err2 := proof.ParseDocumentID(e.Object)
	if err1 != nil || err2 != nil {
		return
	}
	number := parseNumber(e.Refs["number"])
	switch e.Result {
	case journal.Intent:
		f.open[id] = intended{vault, number}
	case journal.Done:
		delete(f.open, id)
		f.deposits[vault] = append(f.deposits[vault], deposited{e.Seq, id})
	default:
		delete(f.open, id)
		if number == 0 {
			return
		}
		if f.unused[vault] == nil {
			f.unused[vault] = map[uint64]struct{}{}
		}
		f.unused[vault][number] = struct{}{}
	}
}

// explains says whether the journal tells why a number has no document: its deposit failed, or had
// not come to its end when the journal was read.
func (f *facts) explains(vault proof.VaultID, number uint64) bool {
	if _, ok := f.unused[vault][number]; ok {
		return true
	}
	for _, i := range f.open {
		if i == (intended{vault, number}) {
			return true
		}
	}
	return false
}

// tells says whether the entry at leaf is that of the document's deposit.
func (f *facts) tells(vault proof.VaultID, leaf uint64, id proof.DocumentID) bool {
	list := f.deposits[vault]
	at, ok := slices.BinarySearchFunc(list, leaf, func(d deposited, leaf uint64) int { return cmp.Compare(d.leaf, leaf) })
	return ok && list[at].id == id
}

// before gives the deposits of a vault whose entry comes before leaf to.
func (f *facts) before(vault proof.VaultID, to uint64) []deposited {
	list := f.deposits[vault]
	at, _ := slices.BinarySearchFunc(list, to, func(d deposited, to uint64) int { return cmp.Compare(d.leaf, to) })
	return list[:at]
}

// parseNumber reads a document's number; 0 is none.
func parseNumber(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
