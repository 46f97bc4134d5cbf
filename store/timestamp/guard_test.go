package timestamp

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/ntp"
	"golang.org/x/sys/unix"
)

// Four real servers, one of which later lies, and one is stopped. They run on real time: what may sleep in
// between is allowed for by a wide bound, which an hour is still far outside of.
func TestGuardWithChrony(t *testing.T) {
	one, _ := startChrony(t, "127.0.0.2", 3)
	two, second := startChrony(t, "127.0.0.3", 4)
	three, _ := startChrony(t, "127.0.0.4", 5)
	four := newLiar(t, "127.0.0.5", time.Now)
	c := newMachine().config(t, one, two, three, four.address)
	c.MinServers, c.MaxDistance, c.MaxOffset = 3, time.Minute, time.Minute
	c.Now, c.Boottime = time.Now, func() (time.Duration, error) {
		var ts unix.Timespec
		err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
		return time.Duration(ts.Nano()), err
	}
	g := newGuard(t, c)
	distrusted(t, g, "no time servers have agreed yet")
	early := time.Now()
	sample(t, g)
	r := trusted(t, g)
	if len(r.Clock.Sources) != 4 || r.Clock.RootDistance <= 0 || r.Clock.RootDistance > c.MaxDistance {
		t.Errorf("clock %+v", r.Clock)
	}
	if late := time.Now(); r.Time.Add(-r.Clock.RootDistance).After(late) || r.Time.Add(r.Clock.RootDistance).Before(early) {
		t.Errorf("time %s is not from %s to %s", r.Time, early, late)
	}
	four.set(func(l *liar) { l.offset = time.Hour })
	sample(t, g)
	r = trusted(t, g)
	if got := strings.Join(r.Clock.Sources, " "); got != one+" "+two+" "+three {
		t.Errorf("sources %s", got)
	}
	if r.Clock.Stratum < 3 || r.Clock.Stratum > 5 {
		t.Errorf("stratum %d is of none of them", r.Clock.Stratum)
	}
	stop(t, second)
	if err := g.Sample(t.Context()); !errors.Is(err, ErrDisagree) {
		t.Errorf("two agree, one lies, three wanted: error %v", err)
	}
	distrusted(t, g, "do not agree")
}

func TestGuardServersDisagree(t *testing.T) {
	m := newMachine()
	servers, names := m.liars(t, 4)
	g := newGuard(t, m.config(t, names...))
	servers[0].set(func(l *liar) { l.offset = time.Hour })
	servers[1].set(func(l *liar) { l.offset = time.Hour })
	if err := g.Sample(t.Context()); !errors.Is(err, ErrDisagree) {
		t.Fatalf("two against two: error %v", err)
	}
	r := distrusted(t, g, "do not agree")
	if len(r.Clock.Sources) != 0 {
		t.Errorf("sources %v", r.Clock.Sources)
	}
	servers[0].set(func(l *liar) { l.offset = 0 })
	sample(t, g)
	trusted(t, g)
}

// Servers that fall away: the time is carried for eight intervals, no longer.
func TestGuardUnreachable(t *testing.T) {
	m := newMachine()
	g := newGuard(t, m.config(t, closedPort(t), closedPort(t)))
	if err := g.Sample(t.Context()); !errors.Is(err, ErrTooFewServers) {
		t.Fatalf("error %v", err)
	}
	distrusted(t, g, "too few time servers answered")

	servers, names := m.liars(t, 2)
	c := m.config(t, names...)
	c.Query = withoutPatience(names[0])
	g = newGuard(t, c)
	sample(t, g)
	before := trusted(t, g)
	servers[0].set(func(l *liar) { l.silent = true })
	if err := g.Sample(t.Context()); !errors.Is(err, ErrTooFewServers) {
		t.Fatalf("error %v", err)
	}
	m.pass(time.Minute)
	after := trusted(t, g)
	if d := after.Time.Sub(before.Time); d < time.Minute {
		t.Errorf("carried by %s in a minute", d)
	}
	if after.Clock.RootDistance <= before.Clock.RootDistance {
		t.Errorf("distance did not grow: %s, then %s", before.Clock.RootDistance, after.Clock.RootDistance)
	}
	m.pass(time.Minute + 10*time.Second)
	distrusted(t, g, "no time servers have agreed for")
}

