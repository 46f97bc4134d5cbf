package appliance

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"golang.org/x/sys/unix"

	"casemate/appliance/metrics"
	"casemate/appliance/web"
	"casemate/appliance/wire"
	"casemate/store/identity"
)

// monitor is what is told to those who watch over the safe.
type monitor struct {
	health  *web.Health
	metrics *metrics.Metrics
	door    *web.Door // set once it is made: it counts with metrics
}

func (a *Appliance) monitor() (*monitor, error) {
	m := &monitor{health: web.NewHealth(a.alive, a.notReady, a.concerns)}
	v := Version()
	var err error
	m.metrics, err = metrics.New(metrics.Config{Build: metrics.Build{Version: v.Version, Commit: v.Commit, Go: v.Go}, Log: a.log,
		Snapshot: func() metrics.Snapshot { return a.snapshot(m.door) }})
	return m, err
}

// routes are the three addresses of the monitor's listener, and of this machine's own socket.
func (m *monitor) routes(health *web.Health) map[string]http.Handler {
	return map[string]http.Handler{
		wire.PathHealth: http.HandlerFunc(health.Healthy), wire.PathReady: http.HandlerFunc(health.Readiness),
		wire.PathMetrics: m.metrics.Handler(),
	}
}

// monitorListener opens [metrics] listen; nil when none is wanted.
func (c Config) monitorListener() (net.Listener, error) {
	if c.Metrics.Listen == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", c.Metrics.Listen)
	if err != nil {
		return nil, fmt.Errorf("metrics.listen: %w", err)
	}
	return l, nil
}

// public answers on the monitor's listener.
func (m *monitor) public() http.Handler {
	mux := http.NewServeMux()
	for path, h := range m.routes(m.health.Terse()) {
		mux.Handle(path, h)
	}
	return mux
}

// local puts the same addresses before the API on this machine's own socket, for its administrators.
func (m *monitor) local(api http.Handler) http.Handler {
	routes := m.routes(m.health)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, mine := routes[r.URL.Path]
		if !mine || r.Method != http.MethodGet {
			api.ServeHTTP(w, r)
			return
		}
		web.Route(r, r.URL.Path)
		if _, err := m.door.Enter(r, web.Need(identity.RightAdminister)); err != nil {
			m.door.Refuse(w, r, "monitor", r.URL.Path, err, false)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// snapshot is the safe at one moment, for a scrape.
func (a *Appliance) snapshot(door *web.Door) metrics.Snapshot {
	s := metrics.Snapshot{Safe: a.safe.Status(context.Background()), StateFree: -1}
	s.Alive, s.Reasons = a.alive() == nil, a.notReady()
	s.Token.Up, _ = a.tokenSeen()
	if p := a.probe.Load(); p != nil {
		s.Token.Took, s.Certificates = p.took, p.ends
	} else {
		s.Certificates = certificateEnds(a.info)
	}
	s.Connections, s.Most = door.Connections()
	s.Backups = a.safe.Backups()
	var fs unix.Statfs_t
	if unix.Statfs(a.config.State, &fs) == nil {
		s.StateFree = int64(fs.Bavail) * fs.Bsize
	}
	return s
}
