package volume

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
)

// Control carries out a control request.
func (c *Client) Control(ctx context.Context, r Request) (State, error) {
	p, err := json.Marshal(r)
	if err != nil {
		return State{}, err
	}
	body, err := c.call(ctx, Frame{Kind: KindControl, Lane: LaneControl, Payload: p})
	if err != nil {
		return State{}, fmt.Errorf("asking the volume for %q: %w", r.Act, err)
	}
	var st State
	return st, decodeStrict(body, &st)
}

// Hello opens the volume, unless it is to stay shut. Its state says whether Badger opened.
func (c *Client) Hello(ctx context.Context, minFree int64, shut bool) (State, error) {
	return c.Control(ctx, Request{Act: ActHello, Protocol: Protocol, Build: Build(), MinFree: minFree, Shut: shut})
}

// Get fetches the stored value of a key.
func (c *Client) Get(ctx context.Context, key []byte) ([]byte, error) {
	if len(key) == 0 || len(key) > MaxKey {
		return nil, fmt.Errorf("%w: a key of %d bytes", ErrRefused, len(key))
	}
	if err := c.reads.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer c.reads.Release(1)
	return c.call(ctx, Frame{Kind: KindGet, Lane: LaneRead, Payload: key})
}

// Removed says whether the volume still knows that it removed a key that it does not have. That it says no
// means nothing: a merge of tables forgets.
func (c *Client) Removed(ctx context.Context, key []byte) (bool, error) {
	if err := c.reads.Acquire(ctx, 1); err != nil {
		return false, err
	}
	defer c.reads.Release(1)
	body, err := c.call(ctx, Frame{Kind: KindGet, Lane: LaneRead, Flags: FlagRemoved, Payload: key})
	if err == nil && len(body) != 1 {
		err = fmt.Errorf("%w: an answer of %d bytes to a question", ErrFrame, len(body))
	}
	return err == nil && body[0] == 1, err
}

// Page is a page of a scan: its items, ascending, and whether the range ended. An item without
// value is one the volume cannot read.
type Page struct {
	Items []Op
	End   bool
	Sum   Digest // of the items as they travelled
}

// Items is Scan without the page's digest, which takes longer than the rest.
func (c *Client) Items(ctx context.Context, after []byte, limit int) (Page, error) {
	body, err := c.scan(ctx, nil, after, limit, 0)
	if err != nil {
		return Page{}, err
	}
	items, err := parsePage(body[1:])
	return Page{Items: items, End: body[0] == 1}, err
}

// Scan fetches a page of the items whose keys begin with prefix, from after on, exclusive.
func (c *Client) Scan(ctx context.Context, prefix, after []byte, limit int) (Page, error) {
	body, err := c.scan(ctx, prefix, after, limit, 0)
	if err != nil {
		return Page{}, err
	}
	items, err := parsePage(body[1:])
	return Page{Items: items, End: body[0] == 1, Sum: sha256.Sum256(body[1:])}, err
}

// ScanDigest fetches only the SHA-256 of such a page.
func (c *Client) ScanDigest(ctx context.Context, prefix, after []byte, limit int) (Page, error) {
	body, err := c.scan(ctx, prefix, after, limit, FlagDigest)
	if err != nil {
		return Page{}, err
	}
	if len(body) != 33 {
		return Page{}, fmt.Errorf("%w: a page digest of %d bytes", ErrFrame, len(body))
	}
	return Page{End: body[0] == 1, Sum: Digest(body[1:])}, nil
}

func (c *Client) scan(ctx context.Context, prefix, after []byte, limit int, flags uint8) ([]byte, error) {
	if len(prefix) > MaxKey || len(after) > MaxKey || limit < 1 {
		return nil, fmt.Errorf("%w: a scan of prefix %d, limit %d", ErrRefused, len(prefix), limit)
	}
	if err := c.reads.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer c.reads.Release(1)
	body, err := c.call(ctx, Frame{Kind: KindScan, Lane: LaneRead, Flags: flags, Payload: encodeScan(prefix, after, min(limit, 1<<20))})
	if err == nil && len(body) == 0 {
		err = errors.Join(ErrFrame, errors.New("an empty page"))
	}
	return body, err
}
