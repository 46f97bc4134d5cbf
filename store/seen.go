package store

import (
	"sync"

	"casemate/store/verify"
)

// seen keeps what a survey has read of the volume's rounds: the documents of a round share it, and each
// proof looks for its round among the spans. What is kept was read from that volume, by that survey.
// Its trust remembers the chains and tokens it has found good. A nil seen keeps nothing.
type seen struct {
	trust verify.Trust

	mu     sync.Mutex
	spans  map[uint64]span
	rounds []*round // the last read last
}

// Bounds of what a survey keeps: spans of some hundred bytes, and rounds of about 600 KiB with their
// trees. Two rounds are enough: a document's own, and the one before, whose token it names.
const (
	seenSpans  = 1 << 14
	seenRounds = 2
)

func (k *seen) span(n uint64) (span, bool) {
	if k == nil {
		return span{}, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	sp, ok := k.spans[n]
	return sp, ok
}

func (k *seen) addSpan(n uint64, sp span) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.spans == nil || len(k.spans) >= seenSpans {
		k.spans = map[uint64]span{}
	}
	k.spans[n] = sp
}

func (k *seen) round(n uint64) (*round, bool) {
	if k == nil {
		return nil, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.rounds {
		if r.kept == n {
			return r, true
		}
	}
	return nil, false
}

func (k *seen) addRound(n uint64, r *round) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	r.kept = n
	if len(k.rounds) >= seenRounds {
		k.rounds = append(k.rounds[:0], k.rounds[1:]...)
	}
	k.rounds = append(k.rounds, r)
}
