package web

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// house is a listener with a bound on the connections that are open. When as many are as there are
// places, whoever comes gets the place of the one that has been idle longest: between two requests a
// connection may always be closed (RFC 9112, 9.8). If none is idle, he is let into the hall, where he is
// told so; when that is full too, he waits in the kernel's queue.
type house struct {
	net.Listener
	slots  chan struct{} // places and hall
	closed chan struct{}
	once   sync.Once

	mu     sync.Mutex
	places int
	here   int        // connections that are open
	taken  int        // by connections that are neither in the hall nor asked to leave
	idle   *list.List // of *visitor, longest idle first
}

// newHouse bounds l. The hall may have no places.
func newHouse(l net.Listener, places, hall int) *house {
	return &house{Listener: l, slots: make(chan struct{}, places+hall), closed: make(chan struct{}), places: places, idle: list.New()}
}

func (h *house) Accept() (net.Conn, error) {
	select {
	case h.slots <- struct{}{}:
	case <-h.closed:
		return nil, net.ErrClosed
	}
	c, err := h.Listener.Accept()
	if err != nil {
		<-h.slots
		return nil, err
	}
	return h.enter(c), nil
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
	if longest := h.idle.Front(); h.taken == h.places && longest != nil {
		leaving := longest.Value.(*visitor) //nolint:forcetypeassert // nothing else is in the list
		h.leave(leaving)
		go func() { _ = leaving.outer.Close() }() // says goodbye in TLS first, which the peer may not take at once
	}
	if h.taken < h.places {
		h.taken++
		v.placed = true
	}
	v.hall = !v.placed
	return v
}

// leave gives a connection's place free; its slot it keeps until it is closed. The lock is held.
func (h *house) leave(v *visitor) {
	if v.placed {
		v.placed = false
		h.taken--
	}
	if v.waiting != nil {
		h.idle.Remove(v.waiting)
		v.waiting = nil
	}
}

// state is told by net/http what a connection does.
func (h *house) state(c net.Conn, s http.ConnState) {
	v := visitorOf(c)
	if v == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case s == http.StateIdle && v.placed && v.waiting == nil:
		v.outer, v.waiting = c, h.idle.PushBack(v)
	case s != http.StateIdle && v.waiting != nil:
		h.idle.Remove(v.waiting)
		v.waiting = nil
	}
}

// visitor is one open connection.
type visitor struct {
	net.Conn
	house *house
	once  sync.Once

	hall    bool          // found no place; decided on entering
	placed  bool          // guarded by the house's lock, as what follows
	waiting *list.Element // in house.idle
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
