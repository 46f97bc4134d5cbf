package metrics

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"casemate/appliance/web"
)

// depositRoute is the address of deposits, whose pace is told apart.
const depositRoute = "/vaults/{vault}/documents"

// requests counts what happens at the door.
type requests struct {
	answered, refusals *prometheus.CounterVec
	took               *prometheus.HistogramVec
	deposits           *prometheus.CounterVec
	depositTook        prometheus.Histogram
	cut                prometheus.Counter
}

// Bounds in seconds: a reading is a matter of milliseconds, a deposit of hours where the line is slow.
var bounds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 120, 600, 3600}

// How a deposit ended.
const (
	done    = "done"
	refused = "refused" // the caller was told why, with a 4xx
	failed  = "failed"  // the safe could not, or the line broke
)

func newRequests() requests {
	r := requests{
		answered: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "casemate_http_requests_total",
			Help: "Requests answered, by the pattern of their address."}, []string{"method", "route", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "casemate_http_request_duration_seconds",
			Help: "From a request's head to the end of its answer.", Buckets: bounds}, []string{"method", "route"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "casemate_refusals_total",
			Help: "Requests that were refused or failed, by the code of the problem."}, []string{"code"}),
		deposits: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "casemate_deposits_total",
			Help: "Deposits since the program started, by how they ended."}, []string{"result"}),
		depositTook: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "casemate_deposit_duration_seconds",
			Help: "Of a deposit that was done, from its head to its acknowledgement.", Buckets: bounds}),
		cut: prometheus.NewCounter(prometheus.CounterOpts{Name: "casemate_http_cut_total",
			Help: "Answers that were broken off in the middle."}),
	}
	for _, result := range []string{done, refused, failed} { // there from the first scrape on, as 0
		r.deposits.WithLabelValues(result)
	}
	return r
}

func (r requests) collectors() []prometheus.Collector {
	return []prometheus.Collector{r.answered, r.refusals, r.took, r.deposits, r.depositTook, r.cut}
}

// observe keeps the labels bounded: methods and addresses that the API does not know are "other".
func (r requests) observe(e web.Exchange) {
	method, route := e.Method, e.Route
	if method != http.MethodGet && method != http.MethodPost {
		method = "other"
	}
	if route == "" {
		route = "other"
	}
	r.answered.WithLabelValues(method, route, strconv.Itoa(e.Status)).Inc()
	r.took.WithLabelValues(method, route).Observe(e.Took.Seconds())
	if e.Code != "" {
		r.refusals.WithLabelValues(e.Code).Inc()
	}
	if e.Cut {
		r.cut.Inc()
	}
	if route == depositRoute && method == http.MethodPost {
		r.observeDeposit(e)
	}
}

func (r requests) observeDeposit(e web.Exchange) {
	switch {
	case e.Status == http.StatusCreated && !e.Cut:
		r.deposits.WithLabelValues(done).Inc()
		r.depositTook.Observe(e.Took.Seconds())
	case e.Status >= 400 && e.Status < 500:
		r.deposits.WithLabelValues(refused).Inc()
	default:
		r.deposits.WithLabelValues(failed).Inc()
	}
}
