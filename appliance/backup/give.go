package backup

import (
	"context"
	"fmt"
	"io"

	"casemate/raid"
	"casemate/raid/volume"
	"casemate/store"
)

// Source is what a backup is read from.
type Source struct {
	Mirror *raid.Mirror
	Hold   func() (store.Held, func()) // what the safe holds, kept so until the function is called
	Apart  [][]byte                    // prefixes of what is kept apart
	CodeOf func(error) string          // name of an error, for a Failure; it may be nil
}

// Give writes the records of a backup: the state after one batch, whole or what was changed since a head.
// Every batch acknowledged before the call is in it, and each value was authenticated on the way. It gives
// header and trailer as they were written. A value that no volume has is counted, and reads as damaged once restored.
// An error behind the header is said to whoever reads, as a Failure.
func Give(ctx context.Context, from Source, h Header, w io.Writer) (Header, Trailer, error) {
	out := NewRecordWriter(w)
	var t Trailer
	begun := false
	s, err := from.Mirror.Snapshot(ctx, raid.SnapshotOptions{
		Since: h.Since, Apart: from.Apart,
		Settle: func() func() {
			held, release := from.Hold()
			t.Held = held
			return release
		},
		Began: func(whole bool, why string) error {
			if h.Whole = whole; whole {
				h.Since = nil
			} else {
				h.Estimate = 0 // nobody knows how much was changed
			}
			if h.Why == "" {
				h.Why = why
			}
			begun = true
			return out.Header(h)
		},
	}, func(op volume.Op) error { return out.Op(op, false) })
	if err != nil {
		err = fmt.Errorf("reading the volumes: %w", err)
		if begun {
			f := Failure{Said: err.Error()}
			if from.CodeOf != nil {
				f.Code = from.CodeOf(err)
			}
			_ = out.Fail(f) // nobody listens any more, else
		}
		return h, t, err
	}
	for _, op := range s.Apart {
		if err := out.Op(op, true); err != nil {
			return h, t, err
		}
	}
	t.Point, t.Values, t.Bytes, t.Apart, t.Damaged = s.Point, s.Values, s.Bytes, uint64(len(s.Apart)), s.Damaged
	return h, t, out.Trailer(t)
}
