package client

import (
	"context"
	"net"
	"net/http"
	"time"

	"casemate/appliance/wire"
)

// Local makes a client of the safe on this machine, through its control socket. Who calls is known by
// the user of this process. It sends nothing.
func Local(socket string) *Client {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	return &Client{base: "http://local", agent: "casemated", http: &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, "unix", socket)
			},
			DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Storage tells how the mirror and each of its volumes are.
func (c *Client) Storage(ctx context.Context) (wire.Storage, error) {
	var out wire.Storage
	err := c.call(ctx, http.MethodGet, path("storage"), nil, nil, &out)
	return out, err
}

// AddVolume makes an empty folder of the safe's machine a volume, or a spare; it gives its identity.
func (c *Client) AddVolume(ctx context.Context, in wire.NewVolume) (id string, err error) {
	var out wire.VolumeMade
	err = c.call(ctx, http.MethodPost, path("storage", "volumes"), nil, in, &out)
	return out.ID, err
}

// ReplaceVolume retires a volume for good, an empty folder in its place.
func (c *Client) ReplaceVolume(ctx context.Context, volume string, in wire.ReplaceVolume) (id string, err error) {
	var out wire.VolumeMade
	err = c.call(ctx, http.MethodPost, path("storage", "volumes", volume, "replace"), nil, in, &out)
	return out.ID, err
}

// RemoveVolume retires a volume for good.
func (c *Client) RemoveVolume(ctx context.Context, volume string) error {
	return c.call(ctx, http.MethodPost, path("storage", "volumes", volume, "remove"), nil, nil, nil)
}

// DetachVolume closes a volume, to be carried away.
func (c *Client) DetachVolume(ctx context.Context, volume string) error {
	return c.call(ctx, http.MethodPost, path("storage", "volumes", volume, "detach"), nil, nil, nil)
}

// ResilverVolume has a volume brought up at once; whole fills it anew.
func (c *Client) ResilverVolume(ctx context.Context, volume string, whole bool) error {
	return c.call(ctx, http.MethodPost, path("storage", "volumes", volume, "resilver"), nil, wire.ResilverVolume{Whole: whole}, nil)
}

// ReclaimVolume gives the space of what was removed back to the file system of a volume. It returns
// when that is done, which may take minutes.
func (c *Client) ReclaimVolume(ctx context.Context, volume string) (wire.Reclaimed, error) {
	var out wire.Reclaimed
	err := c.call(ctx, http.MethodPost, path("storage", "volumes", volume, "reclaim"), nil, nil, &out)
	return out, err
}

// Scrub tells how far the re-reading of everything is.
func (c *Client) Scrub(ctx context.Context) (wire.Scrub, error) {
	var out wire.Scrub
	err := c.call(ctx, http.MethodGet, path("scrub"), nil, nil, &out)
	return out, err
}

// StartScrub begins a scrub, or goes on with a paused one.
func (c *Client) StartScrub(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, path("scrub"), nil, wire.ScrubRequest{Act: "start"}, nil)
}

// PauseScrub has the scrub wait until it is started again.
func (c *Client) PauseScrub(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, path("scrub"), nil, wire.ScrubRequest{Act: "pause"}, nil)
}
