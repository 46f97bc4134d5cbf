package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync"
)

// pagesAhead is what a survey has read of its volume page by page before it was asked for: the entries of
// the journal and the records of a vault, whose keys end with dense numbers. What a page lacks or shows
// damaged is asked for singly, as everything else is, and so is what was written since: a page holds
// only values that were authentic on that volume a moment ago.
type pagesAhead struct {
	mu   sync.Mutex
	rows map[string]*row // by all of the key but the number
}

// row is the part of dense keys that is at hand: the page read last and the one before it, since
// documents do not come to their ends quite in the order of their numbers.
type row struct {
	pages [2]map[string][]byte
	last  uint64 // number of the last key at hand
	away  int    // how many were asked for of late that were not at hand
}

// aheadPage is how many items are asked for at once; a page ends at about a mebibyte before that.
const (
	aheadPage = 1024
	// aheadOf is how far beyond the last page a number may be that is worth the next one: the survey
	// comes there soon. Others (tree hashes far ahead, say) are read singly.
	aheadOf   = 512
	aheadAway = 16
	aheadRows = 4
)

// dense says whether keys of a kind end with numbers that a survey goes through in order.
func dense(key []byte) bool {
	return len(key) > 9 && key[0] == typeRecord || len(key) == 9 && key[0] == typeJournal
}

// paged gives the value of a dense key if it is at hand or comes with the next page.
func (y *survey) paged(ctx context.Context, key []byte) ([]byte, bool) {
	if !dense(key) {
		return nil, false
	}
	a := &y.pages
	a.mu.Lock()
	defer a.mu.Unlock()
	prefix, n := key[:len(key)-8], binary.BigEndian.Uint64(key[len(key)-8:])
	r := a.rows[string(prefix)]
	if r == nil {
		if len(a.rows) >= aheadRows || a.rows == nil {
			a.rows = map[string]*row{}
		}
		r = &row{last: max(n, 1) - 1}
		a.rows[string(prefix)] = r
	}
	if v, ok := r.find(key); ok {
		return v, true
	}
	if r.away++; r.away > aheadAway { // the survey went on elsewhere
		*r = row{last: max(n, 1) - 1}
	}
	if r.pages[1] != nil && (n <= r.last || n > r.last+aheadOf) {
		return nil, false
	}
	after := binary.BigEndian.AppendUint64(bytes.Clone(prefix), r.last)
	if n == 0 {
		after = prefix
	}
	items, err := y.s.mirror.ScanFrom(ctx, y.slot, prefix, after, aheadPage)
	if err != nil || len(items) == 0 {
		return nil, false
	}
	page := make(map[string][]byte, len(items))
	for _, it := range items {
		page[string(it.Key)] = it.Value
	}
	last := items[len(items)-1].Key
	r.pages[0], r.pages[1], r.last = r.pages[1], page, binary.BigEndian.Uint64(last[len(last)-8:])
	return r.find(key)
}

func (r *row) find(key []byte) ([]byte, bool) {
	for _, page := range r.pages {
		if v, ok := page[string(key)]; ok {
			r.away = 0
			return v, true
		}
	}
	return nil, false
}

// afresh forgets what is at hand: from now on it is read again.
func (y *survey) afresh() {
	y.pages.mu.Lock()
	defer y.pages.mu.Unlock()
	y.pages.rows = nil
}
