package client

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"casemate/appliance/wire"
	"casemate/store/proof"
)

// Stat tells what the safe knows of a document.
func (c *Client) Stat(ctx context.Context, id string) (wire.Document, error) {
	var doc wire.Document
	if err := c.call(ctx, http.MethodGet, path("documents", id), nil, nil, &doc); err != nil {
		return wire.Document{}, err
	}
	return doc, sameID(id, doc.ID)
}

// Documents walks a vault by number, from the one behind after; it fetches page by
// page and stops at the first error.
func (c *Client) Documents(ctx context.Context, vault string, after uint64) iter.Seq2[wire.Document, error] {
	return c.documents(ctx, vault, after, nil)
}

// Lookup walks the documents of a vault that have a fingerprint: a file's two digests, or, for an
// object of several, those of its fingerprint.txt.
func (c *Client) Lookup(ctx context.Context, vault string, d proof.Digests) iter.Seq2[wire.Document, error] {
	return c.documents(ctx, vault, 0, url.Values{
		"sha256": {fmt.Sprintf("%x", d.SHA256)}, "sha3-256": {fmt.Sprintf("%x", d.SHA3)}})
}

func (c *Client) documents(ctx context.Context, vault string, after uint64, query url.Values) iter.Seq2[wire.Document, error] {
	return pages(after, func(after uint64) ([]wire.Document, uint64, error) {
		var page wire.Documents
		query := maps.Clone(query)
		if query == nil {
			query = url.Values{}
		}
		query.Set("after", strconv.FormatUint(after, 10))
		err := c.call(ctx, http.MethodGet, path("vaults", vault, "documents"), query, nil, &page)
		return page.Documents, page.Next, err
	})
}

// Count tells how many documents a vault holds, and their bytes.
func (c *Client) Count(ctx context.Context, vault string) (wire.Count, error) {
	var count wire.Count
	err := c.call(ctx, http.MethodGet, path("vaults", vault, "count"), nil, nil, &count)
	return count, err
}

// Check makes the safe read a document again on every volume and verify all it
// holds of it. A failed step is in the reply, not an error.
func (c *Client) Check(ctx context.Context, id string) (wire.Check, error) {
	var check wire.Check
	err := c.call(ctx, http.MethodPost, path("documents", id, "check"), nil, nil, &check)
	return check, err
}

// Compare asks whether files with these digests, in this order, are the document.
func (c *Client) Compare(ctx context.Context, id string, files []proof.Digests) (bool, error) {
	var in wire.CompareRequest
	for _, d := range files {
		in.Files = append(in.Files, wire.Digests{SHA256: fmt.Sprintf("%x", d.SHA256), SHA3: fmt.Sprintf("%x", d.SHA3)})
	}
	var out wire.CompareReply
	err := c.call(ctx, http.MethodPost, path("documents", id, "compare"), nil, in, &out)
	return out.Identical, err
}

// sameID guards against a reply about something else.
func sameID(asked, got string) error {
	if asked != got {
		return fmt.Errorf("%w: asked for document %q, got %q", ErrProtocol, asked, got)
	}
	return nil
}

// pages turns a fetcher of pages into a walk. next 0 ends it; a next that does not
// advance would never end, so it is an error.
func pages[T any](after uint64, fetch func(after uint64) (page []T, next uint64, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for {
			page, next, err := fetch(after)
			if err != nil {
				yield(none, err)
				return
			}
			for _, element := range page {
				if !yield(element, nil) {
					return
				}
			}
			if next == 0 {
				return
			}
			if next <= after {
				yield(none, fmt.Errorf("%w: a page after %d says the next is after %d", ErrProtocol, after, next))
				return
			}
			after = next
		}
	}
}
