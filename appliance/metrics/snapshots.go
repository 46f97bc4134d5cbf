package metrics

import "github.com/prometheus/client_golang/prometheus"

// family is one name and how its samples are read from a snapshot. A counter is what never falls while
// the safe lives, over restarts too.
type family struct {
	name, help string
	labels     []string
	counter    bool
	read       func(s *Snapshot, is func(value float64, labels ...string))
}

// snapshots gives every family of the tables, all out of one look at the safe.
type snapshots struct {
	look     func() Snapshot
	families []family
	descs    []*prometheus.Desc
}

func newSnapshots(look func() Snapshot) *snapshots {
	c := &snapshots{look: look, families: append(append([]family{}, safe...), volumes...)}
	for _, f := range c.families {
		c.descs = append(c.descs, prometheus.NewDesc(f.name, f.help, f.labels, nil))
	}
	return c
}

// Describe is prometheus.Collector's.
func (c *snapshots) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		to <- d
	}
}

// Collect is prometheus.Collector's.
func (c *snapshots) Collect(to chan<- prometheus.Metric) {
	s := c.look()
	for i, f := range c.families {
		kind := prometheus.GaugeValue
		if f.counter {
			kind = prometheus.CounterValue
		}
		f.read(&s, func(value float64, labels ...string) {
			m, err := prometheus.NewConstMetric(c.descs[i], kind, value, labels...)
			if err != nil {
				m = prometheus.NewInvalidMetric(c.descs[i], err)
			}
			to <- m
		})
	}
}
