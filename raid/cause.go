package raid

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"casemate/raid/volume"
)

// causedError is an error that also says in one word why a volume is not in sync, so that the
// remedy need not be guessed from a sentence.
type causedError struct {
	cause Cause
	err   error
}

func (e *causedError) Error() string { return e.err.Error() }
func (e *causedError) Unwrap() error { return e.err }

// because is an error with its cause; the rest is as for fmt.Errorf.
func because(cause Cause, format string, args ...any) error {
	return &causedError{cause, fmt.Errorf(format, args...)}
}

// troubles are what a volume may find wrong with itself.
var troubles = map[volume.Trouble]Cause{
	volume.TroubleUnmounted: CauseUnmount, volume.TroubleReadOnly: CauseReadOnly, volume.TroubleDisk: CauseSync,
}

// heed puts a member out that found something wrong with itself though nobody wrote. The last one
// stays: it refuses writes by itself, and what it holds can still be read. mu is held.
func (m *Mirror) heed(mem *member) {
	if cause, ok := troubles[mem.state.Trouble]; ok && len(m.insync()) > 1 {
		m.expel(mem, because(cause, "%s", mem.state.Detail))
		m.advance()
	}
}

// causes are what the sentinels of a volume, and of a disk that fails, mean, the more telling first.
var causes = []struct {
	is    error
	cause Cause
}{
	{volume.ErrUnmounted, CauseUnmount},
	{volume.ErrReadOnly, CauseReadOnly},
	{volume.ErrNoSpace, CauseSpace},
	{volume.ErrUncertain, CauseSync},
	{volume.ErrWillNotOpen, CauseDatabase},
	{unix.EIO, CauseSync},
	{unix.ESHUTDOWN, CauseSync},
	{unix.ENODEV, CauseSync},
	{unix.ENXIO, CauseSync},
	{unix.EROFS, CauseReadOnly},
	{volume.ErrSuperblock, CauseGone},
	{volume.ErrExpired, CauseSilent},
	{context.DeadlineExceeded, CauseSilent},
	{volume.ErrClosed, CauseDied},
	{errAnew, CauseBehind},
}

// causeOf gives the cause of an error: the outermost one given with [because], else what the
// sentinel in it means, else CauseOther. It is CauseNone of nil.
func causeOf(err error) Cause {
	if err == nil {
		return CauseNone
	}
	var c *causedError
	if errors.As(err, &c) {
		return c.cause
	}
	for _, s := range causes {
		if errors.Is(err, s.is) {
			return s.cause
		}
	}
	return CauseOther
}
