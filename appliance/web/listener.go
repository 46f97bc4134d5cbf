package web

import (
	"container/list"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// house is a listener with a bound on the connections that are open. When as many are as there are
// places, whoever comes gets the place of the one that has been idle longest: between two requests a
// connection may always be closed (RFC 9112, 9.8). If none is idle, that of the one goes which came first of those
// that have not sent the head of a request yet, if it had a moment's time. If there is none, he is let into the hall,
// where he is told so. When that is full too, those without a head, wherever they are, leave after that moment, and
// others wait in the kernel's queue. All of this is the same work however many connections there are.
type house struct {
	net.Listener
	slots  chan struct{} // places and hall
	closed chan struct{}
	once   sync.Once
	now    func() time.Time // nil: nobody says what connections do, and none gives way

	mu     sync.Mutex
	places int
	here   int        // connections that are open
	taken  int        // by connections that are neither in the hall nor asked to leave
	idle   *list.List // of *visitor, longest idle first
	silent *list.List // of *visitor with a place that has not sent the head of a request yet, in the order they came
	mute   *list.List // the same in the hall
}

// newHouse bounds l. The hall may have no places.
func newHouse(l net.Listener, places, hall int) *house {
	return &house{
		Listener: l, slots: make(chan struct{}, places+hall), closed: make(chan struct{}), places: places,
		idle: list.New(), silent: list.New(), mute: list.New(),
	}
}

func (h *house) Accept() (net.Conn, error) {
	if err := h.slot(); err != nil {
		return nil, err
	}
	c, err := h.Listener.Accept()
	if err != nil {
		<-h.slots
		return nil, err
	}
	return h.enter(c), nil
}

// slot waits until one more connection may be open.
func (h *house) slot() error {
	for {
		select {
		case h.slots <- struct{}{}:
			return nil
		default:
		}
		var again <-chan time.Time
		if d := h.hurry(); d > 0 {
			again = time.After(d)
		}
		select {
		case h.slots <- struct{}{}:
			return nil
		case <-h.closed:
			return net.ErrClosed
		case <-again:
		}
	}
}

func (h *house) Close() error {
	h.once.Do(func() { close(h.closed) })
	return h.Listener.Close()
}

// open is how many connections are open.
func (h *house) open() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.here
}

// enter finds a place for a connection, or leaves it in the hall.
func (h *house) enter(c net.Conn) *visitor {
	v := &visitor{Conn: c, house: h}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.here++
	if h.taken == h.places {
		h.makeRoom()
	}
	if h.taken < h.places {
		h.taken++
		v.placed = true
	}
	v.hall = !v.placed
	switch {
	case h.now == nil:
	case v.hall:
		v.came = h.now()
		h.wait(v, h.mute)
	default:
		v.came = h.now()
		h.wait(v, h.silent)
	}
	return v
}

// leave gives a connection's place free; its slot it keeps until it is closed. The lock is held.
func (h *house) leave(v *visitor) {
	if v.placed {
		v.placed = false
		h.taken--
	}
	h.act(v)
}

// visitor is one open connection.
type visitor struct {
	net.Conn
	house *house
	once  sync.Once

	hall    bool // found no place; decided on entering
	placed  bool // guarded by the house's lock, as what follows
	came    time.Time
	in      *list.List    // of the house, which he is in
	waiting *list.Element // there
	outer   net.Conn      // the TLS connection around this one
}

func (v *visitor) Close() error {
	err := v.Conn.Close()
	v.once.Do(func() {
		v.house.mu.Lock()
		v.house.leave(v)
		v.house.here--
		v.house.mu.Unlock()
		<-v.house.slots
	})
	return err
}

// visitorOf finds a connection of a house under its TLS.
func visitorOf(c net.Conn) *visitor {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	v, _ := c.(*visitor)
	return v
}

// houses are the listeners of one door.
type houses struct {
	mu   sync.Mutex
	list []*house
}

func (s *houses) add(h *house) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, h)
}

// open is how many connections are open in all of them.
func (s *houses) open() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.list {
		n += h.open()
	}
	return n
}