// Someone sets the machine's clock: noticed at the next reading, without any
// server, and the time is not moved by it.
func TestGuardClockStepped(t *testing.T) {
	for name, c := range map[string]struct {
		by    time.Duration
		words string
	}{
		"forward": {time.Hour, "moved forward by 1h0m0"},
		"back":    {-time.Hour, "moved back by 1h0m0"},
		"a bit":   {3 * time.Second, "moved forward by 3"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine()
			_, names := m.liars(t, 3)
			config := m.config(t, names...)
			config.Policy = PolicyFlag
			g := newGuard(t, config)
			sample(t, g)
			before := trusted(t, g)
			m.set(c.by)
			r := distrusted(t, g, c.words)
			if d := r.Time.Sub(before.Time); d < 0 || d > time.Minute {
				t.Errorf("the time followed the clock by %s", d)
			}
			select {
			case <-g.nudge:
			default:
				t.Error("no comparison was asked for")
			}
			sample(t, g)
			distrusted(t, g, "the machine's clock is off by")
			m.set(-c.by)
			trusted(t, g)
		})
	}
}

// All servers jump at once: not believed, unless an independent authority
// says the same; the mark stays where it is.
func TestGuardServersJump(t *testing.T) {
	for name, by := range map[string]time.Duration{"forward": 24 * time.Hour, "back": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			m := newMachine()
			servers, names := m.liars(t, 3)
			g := newGuard(t, m.config(t, names...))
			sample(t, g)
			trusted(t, g)
			reserved := g.mark.reserved
			shift := func(by time.Duration) {
				for _, s := range servers {
					s.set(func(l *liar) { l.offset = by })
				}
			}
			shift(by)
			if err := g.Sample(t.Context()); !errors.Is(err, ErrTimeJumped) {
				t.Fatalf("error %v", err)
			}
			distrusted(t, g, "the time servers jumped")
			if !g.mark.reserved.Equal(reserved) {
				t.Error("the mark followed the jump")
			}
			shift(0)
			sample(t, g)
			trusted(t, g)

			shift(by)
			if err := g.Sample(t.Context()); !errors.Is(err, ErrTimeJumped) {
				t.Fatalf("error %v", err)
			}
			g.Observe(Token{Time: m.truth().Add(by), Authority: "an old token"})
			distrusted(t, g, "the time servers jumped")
			g.Observe(Token{Time: m.truth().Add(by), Authority: "authority", fresh: true})
			if by > 0 {
				m.set(by) // the machine's clock follows its servers
				trusted(t, g)
				return
			}
			if _, err := g.Read(); !errors.Is(err, ErrTimeWentBack) {
				t.Errorf("error %v, want %v", err, ErrTimeWentBack)
			}
		})
	}
}

// The servers' next word is a little slower than the last: time stands still
// rather than goes back, by no more than that.
func TestGuardNeverBack(t *testing.T) {
	m := newMachine()
	servers, names := m.liars(t, 3)
	g := newGuard(t, m.config(t, names...))
	for _, s := range servers {
		s.set(func(l *liar) { l.offset = 300 * time.Millisecond })
	}
	sample(t, g)
	before := trusted(t, g)
	if again := trusted(t, g); !again.Time.Equal(before.Time) || again.Clock.RootDistance != before.Clock.RootDistance {
		t.Errorf("the clock stands still, but %+v became %+v", before, again)
	}
	for _, s := range servers {
		s.set(func(l *liar) { l.offset = -100 * time.Millisecond })
	}
	sample(t, g)
	after := trusted(t, g)
	if !after.Time.Equal(before.Time) || after.Clock.RootDistance < before.Clock.RootDistance {
		t.Errorf("%+v became %+v", before, after)
	}
}

// An external token that contradicts the clock.
func TestGuardObserve(t *testing.T) {
	m := newMachine()
	_, names := m.liars(t, 3)
	g := newGuard(t, m.config(t, names...))
	sample(t, g)
	for name, c := range map[string]struct {
		token Token
		words string // empty: no contradiction
	}{
		"now":                  {Token{Time: m.truth(), fresh: true}, ""},
		"whole seconds":        {Token{Time: m.truth().Truncate(time.Second), fresh: true}, ""},
		"an hour ahead":        {Token{Time: m.truth().Add(time.Hour), fresh: true}, "later than this clock"},
		"an hour behind":       {Token{Time: m.truth().Add(-time.Hour), fresh: true}, "earlier than this clock"},
		"old, an hour behind":  {Token{Time: m.truth().Add(-time.Hour)}, ""},
		"old, from the future": {Token{Time: m.truth().Add(time.Hour)}, "later than this clock"},
		"within its accuracy":  {Token{Time: m.truth().Add(time.Minute), Accuracy: time.Minute, fresh: true}, ""},
		"took long":            {Token{Time: m.truth().Add(-10 * time.Second), took: 10 * time.Second, fresh: true}, ""},
	} {
		c.token.Authority = "authority X"
		g.Observe(c.token)
		r, err := g.Read()
		if (err == nil) != (c.words == "") || !strings.Contains(r.Clock.Reason, c.words) {
			t.Errorf("%s: error %v, reason %q", name, err, r.Clock.Reason)
		}
		g.Observe(Token{Time: m.truth(), fresh: true})
		trusted(t, g)
	}
}

