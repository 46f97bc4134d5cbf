// Package metrics says in numbers how the safe is, in Prometheus' text format.
//
// What the safe knows of itself is read once for each scrape (tables in safe.go and volumes.go: a name, a
// sentence, how to read it); what happens at the door is counted as it happens (requests.go). No label
// names a document, a vault or a caller, and every label takes its values from a list that the program
// holds: whoever scrapes learns how the safe is, not what is in it, and no caller makes new series.
package metrics

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"casemate/appliance/web"
	"casemate/appliance/wire"
	"casemate/store"
)

// Snapshot is the safe at one moment.
type Snapshot struct {
	Safe         store.Status
	Alive        bool
	Reasons      []wire.Reason // against taking a deposit
	Token        Token
	Backups      store.Backups
	Certificates map[string]time.Time // when those in use end, by what they are for
	StateFree    int64                // bytes of the state folder's file system; -1 when not known
	Connections  int                  // open over HTTPS
	Most         int                  // that may be
}

// Token is what the last look at the token process found.
type Token struct {
	Up   bool
	Took time.Duration // of one call that reaches the token itself
}

// Build names the program.
type Build struct{ Version, Commit, Go string }

// Config is what metrics are made of.
type Config struct {
	Build    Build
	Snapshot func() Snapshot // asks nobody outside of this process
	Log      *slog.Logger
	Patience time.Duration // after which a scrape is given up; 0 is 8 s
}

// Metrics are the numbers of one safe. Its methods may be called from many goroutines.
type Metrics struct {
	registry *prometheus.Registry
	log      *slog.Logger
	patience time.Duration
	requests requests
}

// Limits of a scrape: a safe that hangs must not gather goroutines of those who watch it.
const (
	scrapesAtOnce  = 3
	scrapePatience = 8 * time.Second
)

// New makes the numbers; Observe feeds them.
func New(c Config) (*Metrics, error) {
	if c.Patience == 0 {
		c.Patience = scrapePatience
	}
	m := &Metrics{registry: prometheus.NewRegistry(), log: c.Log, patience: c.Patience, requests: newRequests()}
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "casemate_build_info", Help: "Always 1; the labels name the program.",
		ConstLabels: prometheus.Labels{"version": c.Build.Version, "commit": c.Build.Commit, "goversion": c.Build.Go}},
		func() float64 { return 1 })
	all := append(m.requests.collectors(), build, newSnapshots(c.Snapshot), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, one := range all {
		if err := m.registry.Register(one); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Observe counts a request that was answered.
func (m *Metrics) Observe(e web.Exchange) { m.requests.observe(e) }

// Handler answers a scrape. A safe that hangs gets 503 instead of numbers that are not its own.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(m.log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.HTTPErrorOnError,
		MaxRequestsInFlight: scrapesAtOnce, Timeout: m.patience,
	})
}
