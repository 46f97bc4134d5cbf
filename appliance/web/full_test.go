package web

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"casemate/appliance/wire"
)

// lobby is a door that serves over TLS on loopback; "/slow" answers when it is told to.
type lobby struct {
	t       *testing.T
	door    *Door
	address string
	roots   *x509.CertPool
	ahead   atomic.Int64  // of the clock that stands still, in nanoseconds
	arrived chan struct{} // one for each "/slow" that has begun
	release chan struct{}
}

func newLobby(t *testing.T, limits Limits) *lobby {
	t.Helper()
	b := &lobby{t: t, arrived: make(chan struct{}, 100), release: make(chan struct{})}
	// httptest's own certificate, for example.com.
	lender := httptest.NewUnstartedServer(nil)
	lender.StartTLS()
	pair := lender.TLS.Certificates[0]
	b.roots = x509.NewCertPool()
	b.roots.AddCert(lender.Certificate())
	lender.Close()

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.address = l.Addr().String()
	b.door, _, _ = testDoor(limits)
	still := b.door.now()
	b.door.now = func() time.Time { return still.Add(time.Duration(b.ahead.Load())) }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			b.arrived <- struct{}{}
			<-b.release
		}
		_, _ = io.WriteString(w, "let in")
	})
	go func() { ended <- b.door.Serve(ctx, l, func() (*tls.Certificate, error) { return &pair, nil }, next) }()
	t.Cleanup(func() {
		b.free()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return b
}

// free lets every "/slow" answer.
func (b *lobby) free() {
	select {
	case <-b.release:
	default:
		close(b.release)
	}
}

// guest is a connection of somebody's.
type guest struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func (b *lobby) guest() *guest {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.address)
	if err != nil {
		b.t.Fatal(err)
	}
	c := tls.Client(conn, &tls.Config{RootCAs: b.roots, ServerName: "example.com", MinVersion: tls.VersionTLS13})
	b.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return &guest{b.t, c, bufio.NewReader(c)}
}

func (g *guest) ask(path string) {
	g.t.Helper()
	if _, err := io.WriteString(g.conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		g.t.Fatal(err)
	}
}

func (g *guest) answer() (*http.Response, string) {
	g.t.Helper()
	r, err := http.ReadResponse(g.in, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }() // only read
	body, err := io.ReadAll(r.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return r, string(body)
}

func (g *guest) letIn() {
	g.t.Helper()
	if r, body := g.answer(); r.StatusCode != http.StatusOK || body != "let in" {
		g.t.Errorf("status %d: %s", r.StatusCode, body)
	}
}

// gone demands that the safe has closed the connection, with nothing more to say.
func (g *guest) gone() {
	g.t.Helper()
	if b, err := g.in.ReadByte(); !errors.Is(err, io.EOF) {
		g.t.Errorf("not closed by the safe: %q, %v", b, err)
	}
}

// house is what counts the lobby's connections; whoever has been let in has been there.
func (b *lobby) house() *house {
	b.door.houses.mu.Lock()
	defer b.door.houses.mu.Unlock()
	return b.door.houses.list[0]
}

// settled waits until so many connections stand between two requests.
func (b *lobby) settled(idle, open int) {
	b.t.Helper()
	h := b.house()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		h.mu.Lock()
		have, here := h.idle.Len(), h.here
		h.mu.Unlock()
		if have == idle && here == open {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("%d connections are idle of %d, want %d of %d", have, here, idle, open)
		}
	}
}

// Those who hold a connection without using it give way to whoever comes, the longest idle first.
func TestIdleGivesWay(t *testing.T) {
	b := newLobby(t, Limits{Connections: 3})
	var guests []*guest
	for i := range 3 {
		g := b.guest()
		g.ask("/")
		g.letIn()
		guests = append(guests, g)
		b.settled(i+1, i+1)
	}
	guests[0].ask("/") // the second is the longest idle now
	guests[0].letIn()
	b.settled(3, 3)
	fourth := b.guest()
	fourth.ask("/")
	fourth.letIn()
	guests[1].gone()
	b.settled(3, 3)
	for _, g := range []*guest{guests[0], guests[2], fourth} {
		g.ask("/")
		g.letIn()
	}
}

// Nobody who is being served gives way: whoever comes then is told to come back, in so many words; when
// one has left, he is served.
func TestFullHouse(t *testing.T) {
	b := newLobby(t, Limits{Connections: 2})
	busy := []*guest{b.guest(), b.guest()}
	for _, g := range busy {
		g.ask("/slow")
		<-b.arrived
	}
	third := b.guest()
	third.ask("/")
	r, body := third.answer()
	if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") != "5" || !r.Close ||
		r.Header.Get("Content-Type") != wire.Prob || !strings.Contains(body, `"code":"`+wire.CodeBusy+`"`) {
		t.Errorf("%d %v: %s", r.StatusCode, r.Header, body)
	}
	third.gone()
	b.free()
	for _, g := range busy {
		g.letIn()
	}
	b.settled(2, 2)
	fourth := b.guest()
	fourth.ask("/")
	fourth.letIn()
}

