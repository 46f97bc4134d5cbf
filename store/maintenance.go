package store

import (
	"context"
	"errors"
	"fmt"

	"casemate/store/identity"
	"casemate/store/journal"
)

// Maintenance carries out an administrator's act on the volumes between two journal entries: what
// is intended, durable before do is called, and how it ended. object names what the act is about, as
// the administrator named it; detail, which do gives back, is kept with the result. A caller who may
// not administer is refused, and the refusal journaled; do is not called then.
//
// Volumes that take no writes are what such acts are there to mend, so a journal that cannot be
// written does not stop them: the entries then follow, in their order, as soon as it can be. Should
// the process end before, the log alone has them. An intent that is durable always gets its end: Close
// waits a moment for acts under way, and what it does not see the end of, the next Open calls
// interrupted.
func (s *Safe) Maintenance(ctx context.Context, who identity.Caller, name, object string, do func(ctx context.Context) (detail string, err error)) error {
	object = clip(object)
	if !who.Can(identity.RightAdminister) {
		s.Refused(ctx, who, name, object, identity.ErrForbidden.Error())
		return fmt.Errorf("%s: %w: it takes a caller who may administer", name, identity.ErrForbidden)
	}
	s.acting.RLock()
	defer s.acting.RUnlock()
	a, err := s.begin(ctx, who, name, "", object)
	late := errors.Is(err, ErrStorage) && s.broken() == nil
	if err != nil && !late {
		return err
	}
	if late {
		s.slog.Warn("the volumes take no writes: an act on them is journaled afterwards", "act", name)
		s.teller.keep(a.intent())
	}
	detail, err := do(ctx)
	draft := a.draft
	draft.At, draft.Result = s.now(), journal.Done
	if detail != "" {
		draft.Refs = map[string]string{"detail": clip(detail)}
	}
	if err != nil {
		draft.Result, draft.Reason = resultOf(err), administratorReason(err)
	}
	s.slog.Info("maintenance", "act", name, "result", draft.Result, "error", err)
	s.endMaintenance(context.WithoutCancel(ctx), a.end(draft), late)
	return err
}

// endMaintenance journals how an act ended: at once, or behind its intent when that still waits.
func (s *Safe) endMaintenance(ctx context.Context, end posting, late bool) {
	if late {
		s.teller.keep(end)
		return
	}
	_, err := s.post(ctx, end)
	switch {
	case err == nil:
	case errors.Is(err, ErrStorage) && s.broken() == nil:
		s.teller.keep(end)
	default:
		s.slog.Error("the end of an act could not be journaled; the next opening says that it was interrupted", "act", end.draft.Act, "error", err)
	}
}

// administratorReason is reasonOf, save that an error of no class is told in its own words: an act
// on volumes speaks of disks and directories, of no document.
func administratorReason(err error) string {
	if reason := reasonOf(err); reason != internalReason {
		return reason
	}
	return clip(err.Error())
}
