package timestamp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/beevik/ntp"
)

// What the guard refuses.
var (
	// ErrTimeUntrusted means that the time cannot be vouched for now and the
	// policy is to refuse then. It passes when the servers agree again.
	ErrTimeUntrusted = errors.New("the time cannot be trusted at the moment")
	// ErrTimeWentBack means that the time is earlier than one already
	// attested. Whatever the policy, nothing is attested then.
	ErrTimeWentBack = errors.New("time went back behind what was already attested")
	// ErrMark means that the file which keeps time from going back is
	// damaged or cannot be written. Starting without it is for two persons
	// to decide.
	ErrMark = errors.New("the record of the last attested time cannot be relied on")
	// ErrDisagree means that too few servers agree on what time it is.
	ErrDisagree = errors.New("the time servers do not agree")
	// ErrTooFewServers means that too few servers gave a usable answer.
	ErrTooFewServers = errors.New("too few time servers answered")
	// ErrTimeJumped means that the servers agree on a time that does not
	// follow from the last one they agreed on.
	ErrTimeJumped = errors.New("the time servers jumped")
	// ErrConfig means that the guard's configuration cannot be worked with.
	ErrConfig = errors.New("the clock's configuration is not usable")
)

// Policy says what to do with time that cannot be trusted.
type Policy string

const (
	// PolicyRefuse attests nothing until time is trusted again.
	PolicyRefuse Policy = "refuse"
	// PolicyFlag goes on and says in each attestation that, and why, the
	// time is not to be trusted.
	PolicyFlag Policy = "flag"
)

// KernelClock is what the kernel says of its own clock; see adjtimex(2).
type KernelClock struct {
	Synchronized                         bool
	Offset, EstimatedError, MaximumError time.Duration
	LeapPending                          bool
}

// GuardConfig is what a Guard works with. Zero durations take the defaults
// named with them.
type GuardConfig struct {
	Servers     []string      // NTP servers, host or host:port; at least one
	MinServers  int           // how many independent ones must agree, 1 to len(Servers)
	MaxDistance time.Duration // error bound up to which time is trusted; 1 s
	MaxOffset   time.Duration // distance of the machine's clock up to which it is trusted; 1 s
	Interval    time.Duration // between comparisons; 16 s, RFC 5905's shortest
	Timeout     time.Duration // for one server; 2 s
	Policy      Policy
	MarkFile    string    // keeps time from going back; its folder must exist
	NotBefore   time.Time // latest trusted time known to be attested from elsewhere; may be zero

	Kernel   func() (KernelClock, error)
	Query    func(server string, opt ntp.QueryOptions) (*ntp.Response, error) // nil: ntp.QueryWithOptions
	Now      func() time.Time                                                 // nil: time.Now
	Boottime func() (time.Duration, error)                                    // CLOCK_BOOTTIME
	Log      *slog.Logger                                                     // nil: none
}

// Guard says what time it is. Its methods may be called from several
// goroutines.
type Guard struct {
	config GuardConfig
	nudge  chan struct{} // asks Run for a comparison at once
	sample sync.Mutex    // one comparison at a time

	mu        sync.Mutex
	scale     timescale
	agreed    *agreement // the last one that was believed
	candidate *agreement // one that jumped, waiting for an independent witness
	failure   error      // why the last comparison brought nothing; nil if it did
	witness   Token      // the last token observed
	external  string     // how it was earlier than this clock; empty if it was not
	rests     map[string]time.Duration
	last      time.Time // the latest time attested while running
	mark      *mark
}

// NewGuard checks the configuration and reads the mark. It asks no server:
// until the first Sample no time is trusted. Errors: ErrConfig, ErrMark.
func NewGuard(config GuardConfig) (*Guard, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	scale, err := newTimescale(config)
	if err != nil {
		return nil, err
	}
	m, err := openMark(config.MarkFile)
	if err != nil {
		return nil, err
	}
	return &Guard{
		config:  config,
		nudge:   make(chan struct{}, 1),
		scale:   scale,
		failure: errors.New("no time server was asked yet"),
		rests:   make(map[string]time.Duration),
		mark:    m,
	}, nil
}

// Run compares at once and then every Interval; after an eighth of it until
// the first success, and as soon as a reading finds that the machine's clock
// was moved. It returns when ctx ends.
func (g *Guard) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := g.Sample(ctx); err != nil && ctx.Err() == nil {
			g.config.Log.Warn("comparing the clock", slog.Any("error", err))
		}
		// However often readings ask, the servers are left alone that long.
		least := g.config.Interval / 8
		sleep(ctx, least, nil)
		if g.hasAgreed() {
			sleep(ctx, g.config.Interval-least, g.nudge)
		}
	}
}

// sleep ends with ctx, after d, or when early says so.
func sleep(ctx context.Context, d time.Duration, early <-chan struct{}) {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-ctx.Done():
	case <-wait.C:
	case <-early:
	}
}

func (g *Guard) hasAgreed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.agreed != nil
}

func (c GuardConfig) withDefaults() GuardConfig {
	c.MaxDistance = orDefault(c.MaxDistance, time.Second)
	c.MaxOffset = orDefault(c.MaxOffset, time.Second)
	c.Interval = orDefault(c.Interval, 16*time.Second)
	c.Timeout = orDefault(c.Timeout, 2*time.Second)
	if c.Query == nil {
		c.Query = ntp.QueryWithOptions
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c GuardConfig) validate() error {
	seen := make(map[string]bool)
	for _, s := range c.Servers {
		if s == "" || len(s) > 256 || seen[s] {
			return fmt.Errorf("server %q is empty, too long or named twice: %w", s, ErrConfig)
		}
		seen[s] = true
	}
	switch {
	case len(c.Servers) == 0 || len(c.Servers) > maxServers:
		return fmt.Errorf("%d servers, it may be 1 to %d: %w", len(c.Servers), maxServers, ErrConfig)
	case c.MinServers < 1 || c.MinServers > len(c.Servers):
		return fmt.Errorf("min_servers is %d, it may be 1 to the number of servers, %d: %w", c.MinServers, len(c.Servers), ErrConfig)
	case c.Policy != PolicyRefuse && c.Policy != PolicyFlag:
		return fmt.Errorf("policy is %q, it may be %q or %q: %w", c.Policy, PolicyRefuse, PolicyFlag, ErrConfig)
	case c.MarkFile == "":
		return fmt.Errorf("no mark file: %w", ErrConfig)
	case c.Kernel == nil || c.Boottime == nil:
		return fmt.Errorf("no way to the kernel's clock: %w", ErrConfig)
	}
	return nil
}

// maxServers keeps the list within what an attestation may name.
const maxServers = 16
