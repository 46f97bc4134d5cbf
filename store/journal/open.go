package journal

import (
	"bytes"
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// maxGap is how far beyond the end Open looks for entries that must not be
// there: more than any transaction holds.
const maxGap = 1 << 20

// Open finds the journal under prefix: its size by galloping and bisection over
// the dense numbers, and its head from the last records, which must chain. An
// entry beyond the end (a record lost in the middle) is ErrBroken. It does not
// read the whole journal: Audit does.
//
// What Open finds is what was durable; a rollback of everything is not visible
// from inside, so its caller compares with the last checkpoint signed.
func Open(ctx context.Context, r Reader, prefix []byte, opts Options) (*Log, error) {
	l := &Log{reader: r, prefix: bytes.Clone(prefix), notFound: opts.NotFound, cache: make(map[nodeID]tlog.Hash)}
	if l.notFound == nil {
		l.notFound = defaultNotFound
	}
	size, err := l.findSize(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	if l.committed, err = l.headAt(ctx, size); err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	if err := l.checkLast(ctx); err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	return l, nil
}

// OpenAt is Open for a reader that may hold more than the first size entries, or be given more
// meanwhile: a copy of a journal at work, of which these are known to be committed. What is beyond
// them is not looked at.
func OpenAt(ctx context.Context, r Reader, prefix []byte, size uint64, opts Options) (*Log, error) {
	l := &Log{reader: r, prefix: bytes.Clone(prefix), notFound: opts.NotFound, cache: make(map[nodeID]tlog.Hash)}
	if l.notFound == nil {
		l.notFound = defaultNotFound
	}
	var err error
	if l.committed, err = l.headAt(ctx, size); err == nil {
		err = l.checkLast(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the journal at %d entries: %w", size, err)
	}
	return l, nil
}

// findSize gives the number of entries, if they are dense.
func (l *Log) findSize(ctx context.Context) (uint64, error) {
	low, high := uint64(0), uint64(1) // low entries are known to be there
	for {
		there, err := l.exists(ctx, high-1)
		if err != nil {
			return 0, err
		}
		if !there {
			break
		}
		low, high = high, high*2
	}
	for low+1 < high { // entry low-1 is there, entry high-1 is not
		mid := low + (high-low)/2
		there, err := l.exists(ctx, mid-1)
		if err != nil {
			return 0, err
		}
		if there {
			low = mid
		} else {
			high = mid
		}
	}
	for step := uint64(1); step <= maxGap; step *= 2 {
		if there, err := l.exists(ctx, low+step); err != nil || there {
			if err == nil {
				err = fmt.Errorf("%w: entry %d is there, entry %d is not", ErrBroken, low+step, low)
			}
			return 0, err
		}
	}
	return low, nil
}

func (l *Log) exists(ctx context.Context, seq uint64) (bool, error) {
	_, err := l.reader.Get(ctx, l.key(seq))
	if err != nil && l.notFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("record %d: %w", seq, err)
	}
	return true, nil
}

// headAt rebuilds the head of the first size entries from their stored hashes.
func (l *Log) headAt(ctx context.Context, size uint64) (h head, err error) {
	h.size = size
	if size == 0 {
		return h, nil
	}
	for level := 0; size>>level != 0; level++ {
		if size>>level&1 == 0 {
			continue
		}
		if h.edge[level], err = l.hash(ctx, nodeID{level, size>>level - 1}); err != nil {
			return head{}, err
		}
	}
	last, err := l.record(ctx, size-1)
	if err != nil {
		return head{}, err
	}
	h.prev = last.hashes[0]
	return h, nil
}

// checkLast verifies that the last entry follows the one before it, and that
// the hashes it completes follow from those before it.
func (l *Log) checkLast(ctx context.Context) error {
	if l.committed.size == 0 {
		return nil
	}
	return l.Audit(ctx, l.committed.size-1, l.committed.size, nil)
}