// At start the machine's clock is an hour late, as the last token shows; once
// servers agree on the right time the token has nothing more to say.
func TestGuardObserveAtStart(t *testing.T) {
	m := newMachine()
	_, names := m.liars(t, 3)
	m.set(-time.Hour)
	c := m.config(t, names...)
	c.MaxOffset = 2 * time.Hour
	g := newGuard(t, c)
	g.Observe(Token{Time: m.truth().Add(-time.Minute), Authority: "the last"})
	distrusted(t, g, "no time servers have agreed yet")
	sample(t, g)
	m.set(time.Hour)
	trusted(t, g)
}

// The kernel's word is necessary, whatever the servers say.
func TestGuardKernel(t *testing.T) {
	m := newMachine()
	_, names := m.liars(t, 3)
	g := newGuard(t, m.config(t, names...))
	sample(t, g)
	m.kernel.Synchronized = false
	distrusted(t, g, "no time daemon keeps the machine's clock synchronised")
	m.kernel.Synchronized = true
	trusted(t, g)
	g.config.Kernel = func() (KernelClock, error) { return KernelClock{}, errors.New("no") }
	distrusted(t, g, "the kernel does not say")
}

func TestGuardLeapSecond(t *testing.T) {
	g := &Guard{config: GuardConfig{Kernel: func() (KernelClock, error) {
		return KernelClock{Synchronized: true, LeapPending: true}, nil
	}}}
	for clock, due := range map[string]bool{"23:59:30": true, "23:58:59": false, "00:00:30": false} {
		at, err := time.Parse("2006-01-02 15:04:05", "2026-12-31 "+clock)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.kernelReason(Reading{Time: at}) != ""; got != due {
			t.Errorf("%s: due %v, want %v", clock, got, due)
		}
	}
}

// Servers nobody should follow.
func TestGuardBadServers(t *testing.T) {
	for name, spoil := range map[string]func(*liar){
		"unsynchronised":       func(l *liar) { l.leap = 3 },
		"stratum 16":           func(l *liar) { l.stratum = 16 },
		"kiss of death":        func(l *liar) { l.stratum, l.refID = 0, 'D'<<24|'E'<<16|'N'<<8|'Y' },
		"smears, says ntpd":    func(l *liar) { l.refID = 254 << 24 },
		"smears, says chrony":  func(l *liar) { l.stratum, l.refID = 2, refSmearChrony },
		"smears, as Google":    func(l *liar) { l.refID = refSmearGoogle },
		"says no leap is due":  func(l *liar) { l.leap = 0 },
		"is silent":            func(l *liar) { l.silent = true },
		"follows another here": func(l *liar) { l.stratum, l.refID = 2, 127<<24|11 },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine()
			servers, names := m.liars(t, 3)
			for _, s := range servers {
				s.set(func(l *liar) { l.leap = 1 }) // a leap second is announced
			}
			servers[0].set(spoil)
			c := m.config(t, names...)
			if servers[0].silent {
				c.Query = withoutPatience(names[0])
			}
			g := newGuard(t, c)
			sample(t, g)
			r := trusted(t, g)
			if len(r.Clock.Sources) != 2 {
				t.Errorf("sources %v", r.Clock.Sources)
			}
		})
	}
}

