package appliance

import (
	"math"
	"slices"
	"time"
)

// turns are the figures of two things measured by turns, one after the other in the same short while, so
// that a machine whose speed changes from one second to the next favours neither.
type turns struct{ values, raws, ratios []float64 }

// byTurns measures the raw limit and the thing itself by turns, each first every other time, until the
// thing itself has had its seconds and both had their least turns. The first turn of both warms up
// (code, caches, pages of memory that nobody had touched before) and does not count.
func byTurns(seconds, least int, raw, measured func() (float64, error)) (t turns, err error) {
	var spent time.Duration
	for n := -1; n < least || spent < time.Duration(seconds)*time.Second; n++ {
		var value, limit float64
		timed := func() (err error) {
			begin := clock()
			value, err = measured()
			if n >= 0 {
				spent += time.Since(begin)
			}
			return err
		}
		limited := func() (err error) { limit, err = raw(); return err }
		order := []func() error{limited, timed}
		if n%2 == 0 {
			slices.Reverse(order)
		}
		for _, do := range order {
			if err := do(); err != nil {
				return t, err
			}
		}
		if n >= 0 {
			t.add(value, limit)
		}
	}
	return t, nil
}

func (t *turns) add(value, raw float64) {
	t.values, t.raws, t.ratios = append(t.values, value), append(t.raws, raw), append(t.ratios, value/raw)
}

// line fills in medians, and between what the ratio of single turns lay.
func (t turns) line(l BenchLine) BenchLine {
	l.Value, l.Raw, l.Ratio = median(t.values), median(t.raws), median(t.ratios)
	l.Low, l.High, l.Turns = slices.Min(t.ratios), slices.Max(t.ratios), len(t.ratios)
	return l
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(list))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
