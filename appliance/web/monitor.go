package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// What a monitor may hold: it asks for little, and its listener may be open to a network.
const (
	monitorConnections = 16
	monitorPatience    = 10 * time.Second
	monitorHeader      = 4 << 10
)

// ServeMonitor answers on l, in plain HTTP and to anybody who can reach it, until ctx ends. Only GET and
// HEAD pass, without a body; what stands behind must tell nothing of a document and no secret.
func ServeMonitor(ctx context.Context, l net.Listener, behind http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler: onlyReads(behind), ReadHeaderTimeout: monitorPatience, ReadTimeout: monitorPatience,
		WriteTimeout: 3 * monitorPatience, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: monitorHeader,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(newHouse(l, monitorConnections, 0)) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stopping %s: %w", l.Addr(), err)
	}
	return server.Close()
}

func onlyReads(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if (r.Method != http.MethodGet && r.Method != http.MethodHead) || r.ContentLength != 0 {
			w.Header().Set("Allow", "GET, HEAD")
			w.Header().Set("Connection", "close")
			http.Error(w, "only GET", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}
