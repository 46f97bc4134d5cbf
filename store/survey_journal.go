package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"casemate/store/journal"
	"casemate/store/proof"
)

const auditStride = 1024

// surveyJournal audits every entry of the journal: leaf hashes, chain, tree; and demands that it is the
// journal the safe works with. What it tells of deposits is remembered on the way.
func (y *survey) surveyJournal(ctx context.Context) error {
	if err := y.recall(ctx, y.at.Entries); err != nil {
		return err
	}
	for y.at.Entries < y.snap.size {
		from, to := y.at.Entries, min(y.at.Entries+y.stride, y.snap.size)
		err := y.log.Audit(ctx, from, to, func(e journal.Entry) error { y.facts.add(e); return nil })
		if err != nil && (ctx.Err() != nil || y.gone()) {
			return errors.Join(ctx.Err(), err)
		}
		if err != nil { // facts may have a part of them already, and take nothing twice
			y.find("journal", CodeJournal, "entries %d to %d: %v", from, to-1, err)
			if err := y.recallRange(ctx, from, to); err != nil {
				return err
			}
		}
		y.at.Entries = to
		y.mine.Journal = to
		if err := y.stepped(ctx); err != nil {
			return err
		}
	}
	return y.sameJournal(ctx)
}

// sameJournal compares this volume's tree with the one that checkpoints are signed over, as the safe
// has it in memory: another history, however consistent, shows.
func (y *survey) sameJournal(ctx context.Context) error {
	switch root, err := y.log.RootAt(ctx, y.snap.size); {
	case ctx.Err() != nil || y.gone():
		return errors.Join(ctx.Err(), err)
	case err != nil:
		y.find("journal", CodeJournal, "its root at %d entries: %v", y.snap.size, err)
	case root != y.snap.root:
		y.find("journal", CodeJournal, "its root at %d entries is not that of the journal in use", y.snap.size)
	}
	return nil
}

// recall remembers what the first entries tell, without auditing them once more: a survey that is
// taken up has lost its memory, not its findings.
func (y *survey) recall(ctx context.Context, to uint64) error {
	y.facts = newFacts()
	y.mine.Journal = to
	return y.recallRange(ctx, 0, min(to, y.snap.size))
}

// recallRange takes entries into the facts one by one, passing over what cannot be read: the audit has
// found that, or will.
func (y *survey) recallRange(ctx context.Context, from, to uint64) error {
	for i := from; i < to; i++ {
		if ctx.Err() != nil || y.gone() {
			return errors.Join(ctx.Err(), errVolumeLeft)
		}
		if e, _, err := y.log.Entry(ctx, i); err == nil {
			y.facts.add(e)
		}
	}
	return nil
}

// surveyRounds reads every timestamp round: each follows the one before, holds a checkpoint that the
// token signed and the token whose digest its span names. (What the tokens prove is verified with
// each document.)
func (y *survey) surveyRounds(ctx context.Context) error {
	var to uint64
	if y.at.Round > 0 {
		if sp, err := y.span(ctx, y.at.Round); err == nil {
			to = sp.To
		}
	}
	for n := y.at.Round + 1; n <= y.snap.last.Number; n++ {
		what := fmt.Sprintf("round %d", n)
		before := y.unrepaired()
		sp, err := y.span(ctx, n)
		var r *round
		if err == nil {
			r, err = y.round(ctx, n)
		}
		switch {
		case ctx.Err() != nil || y.gone():
			return errors.Join(ctx.Err(), errVolumeLeft)
		case err != nil && y.unrepaired() > before: // told as a value
		case err != nil:
			y.find(what, CodeRound, "%v", err)
		case sp.Number != n || sp.From != to || r.span != sp:
			y.find(what, CodeRound, "it does not follow the one before")
		default:
			y.checkRound(what, r)
		}
		to = sp.To
		y.at.Round, y.mine.Rounds = n, n
		if err := y.stepped(ctx); err != nil {
			return err
		}
	}
	return y.lastRound(ctx)
}

func (y *survey) checkRound(what string, r *round) {
	c, err := proof.ParseCheckpointNote(r.Note, y.s.vkey)
	switch {
	case err != nil:
		y.find(what, CodeRound, "its checkpoint: %v", err)
	case c.Size < r.To:
		y.find(what, CodeRound, "its checkpoint covers %d entries of %d", c.Size, r.To)
	case sha256.Sum256(r.Token) != r.Digest:
		y.find(what, CodeRound, "its token is not the one named")
	}
}

// lastRound reads the note of which round is the newest. A round that came in since the survey began
// may have moved it on.
func (y *survey) lastRound(ctx context.Context) error {
	if y.snap.last.Number == 0 {
		return nil
	}
	before := y.unrepaired()
	raw, err := y.read(ctx, singleKey("round"))
	var sp span
	if err == nil {
		err = json.Unmarshal(raw, &sp)
	}
	switch {
	case ctx.Err() != nil || y.gone():
		return errors.Join(ctx.Err(), errVolumeLeft)
	case y.unrepaired() > before:
	case err != nil:
		y.find("last round", CodeRound, "%v", err)
	case sp.Number < y.snap.last.Number:
		y.find("last round", CodeRound, "it names round %d, round %d is there", sp.Number, y.snap.last.Number)
	}
	return nil
}

// unrepaired counts the values found bad and not repaired so far: what cannot be read because of one
// is not told a second time.
func (y *survey) unrepaired() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.damaged
}
