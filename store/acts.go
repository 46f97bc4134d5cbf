package store

import (
	"context"
	"errors"
	"fmt"

	"casemate/raid"
	"casemate/store/identity"
	"casemate/store/journal"
)

// act is one whose intent is journaled before it is done and whose end after it. From the batch of the
// one to that of the other a mark stands on the volumes, O and the intent's index: no crash, and no
// end of the process, leaves an intent of which nobody knows that its end is missing (endInterrupted).
type act struct {
	draft journal.Draft
	index uint64 // of the intent, once it is written
}

// intent is the posting of what is about to be done. The ledger alone calls ops, in its own order, so
// that the end knows the index.
func (a *act) intent() posting {
	return posting{draft: a.draft, size: 16, ops: func(index uint64) ([]raid.Op, error) {
		a.index = index
		return []raid.Op{{Key: openKey(index), Value: []byte{1}}}, nil
	}}
}

// end is the posting of how it ended; ops are the writes that become true with it.
func (a *act) end(draft journal.Draft, ops ...raid.Op) posting {
	size := 16
	for _, op := range ops {
		size += len(op.Key) + len(op.Value)
	}
	return posting{draft: draft, size: size, ops: func(uint64) ([]raid.Op, error) {
		return append([]raid.Op{{Key: openKey(a.index), Delete: true}}, ops...), nil
	}}
}

// interruptedReason is what the journal says of an act whose end nobody saw.
const interruptedReason = "interrupted: the process ended before the act did; what came of it, the volumes' state tells"

// endInterrupted journals an end for each intent without one that the last process left. Killed in
// between: the mark goes in the batch of the entry, so each has one end.
func (s *Safe) endInterrupted(ctx context.Context) error {
	var open []uint64
	err := s.scan(ctx, []byte{typeOpen}, func(key, _ []byte) error {
		index, ok := openIndex(key)
		if !ok {
			return fmt.Errorf("mark of an act under way: %w", ErrIntegrity)
		}
		open = append(open, index)
		return nil
	})
	if err != nil {
		return err
	}
	for _, index := range open {
		e, _, err := s.log.Entry(ctx, index)
		if err != nil {
			return s.readError(fmt.Sprintf("journal entry %d", index), err)
		}
		draft := s.draft(self, e.Act, e.Vault, e.Object, journal.Abandoned, interruptedReason)
		draft.Refs = map[string]string{"intent": fmt.Sprint(index)}
		a := act{index: index}
		if _, err := s.post(ctx, a.end(draft)); err != nil {
			return err
		}
		s.slog.Warn("an act was interrupted", "act", e.Act, "object", e.Object, "intent", index)
	}
	return nil
}

// decidedName is where the identity of the decision journaled last stands.
const decidedName = "decided"

// journalDecision has the journal tell of what persons decided when the volumes did not agree: once,
// whatever the process that carried it out came to. What the mirror remembers is compared with what was
// journaled last, and noted in the batch of the entry.
func (s *Safe) journalDecision(ctx context.Context) error {
	d, ok, err := s.mirror.Decided()
	if err != nil || !ok {
		return err
	}
	switch told, err := s.mirror.Get(ctx, singleKey(decidedName)); {
	case err == nil && string(told) == d.ID:
		return nil
	case err != nil && !errors.Is(err, raid.ErrNotFound):
		return s.readError("decision journaled last", err)
	}
	draft := s.eventDraft(gathered{raid.EventDecided, d.Volume, d.Slot, d.Dir}, s.now(), "lost: "+d.Loses, 0)
	draft.Refs["by"], draft.Refs["decided"] = clipTo(d.By, 1024), d.At.UTC().Format("2006-01-02T15:04:05Z")
	draft.Refs["batch"] = fmt.Sprint(d.Batch)
	s.teller.keep(posting{draft: draft, size: 64, ops: func(uint64) ([]raid.Op, error) {
		return []raid.Op{{Key: singleKey(decidedName), Value: []byte(d.ID)}}, nil
	}})
	return nil
}

// begin journals an intent. A caller who goes away meanwhile does not leave it without its end.
func (s *Safe) begin(ctx context.Context, who identity.Caller, name, vault, object string) (*act, error) {
	a := &act{draft: s.draft(who, name, vault, object, journal.Intent, "")}
	if err := ctx.Err(); err != nil {
		return a, err
	}
	_, err := s.post(context.WithoutCancel(ctx), a.intent())
	return a, err
}
