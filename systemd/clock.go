package systemd

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// ClockState says how well the kernel believes its clock is disciplined.
type ClockState struct {
	// Synchronized is set when a daemon on this machine steers the clock and
	// has not given up (STA_UNSYNC clear, state not TIME_ERROR). It is
	// necessary for trust, never sufficient: whoever may set the clock may
	// claim it.
	Synchronized bool
	// Offset is what the daemon has yet to correct; EstimatedError and
	// MaximumError are its own bounds on the rest.
	Offset, EstimatedError, MaximumError time.Duration
	// LeapPending is set while the kernel waits to insert or delete a leap
	// second at the end of the UTC day.
	LeapPending bool
}

// KernelClock asks the kernel for the state of its clock, changing
// nothing: it needs no right. Source: adjtimex(2), RFC 1589.
func KernelClock() (ClockState, error) {
	var t unix.Timex // Modes zero: read only
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return ClockState{}, fmt.Errorf("asking the kernel for the state of its clock: %w", err)
	}
	return clockState(state, t), nil
}

// clockState translates adjtimex's answer into durations. The offset is in
// microseconds unless STA_NANO is set; the errors are always in microseconds.
func clockState(state int, t unix.Timex) ClockState {
	unit := time.Microsecond
	if t.Status&unix.STA_NANO != 0 {
		unit = time.Nanosecond
	}
	return ClockState{
		Synchronized:   state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0,
		Offset:         time.Duration(t.Offset) * unit,
		EstimatedError: time.Duration(t.Esterror) * time.Microsecond,
		MaximumError:   time.Duration(t.Maxerror) * time.Microsecond,
		LeapPending:    t.Status&(unix.STA_INS|unix.STA_DEL) != 0 || state == unix.TIME_INS || state == unix.TIME_DEL || state == unix.TIME_OOP,
	}
}

// Boottime is CLOCK_BOOTTIME: time since the machine started, sleep included.
// No one can set it, so it carries a trusted time from one look at the
// outside to the next. It says nothing across a restart of the machine.
func Boottime() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("reading the time since boot: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}
