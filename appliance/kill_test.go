package appliance_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"math/big"
	"sync"
	"testing"
	"time"

	"casemate/appliance/wire"
)

// TestKilledUnderLoad kills serve with SIGKILL at random under a load of deposits, twenty times.
// Whatever was acknowledged reads back identical and its receipt verifies; fsck is clean.
func TestKilledUnderLoad(t *testing.T) {
	b := newBox(t)
	b.start()
	b.vault()
	type held struct {
		doc  wire.Document
		body []byte
	}
	var mu sync.Mutex
	var kept []held
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(kept)
	}
	seen := 0
	for range 20 {
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for worker := range 4 {
			wg.Go(func() {
				c := b.client("depositor")
				for ctx.Err() == nil {
					size := 1000
					if worker == 0 {
						size = 700 << 10
					}
					body := make([]byte, size)
					_, _ = rand.Read(body)
					doc, err := c.Deposit(ctx, deposit(body))
					if err != nil {
						return // killed: nothing was promised
					}
					mu.Lock()
					kept = append(kept, held{doc, body})
					mu.Unlock()
				}
			})
		}
		n, err := rand.Int(rand.Reader, big.NewInt(400))
		if err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); count() == seen; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("no document is acknowledged: the load is none")
			}
		}
		time.Sleep(time.Duration(n.Int64()) * time.Millisecond)
		b.kill()
		stop()
		wg.Wait()
		b.start()
		c := b.client("depositor")
		for ; seen < len(kept); seen++ {
			var back bytes.Buffer
			if err := c.ReadFile(t.Context(), kept[seen].doc, 1, &back); err != nil || !bytes.Equal(back.Bytes(), kept[seen].body) {
				t.Fatalf("document %s, acknowledged before a kill: %v", kept[seen].doc.ID, err)
			}
		}
	}
	t.Logf("20 kills, %d documents acknowledged, 0 lost", len(kept))
	c := b.client("depositor")
	for _, h := range kept {
		b.waitProved(c, h.doc)
		b.verify(t.Context(), c, h.doc, h.body, true)
	}
	b.stop()
	b.fsck()
}
