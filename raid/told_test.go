package raid

import (
	"sync"
	"testing"
)

// Events are handed on in the order in which they came to be, whoever does it, and whoever hands on goes on only
// when his own was given.
func TestEventsKeepTheirOrder(t *testing.T) {
	var w told
	var mu sync.Mutex // the mirror's, under which some come to be
	var made, given []int
	to := func(e Event) { given = append(given, e.Count) }
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				mu.Lock()
				n := len(made)
				made = append(made, n)
				w.add(Event{Count: n})
				mu.Unlock()
				w.handOn(to)
				w.giving.Lock()
				if len(given) <= n {
					t.Errorf("event %d was not given, %d were", n, len(given))
				}
				w.giving.Unlock()
			}
		})
	}
	wg.Wait()
	for i, n := range given {
		if i != n {
			t.Fatalf("event %d was given as number %d", n, i)
		}
	}
	if len(given) != len(made) {
		t.Errorf("%d of %d events were given", len(given), len(made))
	}
}
