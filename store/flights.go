package store

import "sync"

// flights keeps two staged batches under way while the next is being filled: hashing, ciphering and
// writing overlap, a volume has the next batch in hand while it syncs the one before, and memory
// stays constant. Each slot has a stage record of its own and takes the next batch only when its
// last is done, so an older record never lands on a newer one.
type flights struct {
	turn int
	busy [stageSlots]chan struct{} // closed when the slot's batch is done; nil: free
	mu   sync.Mutex
	err  error
}

const stageSlots = 2

// wait returns when no batch is under way.
func (f *flights) wait() {
	for _, done := range f.busy {
		if done != nil {
			<-done
		}
	}
}

func (f *flights) fail(err error) {
	f.mu.Lock()
	if f.err == nil {
		f.err = err
	}
	f.mu.Unlock()
}

func (f *flights) failed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
