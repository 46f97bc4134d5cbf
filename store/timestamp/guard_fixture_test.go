package timestamp

import (
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/ntp"
)

// machine is this machine and the world around it: true time, which stands still until a test lets it
// pass, and the clocks that the guard sees of it. However long a process sleeps in between, no more time
// has passed for the guard and the servers it asks.
type machine struct {
	mu     sync.Mutex
	start  time.Time
	passed time.Duration // of true time, and of CLOCK_BOOTTIME
	wall   time.Duration // by which the machine's clock was set
	kernel KernelClock
}

// now is the machine's clock, which may have been set.
func (m *machine) now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.start.Add(m.passed + m.wall)
}

// truth is what honest servers and authorities say.
func (m *machine) truth() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.start.Add(m.passed)
}

func (m *machine) boottime() (time.Duration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Hour + m.passed, nil
}

func (m *machine) kernelClock() (KernelClock, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kernel, nil
}

// set moves the machine's clock.
func (m *machine) set(by time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wall += by
}

// pass lets time pass, here and everywhere.
func (m *machine) pass(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.passed += d
}

// config is a guard's on this machine. A server that answers at all is waited for long enough.
func (m *machine) config(t *testing.T, servers ...string) GuardConfig {
	return GuardConfig{
		Servers: servers, MinServers: min(2, len(servers)), Policy: PolicyRefuse,
		MarkFile: filepath.Join(t.TempDir(), "mark"), Timeout: 30 * time.Second,
		Kernel: m.kernelClock, Now: m.now, Boottime: m.boottime,
	}
}

// withoutPatience asks one server, which will not answer, and does not wait for it.
func withoutPatience(silent string) func(string, ntp.QueryOptions) (*ntp.Response, error) {
	return func(server string, o ntp.QueryOptions) (*ntp.Response, error) {
		if server == silent {
			o.Timeout = 50 * time.Millisecond
		}
		return ntp.QueryWithOptions(server, o)
	}
}

func newMachine() *machine {
	return &machine{start: time.Now(), kernel: KernelClock{Synchronized: true}}
}

func newGuard(t *testing.T, c GuardConfig) *Guard {
	t.Helper()
	g, err := NewGuard(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// trusted reads a time that must be trusted.
func trusted(t *testing.T, g *Guard) Reading {
	t.Helper()
	r, err := g.Read()
	if err != nil || !r.Clock.Trusted || r.Clock.Reason != "" {
		t.Fatalf("reading %+v, error %v", r, err)
	}
	return r
}

// distrusted reads a time that must not be trusted, for a reason with words.
func distrusted(t *testing.T, g *Guard, words string) Reading {
	t.Helper()
	r, err := g.Read()
	if g.config.Policy == PolicyFlag && err != nil {
		t.Fatalf("policy flag, error %v", err)
	}
	if g.config.Policy == PolicyRefuse && (err == nil || !strings.Contains(err.Error(), words)) {
		t.Fatalf("policy refuse, error %v, want %q", err, words)
	}
	if r.Clock.Trusted || !strings.Contains(r.Clock.Reason, words) {
		t.Fatalf("trusted %v, reason %q, want %q", r.Clock.Trusted, r.Clock.Reason, words)
	}
	return r
}

func sample(t *testing.T, g *Guard) {
	t.Helper()
	if err := g.Sample(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// closedPort is an address where nobody answers.
func closedPort(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.9:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// liars starts servers on addresses of their own and names them.
func (m *machine) liars(t *testing.T, n int) ([]*liar, []string) {
	t.Helper()
	var all []*liar
	var names []string
	for i := range n {
		l := newLiar(t, net.IPv4(127, 0, 0, byte(10+i)).String(), m.truth)
		all, names = append(all, l), append(names, l.address)
	}
	return all, names
}
