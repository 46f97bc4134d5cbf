package appliance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"casemate/appliance/wire"
	"casemate/raid"
	"casemate/store"
)

// alive is what the watchdog and a monitor want to know: that the safe is not broken and that its locks
// move. A token or an authority that is away for hours is no reason to restart.
func (a *Appliance) alive() error {
	if fault := a.safe.Status(context.Background()).Fault; fault != "" {
		return errors.New(fault)
	}
	return nil
}

// notReady is what stands against taking a deposit now. Nothing here is found out by asking others: it is
// what the safe, its mirror and the last look at the token know.
func (a *Appliance) notReady() []wire.Reason {
	reasons := statusReasons(a.safe.Status(context.Background()))
	if up, why := a.tokenSeen(); !up {
		reasons = append(reasons, wire.Reason{Code: wire.ReasonToken, Message: why})
	}
	if a.stopping.Load() {
		reasons = append(reasons, wire.Reason{Code: wire.ReasonStopping, Message: "the safe is being stopped"})
	}
	return reasons
}

// statusReasons are those that a status shows. That the last attempt to seal failed is none of them: the
// next attempt decides, and none would come if nobody sent one.
func statusReasons(s store.Status) (reasons []wire.Reason) {
	add := func(code, format string, args ...any) {
		reasons = append(reasons, wire.Reason{Code: code, Message: fmt.Sprintf(format, args...)})
	}
	if s.ClockProblem != "" {
		add(wire.ReasonClock, "nothing is sealed, the clock is not trusted: %s", s.ClockProblem)
	}
	inSync := 0
	for _, v := range s.Volumes.Volumes {
		if v.State != raid.InSync {
			continue
		}
		inSync++
		if v.Size > 0 && v.Free >= 0 && v.Free < v.Floor {
			add(wire.ReasonSpace, "volume %s has %d MiB free, it takes nothing below %d MiB", v.Dir, v.Free>>20, v.Floor>>20)
		}
	}
	if s.Volumes.ReadOnly || inSync < s.Volumes.MinCopies {
		add(wire.ReasonVolumes, "%d volumes are in sync, deposits want %d: %s", inSync, s.Volumes.MinCopies, s.Volumes.State)
	}
	return reasons
}

// concerns are what wants a person though deposits are taken: the next fault would be one too many.
func (a *Appliance) concerns() []wire.Reason {
	return statusConcerns(a.safe.Status(context.Background()))
}

func statusConcerns(s store.Status) (concerns []wire.Reason) {
	if s.Volumes.State != raid.Healthy {
		concerns = append(concerns, wire.Reason{Code: wire.ReasonDegraded, Message: fmt.Sprintf("the mirror is %s", s.Volumes.State)})
	}
	if s.Late {
		concerns = append(concerns, wire.Reason{Code: wire.ReasonLate,
			Message: fmt.Sprintf("%d deposits wait, the first since %s", s.Pending, s.PendingSince.UTC().Format(time.RFC3339))})
	}
	return concerns
}
