// Package web is the door of the safe: TLS, who is calling, who may pass, how long
// and how much, and in which words somebody is turned away. It knows no act of the
// safe; whatever stands behind the door (the API, later the panel) brings its own
// routes and asks here.
//
// What it promises:
//
//   - TLS 1.3 alone, no session tickets, HTTP/1.1 alone;
//   - a caller is looked up anew on every request, so that expiry and revocation take
//     effect in the middle of a connection;
//   - every refusal is one [wire.Problem] out of one table, and reaches the journal:
//     that of a known caller at once, those of strangers gathered by source;
//   - a slow peer holds nothing for long, an hours-long upload that makes progress is
//     never cut.
package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"casemate/store/identity"
)

// Config is what a [Door] is made of.
type Config struct {
	Directory *identity.Directory
	// Journal writes a refusal into the journal; it must not fail and bounds itself.
	Journal func(ctx context.Context, who identity.Caller, act, object, reason string)
	Log     *slog.Logger
	Now     func() time.Time // for certificates; nil is time.Now
	Observe func(Exchange)   // told of each request that was answered; nil tells nobody
	Limits  Limits           // zero values are replaced by those of DefaultLimits
}

// Door decides who passes. It is safe for concurrent use.
type Door struct {
	directory atomic.Pointer[identity.Directory]
	journal   func(ctx context.Context, who identity.Caller, act, object, reason string)
	log       *slog.Logger
	now       func() time.Time
	limits    Limits
	strangers *strangers
	observe   func(Exchange)
	houses    houses // those over TLS
}

// New makes a door. Run must be called for the refusals of strangers to be journaled.
func New(c Config) *Door {
	if c.Now == nil {
		c.Now = now
	}
	if c.Observe == nil {
		c.Observe = func(Exchange) {}
	}
	d := &Door{
		journal: c.Journal, log: c.Log, now: c.Now, observe: c.Observe,
		limits: c.Limits.orDefault(), strangers: newStrangers(c.Now),
	}
	d.directory.Store(c.Directory)
	return d
}

// Use puts another table of callers in force: it holds from the next request on, also
// on connections that are open.
func (d *Door) Use(directory *identity.Directory) { d.directory.Store(directory) }

// Connections is how many are open over TLS now, and how many may be.
func (d *Door) Connections() (open, most int) { return d.houses.open(), d.limits.Connections }

// Run writes the gathered refusals of strangers into the journal until ctx ends, and
// once more then.
func (d *Door) Run(ctx context.Context) {
	tick := time.NewTicker(d.limits.Gather)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			d.flush(ctx)
		case <-ctx.Done():
			d.flush(context.WithoutCancel(ctx))
			return
		}
	}
}

func (d *Door) flush(ctx context.Context) {
	for _, s := range d.strangers.take() {
		d.journal(ctx, s.who, "connect", "", s.reason())
	}
}

// caller says who sends this request, by the certificate of its connection; on this machine's own
// socket, by the kernel's word.
func (d *Door) caller(r *http.Request) (identity.Caller, error) {
	if p, ok := r.Context().Value(peerKey{}).(peer); ok {
		return p.caller()
	}
	var who identity.Caller
	err := identity.ErrNoCertificate
	if r.TLS != nil {
		who, err = d.directory.Load().Caller(r.TLS.PeerCertificates, d.now())
	}
	who.From = source(r)
	return who, err
}

// now is the machine's clock: deadlines and durations follow it, the safe's time does not.
func now() time.Time { return time.Now() } //nolint:forbidigo // the one place of this package

// Cut breaks the connection under a reply that cannot be made whole, which is how its
// reader learns that it is not. It does not return.
func Cut() { panic(http.ErrAbortHandler) } //nolint:forbidigo // net/http's own way

// source is the address a request comes from, without its port.
func source(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "unknown"
	}
	return host
}
