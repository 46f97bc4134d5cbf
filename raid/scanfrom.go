package raid

import (
	"context"
	"errors"
	"fmt"

	"casemate/raid/volume"
)

// ScanFrom gives items of one volume in sync alone, each authenticated, whose keys begin with prefix and
// come after after, ascending: at most limit of them and about 1 MiB. What does not read as it was
// written is left out, as is what the volume lacks: GetFrom tells the two apart and has either looked
// at. So an empty answer is no proof that there is nothing.
func (m *Mirror) ScanFrom(ctx context.Context, slot int, prefix, after []byte, limit int) ([]Item, error) {
	if err := checkKey(prefix); err != nil {
		return nil, err
	}
	if len(after) > MaxKey {
		return nil, fmt.Errorf("%w: a key of %d bytes", ErrTooLarge, len(after))
	}
	if limit <= 0 || limit > MaxOps {
		limit = MaxOps
	}
	s, err := m.source(slot)
	if err != nil {
		return nil, err
	}
	m.calls.begin()
	defer func() { m.calls.end(m.c.Now()) }()
	ctx, cancel := context.WithTimeout(ctx, m.c.WriteDeadline)
	defer cancel()
	page, err := s.client.Scan(ctx, prefix, after, limit)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			s.mem.slow.Store(true)
		}
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return m.soundItems(page), nil
}

// soundItems opens the values of a page that read as they were written.
func (m *Mirror) soundItems(page volume.Page) []Item {
	o := opener{sealer: &m.seal}
	items := make([]Item, 0, len(page.Items))
	for _, it := range page.Items {
		if plain, _, err := o.unseal(nil, it.Key, it.Value); err == nil {
			items = append(items, Item{it.Key, plain})
		}
	}
	return items
}
