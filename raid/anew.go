package raid

import (
	"context"
	"errors"
	"fmt"

	"casemate/raid/volume"
)

// copyBytes is about how much is copied in one transaction.
const copyBytes = 6 << 20

// fillAnew fills a volume from nothing, beside its old database, while the mirror serves. What
// is written meanwhile is replayed afterwards from the manifests, from the head the copy began at.
// After a crash it begins again.
func (m *Mirror) fillAnew(ctx context.Context, src source, mem *member, why string) error {
	m.event(EventRebuild, mem, "%s", why)
	if len(why) > 300 {
		why = why[:300]
	}
	if err := m.control(ctx, mem, volume.Request{Act: volume.ActRebuild, Reason: why}); err != nil {
		return fmt.Errorf("beginning a new database: %w", err)
	}
	head := m.committed()
	if err := m.copyAll(ctx, src, mem); err != nil {
		return fmt.Errorf("copying from volume %d: %w", src.mem.slot, err)
	}
	if err := m.control(ctx, mem, volume.Request{Act: volume.ActHead, Head: head}); err != nil {
		return err
	}
	return m.control(ctx, mem, volume.Request{Act: volume.ActFinish})
}

// copyAll copies every key, the mirror's own included, each value authenticated on the way.
func (m *Mirror) copyAll(ctx context.Context, src source, dst *member) error {
	var ops []volume.Op
	var after []byte
	size := 0
	for {
		page, err := m.copyPage(ctx, src, after)
		if err != nil {
			return err
		}
		for _, it := range page.Items {
			after = it.Key
			if err := m.seal.check(it.Key, it.Value); err != nil {
				m.suspect(src.mem, EventBadValue, it.Key, "a value cannot be copied")
				continue
			}
			ops, size = append(ops, it), size+len(it.Key)+len(it.Value)
		}
		if len(ops) > 0 && (page.End || size > copyBytes || len(ops) > MaxOps/4) {
			if err := dst.proc.client.Refill(ctx, m.pool, ops, 0); err != nil {
				return err
			}
			ops, size = nil, 0
		}
		if page.End {
			return nil
		}
	}
}

func (m *Mirror) copyPage(ctx context.Context, src source, after []byte) (volume.Page, error) {
	rctx, cancel := context.WithTimeout(ctx, patience*m.c.WriteDeadline)
	defer cancel()
	page, err := src.client.Scan(rctx, nil, after, MaxOps/4)
	if err == nil && len(page.Items) == 0 && !page.End {
		err = errors.New("an empty page in the middle")
	}
	return page, err
}