// However many come, no more are open than the places and the hall; the rest wait, and are answered.
func TestHallIsBounded(t *testing.T) {
	b := newLobby(t, Limits{Connections: 2, Header: time.Hour})
	busy := []*guest{b.guest(), b.guest()}
	for _, g := range busy {
		g.ask("/slow")
		<-b.arrived
	}
	var silent []net.Conn // in the hall, without a word
	for range hallPlaces {
		conn, err := net.Dial("tcp", b.address)
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, conn)
	}
	b.settled(0, 2+hallPlaces)
	if open, most := b.door.Connections(); open != 2+hallPlaces || most != 2 {
		t.Errorf("%d open of %d", open, most)
	}
	late := make(chan *guest)
	go func() {
		conn, err := net.Dial("tcp", b.address) // the kernel takes it, the safe does not yet
		if err != nil {
			t.Error(err)
			close(late)
			return
		}
		c := tls.Client(conn, &tls.Config{RootCAs: b.roots, ServerName: "example.com", MinVersion: tls.VersionTLS13})
		g := &guest{t, c, bufio.NewReader(c)}
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") // waits for the handshake
		late <- g
	}()
	b.free()
	for _, g := range busy {
		g.letIn()
	}
	b.settled(2, 2+hallPlaces)
	_ = silent[0].Close() // one leaves the hall
	g := <-late
	if g == nil {
		t.Fatal("no connection")
	}
	g.letIn()
	_ = g.conn.Close()
	for _, c := range silent {
		_ = c.Close()
	}
}

// queue is a listener whose connections come from a channel; it counts who was taken in.
type queue struct {
	net.Listener
	waiting chan net.Conn
	taken   int
}

func (q *queue) Accept() (net.Conn, error) {
	c := <-q.waiting
	q.taken++
	return c, nil
}

// Places and hall together bound what is open; whoever comes behind them is not even accepted.
func TestWhoeverWaitsOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{waiting: make(chan net.Conn, 10)}
		h := newHouse(q, 2, 3)
		for range cap(q.waiting) {
			near, far := net.Pipe()
			defer func() { _ = far.Close() }()
			q.waiting <- near
		}
		var inside []*visitor
		go func() {
			for range cap(q.waiting) {
				c, err := h.Accept()
				if err != nil {
					return
				}
				inside = append(inside, c.(*visitor))
			}
		}()
		synctest.Wait()
		for i, v := range inside {
			if v.hall != (i >= 2) {
				t.Errorf("connection %d: in the hall: %v", i+1, v.hall)
			}
		}
		if q.taken != 5 || h.open() != 5 {
			t.Errorf("%d were taken in, %d are open, want 5", q.taken, h.open())
		}
		first := inside[0]
		_ = first.Close()
		_ = first.Close() // a second close frees nothing
		synctest.Wait()
		if q.taken != 6 || h.open() != 5 || inside[5].hall {
			t.Errorf("%d were taken in, %d are open; the last is in the hall: %v", q.taken, h.open(), inside[5].hall)
		}
		for len(inside) < cap(q.waiting) {
			_ = inside[len(inside)-1].Close()
			synctest.Wait()
		}
	})
}

// Who says nothing between two requests, or before the first, is sent away in time.
func TestIdleEnds(t *testing.T) {
	b := newLobby(t, Limits{Connections: 2, Idle: 50 * time.Millisecond, Header: time.Hour})
	g := b.guest()
	g.ask("/")
	g.letIn()
	g.gone()
	b.settled(0, 0)
	b = newLobby(t, Limits{Connections: 2, Idle: time.Hour, Header: 50 * time.Millisecond})
	conn, err := net.Dial("tcp", b.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadAll(conn); err != nil { // it was let in, or this would not end
		t.Errorf("a connection without a handshake: %v", err)
	}
	b.settled(0, 0)
}

// Many come and go at once: none is lost, none is counted twice, no place is lost.
func TestComingAndGoing(t *testing.T) {
	b := newLobby(t, Limits{Connections: 4})
	var crowd sync.WaitGroup
	for range 16 {
		crowd.Go(func() {
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: b.roots, ServerName: "example.com", MinVersion: tls.VersionTLS13}}
			defer transport.CloseIdleConnections()
			for range 20 {
				r, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Get("https://" + b.address + "/")
				if err != nil {
					t.Error(err)
					return
				}
				_ = r.Body.Close()
				if r.StatusCode != http.StatusOK && r.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("status %d", r.StatusCode)
				}
			}
		})
	}
	crowd.Wait()
	b.settled(0, 0)
	h := b.house()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.taken != 0 {
		t.Errorf("%d places are taken by nobody", h.taken)
	}
}