// A server that sent a kiss of death is left alone for a while.
func TestGuardRests(t *testing.T) {
	m := newMachine()
	servers, names := m.liars(t, 1)
	c := m.config(t, names...)
	asked := 0
	c.Query = func(server string, o ntp.QueryOptions) (*ntp.Response, error) {
		asked++
		return ntp.QueryWithOptions(server, o)
	}
	g := newGuard(t, c)
	servers[0].set(func(l *liar) { l.stratum, l.refID = 0, 'R'<<24|'A'<<16|'T'<<8|'E' })
	for range 3 {
		if err := g.Sample(t.Context()); !errors.Is(err, ErrTooFewServers) {
			t.Fatal(err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	m.pass(8*16*time.Second + time.Second)
	servers[0].set(func(l *liar) { l.stratum = 1 })
	sample(t, g)
}

// Servers that lean on one clock count once.
func TestGuardSharedClock(t *testing.T) {
	m := newMachine()
	servers, names := m.liars(t, 3)
	c := m.config(t, names...)
	c.MinServers = 3
	g := newGuard(t, c)
	for i := range 2 {
		servers[i].set(func(l *liar) { l.stratum, l.refID = 2, 192<<24|2<<8|1 })
	}
	if err := g.Sample(t.Context()); !errors.Is(err, ErrTooFewServers) {
		t.Errorf("error %v", err)
	}
	here, there := newLiar(t, "127.0.0.20", m.truth), newLiar(t, "127.0.0.20", m.truth)
	g = newGuard(t, m.config(t, here.address, there.address))
	if err := g.Sample(t.Context()); !errors.Is(err, ErrTooFewServers) {
		t.Errorf("two ports of one machine: error %v", err)
	}
}

func TestGuardTooUncertain(t *testing.T) {
	m := newMachine()
	_, names := m.liars(t, 3)
	c := m.config(t, names...)
	c.MaxDistance = 20 * time.Millisecond
	g := newGuard(t, c)
	sample(t, g)
	trusted(t, g)
	m.pass(time.Minute) // 500 ppm of a minute is 30 ms
	distrusted(t, g, "more than allowed")
	c.MaxDistance = time.Millisecond
	g = newGuard(t, c)
	if err := g.Sample(t.Context()); !errors.Is(err, ErrTooFewServers) || !errors.Is(err, errFar) {
		t.Errorf("error %v", err)
	}
}

// Run compares by itself, and once more when the clock is moved.
func TestGuardRun(t *testing.T) {
	m := newMachine()
	_, names := m.liars(t, 2)
	c := m.config(t, names...)
	c.Interval = time.Minute // so that only the nudge can bring the second one
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	asked := 0
	c.Query = func(server string, o ntp.QueryOptions) (*ntp.Response, error) {
		mu.Lock()
		asked++
		mu.Unlock()
		return ntp.QueryWithOptions(server, o)
	}
	count := func() int { mu.Lock(); defer mu.Unlock(); return asked }
	g := newGuard(t, c)
	g.config.Interval = 800 * time.Millisecond
	done := make(chan struct{})
	go func() { defer close(done); g.Run(ctx) }()
	await(t, "the first agreement", func() bool { r, err := g.Read(); return err == nil && r.Clock.Trusted })
	before := count()
	m.set(time.Hour)
	distrusted(t, g, "the machine's clock")
	await(t, "another comparison", func() bool { return count() > before })
	cancel()
	<-done
}

// Many readers, comparisons and tokens at once.
func TestGuardConcurrent(t *testing.T) {
	m := newMachine()
	_, names := m.liars(t, 3)
	g := newGuard(t, m.config(t, names...))
	sample(t, g)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var last time.Time
			for range 500 {
				m.pass(50 * time.Microsecond)
				r, err := g.Read()
				if err != nil || r.Time.Before(last) {
					t.Errorf("after %s: %+v, %v", last, r, err)
					return
				}
				last = r.Time
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			if err := g.Sample(t.Context()); err != nil {
				t.Error(err)
			}
			g.Observe(Token{Time: m.truth(), fresh: true})
		}
	})
	wg.Wait()
}

func TestGuardConfig(t *testing.T) {
	m := newMachine()
	for name, spoil := range map[string]func(*GuardConfig){
		"no servers":   func(c *GuardConfig) { c.Servers = nil },
		"twice":        func(c *GuardConfig) { c.Servers = []string{"a", "a"} },
		"empty name":   func(c *GuardConfig) { c.Servers = []string{""} },
		"none needed":  func(c *GuardConfig) { c.MinServers = 0 },
		"too many":     func(c *GuardConfig) { c.MinServers = 3 },
		"no policy":    func(c *GuardConfig) { c.Policy = "" },
		"no mark":      func(c *GuardConfig) { c.MarkFile = "" },
		"no kernel":    func(c *GuardConfig) { c.Kernel = nil },
		"no boot time": func(c *GuardConfig) { c.Boottime = nil },
	} {
		c := m.config(t, "a", "b")
		spoil(&c)
		if _, err := NewGuard(c); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
