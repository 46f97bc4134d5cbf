package store

import (
	"context"
	"fmt"
	"time"

	"casemate/store/identity"
	"casemate/store/journal"
	"casemate/store/proof"
)

// Acts named in the journal. ActDeposit is also what an inclusion proof in a receipt must show.
const (
	ActDeposit    = "deposit"
	refusedResult = journal.Refused
	failedResult  = journal.Failed
)

// self is the actor of what the safe does by itself.
var self = identity.Caller{Name: "casemate"}

// JournalQuery selects entries. Zero values select all. Entries are given by index, after After.
type JournalQuery struct {
	Object string // document or vault identifier
	User   string // name of the actor
	From   time.Time
	To     time.Time
	After  uint64 // first index given; to page, one past the last index got
	Limit  int
}

func (q JournalQuery) wants(e journal.Entry) bool {
	switch {
	case q.Object != "" && e.Object != q.Object && e.Vault != q.Object,
		q.User != "" && e.Actor.Name != q.User,
		!q.From.IsZero() && e.At.Before(q.From),
		!q.To.IsZero() && e.At.After(q.To):
		return false
	}
	return true
}

// draft is an entry about to be written: who, what, when, from where.
func (s *Safe) draft(who identity.Caller, act, vault, object, result, reason string) journal.Draft {
	return journal.Draft{At: s.now(), Act: act, Vault: vault, Object: object, Result: result, Reason: reason,
		Actor: journal.Actor{Name: who.Name, Issuer: who.Issuer, Serial: who.Serial, From: who.From}}
}

// Refused journals an attempt that was turned away. It never fails the caller: when the volumes
// take no writes the log has the refusal.
func (s *Safe) Refused(ctx context.Context, who identity.Caller, act, object, reason string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if _, err := s.post(ctx, posting{draft: s.draft(who, act, "", clip(object), journal.Refused, clip(reason))}); err != nil {
		s.slog.Error("a refusal could not be journaled", "act", act, "error", err)
	}
}

// clip bounds what a stranger can make the journal keep.
func clip(text string) string { return clipTo(text, 256) }

func clipTo(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	out := []rune(nil)
	for _, r := range text {
		if r < 0x20 || r == 0x7f || r == '\uFFFD' {
			r = '?'
		}
		out = append(out, r)
	}
	return string(out)
}

// failed journals that an act whose intent stands did not succeed.
func (s *Safe) failed(ctx context.Context, a *act, cause error) {
	draft := a.draft
	draft.Result, draft.Reason, draft.At = journal.Failed, reasonOf(cause), s.now()
	if _, err := s.post(context.WithoutCancel(ctx), a.end(draft)); err != nil {
		s.slog.Error("a failure could not be journaled", "act", draft.Act, "error", err)
	}
}

// mayAudit tells whether a caller's rights reach the vault an entry is about.
func (s *Safe) mayAudit(who identity.Caller, vault string) bool {
	if vault == "" || who.MayUse(vault) {
		return true
	}
	id, err := proof.ParseVaultID(vault)
	if err != nil {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, ok := s.byID[id]
	return ok && v.opensTo(who)
}

// Journal reads the journal: by object, by user, by period. The reading is itself an entry.
func (s *Safe) Journal(ctx context.Context, who identity.Caller, q JournalQuery) ([]journal.Entry, error) {
	if q.Limit <= 0 || q.Limit > MaxPage {
		q.Limit = MaxPage
	}
	if q.Object != "" {
		if _, err := proof.ParseDocumentID(q.Object); err != nil {
			return nil, fmt.Errorf("object %q: %w", clip(q.Object), ErrQuery)
		}
	}
	size := s.log.Size()
	if _, err := s.post(ctx, posting{draft: s.draft(who, "journal-read", "", q.Object, journal.Done, "")}); err != nil {
		return nil, err
	}
	var list []journal.Entry
	for i := q.After; i < size && len(list) < q.Limit; i++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e, _, err := s.log.Entry(ctx, i)
		if err != nil {
			return nil, s.readError(fmt.Sprintf("journal entry %d", i), err)
		}
		if q.wants(e) && s.mayAudit(who, e.Vault) {
			list = append(list, e)
		}
	}
	return list, nil
}
