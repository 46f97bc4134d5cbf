package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"casemate/appliance/wire"
)

// ReadReceipt writes a document's receipt into w as it stands now: provisional
// before its timestamp round. A detached receipt leaves the document's bytes out.
// On any error what w holds must not be used. What is in the receipt is not judged
// here: that is for store/verify, which needs no safe.
func (c *Client) ReadReceipt(ctx context.Context, id string, detached bool, w io.Writer) error {
	query := url.Values{}
	if detached {
		query.Set("detached", "1")
	}
	req, err := c.request(ctx, http.MethodGet, path("documents", id, "receipt"), query, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", wire.Receipt+", "+wire.Prob)
	res, err := c.send(req)
	if err != nil {
		return err
	}
	defer discard(res.Body)
	buffer := make([]byte, block)
	for {
		n, readErr := fill(res.Body, buffer)
		if _, err := w.Write(buffer[:n]); err != nil {
			return err
		}
		switch {
		case readErr == nil:
		case errors.Is(readErr, io.EOF):
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		default:
			return transportError(readErr)
		}
	}
}

// WaitProved asks for a document every so often until a timestamp round has covered
// it. A safe that cannot answer now is asked again; any other error ends the wait.
// Give ctx a deadline.
func (c *Client) WaitProved(ctx context.Context, id string, every time.Duration) (wire.Document, error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		doc, err := c.Stat(ctx, id)
		switch {
		case err == nil && doc.State == wire.Proved:
			return doc, nil
		case err != nil && ctx.Err() == nil && !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrUnreachable):
			return wire.Document{}, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return wire.Document{}, context.Cause(ctx)
		}
	}
}
