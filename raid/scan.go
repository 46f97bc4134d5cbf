package raid

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"casemate/raid/volume"
)

// Scan gives the items whose keys begin with prefix and come after after, ascending: at most limit
// of them and about 1 MiB, at least one if there is any. An empty answer is the end. Each value is
// authenticated; the twin is asked for the digest of the same page, and where they differ the page
// is put together from both, so that a volume that lost keys in silence hides nothing.
func (m *Mirror) Scan(ctx context.Context, prefix, after []byte, limit int) ([]Item, error) {
	if len(prefix) > MaxKey || len(after) > MaxKey || len(prefix) > 0 && prefix[0] == volume.MetaPrefix {
		return nil, fmt.Errorf("%w: a prefix of %d bytes, or one that begins with zero", ErrTooLarge, len(prefix))
	}
	if limit <= 0 || limit > MaxOps {
		limit = MaxOps
	}
	if bytes.Compare(after, []byte{volume.MetaPrefix, 0xff}) < 0 {
		after = []byte{volume.MetaPrefix, 0xff} // past the mirror's own keys
	}
	m.calls.begin()
	defer func() { m.calls.end(m.c.Now()) }()
	list, _, _ := m.sources()
	for len(list) > 0 {
		got := m.page(ctx, list, prefix, after, limit)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if got.err != nil {
			if list = list[1:]; len(list) == 0 {
				return nil, got.err
			}
			continue
		}
		// Without the twin's word the page stands: the twin is dying, and is put out for that.
		if items, ok := m.openPage(got.page); ok && (got.same || got.twin != nil) {
			return items, nil
		}
		return m.merge(ctx, list, prefix, after, limit)
	}
	return nil, ErrUnavailable
}

// fetched is a page of one volume, compared with its twin's.
type fetched struct {
	page volume.Page
	same bool  // as the twin's, or there is no twin
	twin error // why the twin did not say
	err  error
}

// page fetches a page from the first source and its digest from the second at the same time.
func (m *Mirror) page(ctx context.Context, list []source, prefix, after []byte, limit int) (got fetched) {
	ctx, cancel := context.WithTimeout(ctx, m.c.WriteDeadline)
	defer cancel()
	var wg sync.WaitGroup
	var other volume.Page
	if len(list) > 1 {
		wg.Go(func() { other, got.twin = list[1].client.ScanDigest(ctx, prefix, after, limit) })
	}
	page, err := list[0].client.Scan(ctx, prefix, after, limit)
	wg.Wait()
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			list[0].mem.slow.Store(true)
		}
		got.err = fmt.Errorf("%w: %w", ErrUnavailable, err)
		return got
	}
	got.page, got.same = page, len(list) == 1 || got.twin == nil && other.Sum == page.Sum
	return got
}

// openPage opens all values of a page; ok is false if one is damaged.
func (m *Mirror) openPage(page volume.Page) (items []Item, ok bool) {
	items = make([]Item, 0, len(page.Items))
	o := opener{sealer: &m.seal}
	for _, it := range page.Items {
		plain, _, err := o.unseal(nil, it.Key, it.Value)
		if err != nil {
			return nil, false
		}
		items = append(items, Item{it.Key, plain})
	}
	return items, true
}

// merge puts a page together from all volumes, key by key. Only keys up to the end of the
// shortest page are certain; the rest comes with the next call.
func (m *Mirror) merge(ctx context.Context, list []source, prefix, after []byte, limit int) ([]Item, error) {
	var pages []volume.Page
	var from []source // whose they are
	var last []byte   // of the shortest page that does not end the range
	for _, s := range list {
		sctx, cancel := context.WithTimeout(ctx, m.c.WriteDeadline)
		p, err := s.client.Scan(sctx, prefix, after, limit)
		cancel()
		if err != nil {
			continue
		}
		pages, from = append(pages, p), append(from, s)
		if n := len(p.Items); !p.End && n > 0 && (last == nil || bytes.Compare(p.Items[n-1].Key, last) < 0) {
			last = p.Items[n-1].Key
		}
	}
	if len(pages) == 0 {
		return nil, ErrUnavailable
	}
	var out []Item
	for _, key := range unite(pages, last) {
		m.doubt(from, pages, key)
		v, err := m.value(ctx, key)
		switch {
		case errors.Is(err, ErrNotFound): // deleted meanwhile
		case err != nil:
			return nil, fmt.Errorf("scanning: %w", err)
		default:
			out = append(out, Item{key, v})
		}
		if len(out) == limit {
			return out, nil
		}
	}
	if len(out) == 0 && last != nil { // all of them deleted meanwhile, and more behind
		return m.Scan(ctx, prefix, last, limit)
	}
	return out, nil
}

// doubt has a key looked at on every volume whose page lacks it or shows it damaged.
func (m *Mirror) doubt(from []source, pages []volume.Page, key []byte) {
	for i, p := range pages {
		if v := find(p, key); v == nil || m.seal.check(key, v) != nil {
			m.suspect(from[i].mem, "", key, "")
		}
	}
}

// unite gives the keys of all pages up to last, ascending, each once.
func unite(pages []volume.Page, last []byte) (keys [][]byte) {
	at := make([]int, len(pages))
	for {
		var least []byte
		for i, p := range pages {
			if at[i] < len(p.Items) && (least == nil || bytes.Compare(p.Items[at[i]].Key, least) < 0) {
				least = p.Items[at[i]].Key
			}
		}
		if least == nil || last != nil && bytes.Compare(least, last) > 0 {
			return keys
		}
		for i, p := range pages {
			if at[i] < len(p.Items) && bytes.Equal(p.Items[at[i]].Key, least) {
				at[i]++
			}
		}
		keys = append(keys, least)
	}
}
