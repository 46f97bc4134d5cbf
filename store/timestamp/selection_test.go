package timestamp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/beevik/ntp"
)

func word(offset, distance time.Duration) answer {
	return answer{server: fmt.Sprintf("%d±%d", offset, distance), offset: offset, distance: distance}
}

func TestChoose(t *testing.T) {
	for name, c := range map[string]struct {
		answers  []answer
		least    int
		offset   time.Duration
		agreeing int
		want     error
	}{
		"nobody":               {nil, 1, 0, 0, ErrTooFewServers},
		"one":                  {[]answer{word(5, 2)}, 1, 5, 1, nil},
		"one of two wanted":    {[]answer{word(5, 2)}, 2, 0, 0, ErrTooFewServers},
		"two apart":            {[]answer{word(0, 1), word(9, 1)}, 1, 0, 0, ErrDisagree},
		"two that touch":       {[]answer{word(0, 1), word(2, 1)}, 2, 1, 2, nil},
		"the surer is heard":   {[]answer{word(0, 10), word(4, 1)}, 2, 4, 2, nil},
		"moved to the common":  {[]answer{word(0, 3), word(5, 4)}, 2, 1, 2, nil},
		"a liar among three":   {[]answer{word(0, 1), word(100, 1), word(1, 1)}, 2, 0, 2, nil},
		"three wanted":         {[]answer{word(0, 1), word(100, 1), word(1, 1)}, 3, 0, 0, ErrDisagree},
		"two and two":          {[]answer{word(0, 1), word(1, 1), word(50, 1), word(51, 1)}, 2, 0, 0, ErrDisagree},
		"two of four nested":   {[]answer{word(0, 1), word(0, 1), word(50, 1), word(90, 1)}, 2, 0, 0, ErrDisagree},
		"a chain, no majority": {[]answer{word(0, 1), word(2, 1), word(4, 1), word(6, 1)}, 2, 0, 0, ErrDisagree},
		"a chain of three":     {[]answer{word(0, 1), word(2, 1), word(4, 1)}, 2, 1, 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := choose(c.answers, c.least)
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err == nil && (got.offset != c.offset || len(got.agreeing) != c.agreeing || len(got.agreeing)+len(got.deceivers) != len(c.answers)) {
				t.Errorf("offset %d, agreeing %v, outside %v", got.offset, got.agreeing, got.deceivers)
			}
		})
	}
}

// While more than half tell the truth within their bounds, whatever the others
// say in concert, the outcome is true within its bounds.
func TestChooseProperty(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		n := 1 + random.IntN(9)
		liars := random.IntN((n + 1) / 2)
		lie := time.Duration(random.Int64N(2000) - 1000)
		var answers []answer
		for i := range n {
			distance := time.Duration(1 + random.Int64N(100))
			a := word(time.Duration(random.Int64N(int64(2*distance+1)))-distance, distance)
			if i < liars {
				a = word(lie+time.Duration(random.Int64N(20)), distance)
			}
			answers = append(answers, a)
		}
		random.Shuffle(n, func(i, j int) { answers[i], answers[j] = answers[j], answers[i] })
		got, err := choose(answers, 1)
		if err != nil {
			t.Fatalf("%v: %v", answers, err)
		}
		// A liar whose interval meets the truth's may be the best; then the
		// common part holds the outcome within some true server's bounds.
		if got.offset.Abs() > 2*100 {
			t.Fatalf("%v: offset %d ± %d", answers, got.offset, got.distance)
		}
		if liars == 0 && got.offset.Abs() > got.distance {
			t.Fatalf("%v: offset %d ± %d", answers, got.offset, got.distance)
		}
	}
}

func TestIndependent(t *testing.T) {
	at := func(ip string, stratum int, ref uint32, distance time.Duration) answer {
		a := answer{server: ip, stratum: stratum, refID: ref, distance: distance}
		if ip != "" {
			a.address = netip.MustParseAddr(ip)
		}
		return a
	}
	const upstream, gps = 192<<24 | 2<<8 | 1, 'G'<<24 | 'P'<<16 | 'S'<<8
	for name, c := range map[string]struct {
		answers []answer
		want    string
	}{
		"apart":                  {[]answer{at("10.0.0.1", 1, gps, 1), at("10.0.0.2", 1, gps, 2)}, "10.0.0.1 10.0.0.2 "},
		"one machine":            {[]answer{at("10.0.0.1", 1, gps, 2), at("10.0.0.1", 2, 5, 1)}, "10.0.0.1 "},
		"one upstream":           {[]answer{at("10.0.0.1", 2, upstream, 2), at("10.0.0.2", 3, upstream, 1)}, "10.0.0.2 "},
		"own clocks":             {[]answer{at("10.0.0.1", 2, 127<<24|127<<16|1<<8|1, 2), at("10.0.0.2", 2, 127<<24|127<<16|1<<8|1, 1)}, "10.0.0.1 10.0.0.2 "},
		"one follows the other":  {[]answer{at("10.0.0.1", 1, gps, 2), at("10.0.0.2", 2, 10<<24|1, 1), at("10.0.0.3", 1, gps, 1)}, "10.0.0.2 10.0.0.3 "},
		"joined by a third":      {[]answer{at("10.0.0.1", 1, gps, 3), at("10.0.0.2", 2, upstream, 2), at("10.0.0.3", 3, upstream, 1), at("192.0.2.1", 1, gps, 4)}, "10.0.0.1 10.0.0.3 "},
		"unknown places":         {[]answer{at("", 1, gps, 1), at("", 1, gps, 2)}, "  "},
		"GPS read as an address": {[]answer{at("10.0.0.1", 1, 10<<24|2, 2), at("10.0.0.2", 1, gps, 1)}, "10.0.0.1 10.0.0.2 "},
	} {
		got := ""
		for _, a := range independent(c.answers) {
			got += a.server + " "
		}
		if got != c.want {
			t.Errorf("%s: left %q, want %q", name, got, c.want)
		}
	}
}

func TestSameLeap(t *testing.T) {
	leaps := func(l ...ntp.LeapIndicator) (out []answer) {
		for _, x := range l {
			out = append(out, answer{leap: x})
		}
		return out
	}
	const no, add = ntp.LeapNoWarning, ntp.LeapAddSecond
	for i, c := range []struct {
		in   []answer
		left int
	}{
		{leaps(no, no, no), 3}, {leaps(add, add, no), 2}, {leaps(add, no, no), 3}, {leaps(add, no), 2}, {leaps(add, add), 2}, {nil, 0},
	} {
		if got := len(sameLeap(c.in)); got != c.left {
			t.Errorf("case %d: %d left, want %d", i, got, c.left)
		}
	}
}
