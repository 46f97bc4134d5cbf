package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
)

// TLSConfig is TLS 1.3 with the certificate that get gives, asked anew for each
// connection, so that a renewed one holds without a restart.
//
// The client's certificate is requested but judged by the door, for each request:
// were TLS itself to refuse, the caller would read "handshake failure" instead of
// what is wrong, the journal would not have it, and a certificate revoked in the
// middle of a connection would stay good. Authorities are not hinted at, else a
// client with a certificate of another authority would send none. Proof of possession
// of the private key is TLS's (RFC 8446, 4.4.3).
//
// No tickets: a resumed session would carry an old judgement.
func TLSConfig(get func() (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		ClientAuth:             tls.RequestClientCert,
		SessionTicketsDisabled: true,
		NextProtos:             []string{"http/1.1"},
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return get() },
	}
}

// Handler puts the door in front of what stands behind it.
func (d *Door) Handler(next http.Handler) http.Handler {
	return d.traced(d.progressing(headers(d.roomy(d.sameOrigin(next)))))
}

// sameOrigin refuses what a page of another site sends with a person's certificate.
func (d *Door) sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := protection.Check(r); err != nil {
			who, badCaller := d.caller(r)
			t := traceOf(r)
			t.who, t.stranger = who, badCaller != nil
			d.Refuse(w, r, "connect", "", ErrCrossOrigin, false)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Strict-Transport-Security", "max-age=31536000")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// Serve answers on l, a plain TCP listener, until ctx ends; then requests under way
// have Limits.Stop to finish, and l is closed. It returns nil after a stop.
func (d *Door) Serve(ctx context.Context, l net.Listener, certificate func() (*tls.Certificate, error), next http.Handler) error {
	h := newHouse(l, d.limits.Connections, hallPlaces)
	h.now = d.now
	d.houses.add(h)
	server := d.server(ctx, next)
	server.ConnState = h.state
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, visitorKey{}, visitorOf(c))
	}
	return d.serve(ctx, tls.NewListener(h, TLSConfig(certificate)), server)
}

// hallPlaces is how many more than Limits.Connections may be open to be told that no place is free.
const hallPlaces = 32

type visitorKey struct{}

// roomy tells whoever found no place to come back, and nothing else.
func (d *Door) roomy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v, _ := r.Context().Value(visitorKey{}).(*visitor); v == nil || !v.hall {
			next.ServeHTTP(w, r)
			return
		}
		e := lookup(ErrBusy)
		traceOf(r).code = e.code
		w.Header().Set("Connection", "close")
		w.Header().Set("Retry-After", "5")
		writeProblem(w, e.problem(english))
	})
}

// server is net/http's, with the door's limits.
func (d *Door) server(ctx context.Context, next http.Handler) *http.Server {
	server := &http.Server{
		Handler:           d.Handler(next),
		ReadHeaderTimeout: d.limits.Header,
		IdleTimeout:       d.limits.Idle,
		MaxHeaderBytes:    d.limits.HeaderBytes,
		ErrorLog:          slog.NewLogLogger(d.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		Protocols:         new(http.Protocols),
	}
	server.Protocols.SetHTTP1(true)
	return server
}

func (d *Door) serve(ctx context.Context, l net.Listener, server *http.Server) error {
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.limits.Stop)
	defer cancel()
	defer d.flush(context.WithoutCancel(ctx)) // what was refused since Run stopped
	if err := server.Shutdown(grace); errors.Is(err, context.DeadlineExceeded) {
		d.log.Warn("requests under way were cut", "after", d.limits.Stop)
		return server.Close()
	} else if err != nil {
		return fmt.Errorf("stopping %s: %w", l.Addr(), err)
	}
	return nil
}
