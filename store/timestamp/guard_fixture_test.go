package timestamp

import (
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// machine is this machine, with hands on its clocks: what a test moves is
// seen by the guard alone.
type machine struct {
	mu     sync.Mutex
	boot   time.Duration // added to CLOCK_BOOTTIME: time that "passed"
	wall   time.Duration // added to the machine's clock: it was set
	kernel KernelClock
	frozen time.Time // if set, both clocks stand still there
}

func (m *machine) now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.frozen.IsZero() {
		return m.frozen.Add(m.wall)
	}
	return time.Now().Add(m.wall)
}

func (m *machine) boottime() (time.Duration, error) {
	var ts unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.frozen.IsZero() {
		return time.Hour + m.boot, nil
	}
	return time.Duration(ts.Nano()) + m.boot, err
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

// pass lets time pass on all clocks of the machine.
func (m *machine) pass(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.boot += d
	m.wall += d
}

func (m *machine) config(t *testing.T, servers ...string) GuardConfig {
	return GuardConfig{
		Servers: servers, MinServers: min(2, len(servers)), Policy: PolicyRefuse,
		MarkFile: filepath.Join(t.TempDir(), "mark"), Timeout: 500 * time.Millisecond,
		Kernel: m.kernelClock, Now: m.now, Boottime: m.boottime,
	}
}

func newMachine() *machine { return &machine{kernel: KernelClock{Synchronized: true}} }

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
func liars(t *testing.T, n int) ([]*liar, []string) {
	t.Helper()
	var all []*liar
	var names []string
	for i := range n {
		l := newLiar(t, net.IPv4(127, 0, 0, byte(10+i)).String())
		all, names = append(all, l), append(names, l.address)
	}
	return all, names
}
