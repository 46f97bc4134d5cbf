package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"casemate/appliance/wire"
)

// maxCheckpoint is far above any signed note of a tree head.
const maxCheckpoint = 64 << 10

// CreateVault makes a vault.
func (c *Client) CreateVault(ctx context.Context, name string) (wire.Vault, error) {
	var vault wire.Vault
	err := c.call(ctx, http.MethodPost, path("vaults"), nil, wire.NewVault{Name: name}, &vault)
	return vault, err
}

// Vaults gives the vaults the caller may use.
func (c *Client) Vaults(ctx context.Context) ([]wire.Vault, error) {
	var vaults wire.Vaults
	err := c.call(ctx, http.MethodGet, path("vaults"), nil, nil, &vaults)
	return vaults.Vaults, err
}

// Query chooses journal entries; zero fields choose all.
type Query struct {
	Object, User string
	From, To     time.Time
	After        uint64 // sequence
}

// Journal walks the entries a query chooses, by sequence; it fetches page by page
// and stops at the first error.
func (c *Client) Journal(ctx context.Context, q Query) iter.Seq2[wire.Entry, error] {
	return pages(q.After, func(after uint64) ([]wire.Entry, uint64, error) {
		query := url.Values{"after": {strconv.FormatUint(after, 10)}}
		if after == 0 {
			query.Del("after") // sequences count from 0: no after is before the first
		}
		setText(query, "object", q.Object)
		setText(query, "user", q.User)
		setTime(query, "from", q.From)
		setTime(query, "to", q.To)
		var page wire.Entries
		err := c.call(ctx, http.MethodGet, path("journal"), query, nil, &page)
		return page.Entries, page.Next, err
	})
}

func setText(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

func setTime(query url.Values, name string, t time.Time) {
	if !t.IsZero() {
		query.Set(name, t.UTC().Format(time.RFC3339Nano))
	}
}

// Checkpoint gives the journal's last signed tree head, a C2SP signed note.
func (c *Client) Checkpoint(ctx context.Context) ([]byte, error) {
	req, err := c.request(ctx, http.MethodGet, path("journal", "checkpoint"), nil, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/plain, "+wire.Prob)
	res, err := c.send(req)
	if err != nil {
		return nil, err
	}
	defer discard(res.Body)
	note, err := io.ReadAll(io.LimitReader(res.Body, maxCheckpoint+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, transportError(err)
	case len(note) > maxCheckpoint:
		return nil, fmt.Errorf("%w: a checkpoint of more than %d bytes", ErrProtocol, maxCheckpoint)
	}
	return note, nil
}

// Status tells how the safe is.
func (c *Client) Status(ctx context.Context) (wire.Status, error) {
	var status wire.Status
	err := c.call(ctx, http.MethodGet, path("status"), nil, nil, &status)
	return status, err
}

// Trust gives what the safe says its anchors are: to compare with those of the
// ceremony, never to verify by.
func (c *Client) Trust(ctx context.Context) (wire.Trust, error) {
	var trust wire.Trust
	err := c.call(ctx, http.MethodGet, path("trust"), nil, nil, &trust)
	if err == nil && (trust.Seal == "" || trust.Journal == "") {
		err = errors.Join(ErrProtocol, errors.New("trust material without a seal root or a journal key"))
	}
	return trust, err
}
