package raid

import (
	"context"
	"fmt"
	"sync"
	"time"

	"casemate/raid/volume"
)

// fresh is how long a member's word on its free space is good for: others write to disks too.
const fresh = 500 * time.Millisecond

// room refuses a batch that a volume in sync would have to refuse, so that a full disk does not
// cost the mirror a member. What is under way may take its share first.
func (m *Mirror) room(ctx context.Context, bytes int64) error {
	for range 2 {
		short, stale := m.short(bytes)
		if short == nil && len(stale) == 0 {
			return nil
		}
		if len(stale) == 0 {
			return fmt.Errorf("%w: %d MiB left on %q", ErrFull, short.free>>20, short.dir)
		}
		var wg sync.WaitGroup
		for _, mem := range stale {
			wg.Go(func() {
				if err := m.refresh(ctx, mem); err != nil { // the write itself will find out
					m.c.Log.Debug("asking a volume for its free space", "volume", mem.slot, "error", err)
				}
			})
		}
		wg.Wait()
	}
	return nil
}

// short gives a member in sync without room for a batch, and those whose word on it is old.
func (m *Mirror) short(bytes int64) (short *member, stale []*member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead != nil { // nobody need be asked
		return nil, nil
	}
	for _, p := range m.flight {
		bytes += p.bytes
	}
	now := m.c.Now()
	for _, mem := range m.insync() {
		if now.Sub(mem.asked) > fresh {
			stale = append(stale, mem)
		}
		if mem.free < mem.state.Floor+4*bytes && mem.state.Trouble == "" {
			short = mem
		}
	}
	return short, stale
}

// refresh asks a member for its state, and puts it out if it found something wrong with itself.
func (m *Mirror) refresh(ctx context.Context, mem *member) error {
	m.mu.Lock()
	if mem.proc == nil {
		m.mu.Unlock()
		return ErrUnavailable
	}
	client := mem.proc.client
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, m.breath())
	defer cancel()
	st, err := client.Control(ctx, volume.Request{Act: volume.ActStatus})
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if mem.proc != nil && mem.proc.client == client {
		mem.free, mem.asked, mem.state = st.Free, m.c.Now(), st
		m.heed(mem)
	}
	return nil
}
