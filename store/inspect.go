package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"

	"casemate/raid"
)

// Inspection is what an inspection found.
type Inspection struct {
	Held      Held
	Documents uint64   // read and proved
	Findings  []string // what is wrong, a sentence each
}

// Inspect reads a safe that nobody serves, a restored one, and changes nothing: its journal's end and
// tree, its vaults, and so many of its documents, chosen at random, each read whole, digested and put with
// its receipt through the code that an outsider runs. The token unwraps the vaults' keys and is asked for
// nothing else; what it signed last is not compared, for a restored journal is behind it. The error says
// why it could not go to its end.
func Inspect(ctx context.Context, cfg Config, documents int, progress func(done int)) (out Inspection, err error) {
	s := blank(cfg)
	if err := s.loadJournal(ctx); err != nil {
		return out, err
	}
	if err := s.loadVaults(ctx); err != nil {
		return out, err
	}
	if err := s.loadPending(ctx); err != nil {
		return out, err
	}
	var release func()
	out.Held, release = s.Hold()
	release()
	root, err := s.log.RootAt(ctx, s.log.Size())
	if err != nil {
		return out, err
	}
	if hex.EncodeToString(root[:]) != out.Held.Root {
		out.Findings = append(out.Findings, "the journal's tree is not that of its entries")
	}
	draw := s.draw()
	for out.Documents < uint64(max(0, documents)) { //nolint:gosec // not negative
		at, ok := draw()
		if !ok {
			break
		}
		said, found, err := s.inspect(ctx, at)
		if err != nil {
			return out, err
		}
		if found {
			out.Documents++
		}
		if said != "" {
			out.Findings = append(out.Findings, said)
		}
		if progress != nil {
			progress(int(out.Documents)) //nolint:gosec // at most as many as were asked for
		}
	}
	return out, nil
}

// numbered is a place where a document may be.
type numbered struct {
	vault  *vault
	number uint64
}

// draw gives the numbers of all vaults in a random order, each once, until there is none left.
func (s *Safe) draw() func() (numbered, bool) {
	var vaults []*vault
	total := uint64(0)
	for _, v := range s.byID {
		vaults = append(vaults, v)
		total += v.tally().Last
	}
	drawn := map[uint64]uint64{} // Fisher and Yates, of which only what was touched is kept
	at := func(i uint64) uint64 {
		if n, ok := drawn[i]; ok {
			return n
		}
		return i
	}
	return func() (numbered, bool) {
		if total == 0 {
			return numbered{}, false
		}
		i := rand.Uint64N(total) //nolint:gosec // a sample, nothing secret
		total--
		n := at(i)
		drawn[i] = at(total)
		for _, v := range vaults {
			if last := v.tally().Last; n >= last {
				n -= last
				continue
			}
			return numbered{v, n + 1}, true
		}
		return numbered{}, false
	}
}

// inspect proves one document; found is false where a number has none.
func (s *Safe) inspect(ctx context.Context, at numbered) (said string, found bool, err error) {
	what := fmt.Sprintf("number %d of vault %s", at.number, at.vault.ID)
	raw, err := s.mirror.Get(ctx, recordKey(at.vault.ID, at.number))
	if errors.Is(err, raid.ErrNotFound) {
		return "", false, nil // the journal explains gaps
	}
	var rec *record
	if err == nil {
		rec, err = s.openRecord(ctx, at.vault, at.number, raw)
	}
	if err == nil {
		var steps []Step
		steps, _, err = s.all().prove(ctx, rec)
		for _, step := range steps {
			if !step.OK {
				said = fmt.Sprintf("document %s: %s: %s", rec.id, step.Name, step.Detail)
			}
		}
	}
	switch {
	case ctx.Err() != nil:
		return "", false, ctx.Err()
	case errors.Is(err, ErrSealUnavailable):
		return "", false, err
	case err != nil:
		return fmt.Sprintf("%s: %v", what, err), true, nil
	}
	return said, true, nil
}
