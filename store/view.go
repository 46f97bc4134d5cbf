package store

import (
	"context"

	"casemate/store/journal"
)

// view is where the safe's readers read: on the mirror, which passes over a damaged value for the
// twin's, or on one volume alone, where every fault shows. What is derived from it (a receipt, a
// proof) is derived by one code whichever it is.
type view struct {
	s    *Safe
	slot int // allSlots, or the volume's
	get  getter
	log  *journal.Log
	last *span // newest round, when it must not move on meanwhile; nil: the safe's
	seen *seen // rounds read already, for whoever proves many documents; nil: none is kept
}

// newest gives the newest round there is for this view.
func (v view) newest() span {
	if v.last != nil {
		return *v.last
	}
	return v.s.lastSpan()
}

// getter reads one value.
type getter func(ctx context.Context, key []byte) ([]byte, error)

const allSlots = -1

// all is the view that callers are served from.
func (s *Safe) all() view {
	return view{s: s, slot: allSlots, get: s.mirror.Get, log: s.log}
}

// alone is the view of one volume in sync, its journal excepted: see survey for that.
func (s *Safe) alone(slot int) view {
	return view{s: s, slot: slot, log: s.log,
		get: func(ctx context.Context, key []byte) ([]byte, error) { return s.mirror.GetFrom(ctx, slot, key) }}
}
