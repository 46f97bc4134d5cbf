package raid

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"casemate/raid/volume"
)

// A wave is some batches replayed in one transaction, so that a volume behind gains on one that
// is being written to. Bounds of a wave; a batch larger than them is a wave of its own.
const (
	waveBatches = 256
	waveOps     = 4000
	waveBytes   = 6 << 20
	waveReaders = 8
)

type wave struct {
	manifests []*manifest
	kept      []kept
	ops       int
	bytes     int
}

// fits says whether one more batch may join.
func (w *wave) fits(man *manifest) bool {
	bytes := 0
	for _, e := range man.entries {
		bytes += e.size
	}
	if len(w.manifests) > 0 && (len(w.manifests) >= waveBatches || w.ops+len(man.entries) > waveOps || w.bytes+bytes > waveBytes) {
		return false
	}
	w.ops += len(man.entries) + 1
	w.bytes += bytes
	return true
}

// backfill replays the batches up to a head on a marked volume.
func (m *Mirror) backfill(ctx context.Context, src source, dst *member, to volume.Head) error {
	at := dst.state.Head
	replayed, bytes := uint64(0), int64(0)
	for at.Sequence < to.Sequence {
		w, err := m.gather(ctx, src, at, to)
		if err != nil {
			return err
		}
		last := w.kept[len(w.kept)-1].head
		if err := m.replay(ctx, src, dst, w); err != nil {
			return fmt.Errorf("replaying batches %d to %d: %w", at.Sequence+1, last.Sequence, err)
		}
		replayed, bytes = replayed+last.Sequence-at.Sequence, bytes+int64(w.bytes)
		at = last
		m.mu.Lock()
		dst.state.Head = at
		meter := dst.meter
		m.mu.Unlock()
		if meter != nil {
			meter.add(int64(w.bytes), m.c.Now())
			meter.expect(int64(float64(bytes) / float64(replayed) * float64(to.Sequence-at.Sequence)))
		}
	}
	if at != to {
		return fmt.Errorf("%w: batch %d is %s, not %s", ErrCorrupt, at.Sequence, at.Digest, to.Digest)
	}
	return nil
}

// gather reads the manifests of the next wave and checks that each follows the one before.
func (m *Mirror) gather(ctx context.Context, src source, at, to volume.Head) (*wave, error) {
	w := &wave{}
	for at.Sequence < to.Sequence {
		man, k, err := m.manifest(ctx, src, at.Sequence+1)
		if errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("%w: %w", errAnew, err)
		}
		if err != nil {
			return nil, err
		}
		if man.previous != at.Digest {
			return nil, fmt.Errorf("%w: batch %d does not follow batch %d", ErrCorrupt, man.sequence, at.Sequence)
		}
		if !w.fits(man) {
			break
		}
		w.manifests, w.kept, at = append(w.manifests, man), append(w.kept, k), k.head
	}
	return w, nil
}

// replay writes the batches of a wave as the source still has them. A value that a later batch
// replaced or removed is left out: that batch is still to come. What is there already is written
// again.
func (m *Mirror) replay(ctx context.Context, src source, dst *member, w *wave) error {
	values, err := m.originals(ctx, src, w)
	if err == nil {
		err = m.supply(ctx, dst, w, values)
	}
	if err != nil {
		return err
	}
	b := volume.NewBuilder(m.pool)
	if err := w.layOut(b, values); err != nil {
		b.Drop()
		return err
	}
	return m.push(ctx, dst, b.Finish(w.kept[len(w.kept)-1].head, 0), volume.FlagBackfill)
}

// supply looks elsewhere for the values that the source holds damaged.
func (m *Mirror) supply(ctx context.Context, dst *member, w *wave, values [][][]byte) (err error) {
	for i, man := range w.manifests {
		for j, e := range man.entries {
			if !isGap(values[i][j]) {
				continue
			}
			if values[i][j], err = m.anywhere(ctx, dst, man, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// originals fetches the values of a wave as the source still has them; nil for one that a later batch
// replaced or removed, a gap for one that is damaged.
func (m *Mirror) originals(ctx context.Context, src source, w *wave) ([][][]byte, error) {
	values := make([][][]byte, len(w.manifests))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(waveReaders)
	for i, man := range w.manifests {
		values[i] = make([][]byte, len(man.entries))
		for j, e := range man.entries {
			if e.remove {
				continue
			}
			g.Go(func() (err error) {
				values[i][j], err = m.original(gctx, src, man, e)
				return err
			})
		}
	}
	return values, g.Wait()
}

func (w *wave) layOut(b *volume.Builder, values [][][]byte) error {
	for i, man := range w.manifests {
		for j, e := range man.entries {
			if !e.remove && values[i][j] == nil {
				continue
			}
			if err := add(b, e.key, values[i][j], e.remove); err != nil {
				return err
			}
		}
		if err := add(b, volume.ManifestKey(man.sequence), w.kept[i].stored, false); err != nil {
			return err
		}
	}
	return nil
}

func add(b *volume.Builder, key, value []byte, remove bool) error {
	room, err := b.Add(key, len(value), remove)
	copy(room, value)
	return err
}

// original fetches the value a batch put, if it is still there; a gap if what is there is damaged, nil if it
// was replaced or removed later.
func (m *Mirror) original(ctx context.Context, src source, man *manifest, e entry) ([]byte, error) {
	v, err := m.sound(ctx, src, e.key)
	switch {
	case errors.Is(err, ErrNotFound): // removed later
		return nil, nil
	case errors.Is(err, ErrCorrupt):
		m.suspect(src.mem, EventBadValue, e.key, fmt.Sprintf("a value of batch %d cannot be copied", man.sequence))
		return gap, nil
	case err == nil && !e.holds(man.sequence, v): // replaced later
		return nil, nil
	}
	return v, err
}

// holds says whether a stored value claims to be the one of this entry.
func (e *entry) holds(sequence uint64, stored []byte) bool {
	s, t, ok := identify(stored)
	return ok && s == sequence && t == e.tag && len(stored) == e.size
}

// push sends a batch to one volume and waits for its answer.
func (m *Mirror) push(ctx context.Context, dst *member, b *volume.Batch, flags uint8) error {
	got := make(chan error, 1)
	dst.proc.client.Write(b, b.Head.Epoch, flags, 0, func(_ int64, err error) { got <- err })
	b.Release()
	select {
	case err := <-got:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
