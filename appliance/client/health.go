package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"casemate/appliance/wire"
)

// Ready asks the safe whether a deposit would be taken now, and what stands against it.
func (c *Client) Ready(ctx context.Context) (wire.Health, error) {
	return c.health(ctx, wire.PathReady)
}

// Healthy asks the safe whether it works at all: what feeds its watchdog.
func (c *Client) Healthy(ctx context.Context) (wire.Health, error) {
	return c.health(ctx, wire.PathHealth)
}

// health reads an answer that is whole with 503 too: that is how a safe says that it is not well.
func (c *Client) health(ctx context.Context, path string) (out wire.Health, err error) {
	req, err := c.request(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return out, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return out, context.Cause(ctx)
		}
		return out, transportError(err)
	}
	defer discard(res.Body)
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusServiceUnavailable {
		return out, problemOf(res)
	}
	if res.Header.Get("Content-Type") == wire.Prob {
		return out, problemOf(res)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	if err != nil {
		return out, transportError(err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return out, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	out.OK = out.OK && res.StatusCode == http.StatusOK
	return out, nil
}
