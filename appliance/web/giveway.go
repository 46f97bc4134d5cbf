package web

import (
	"container/list"
	"net"
	"net/http"
	"time"
)

// moment is how long a connection that has not sent the head of a request keeps its place although it is wanted: it
// has the handshake in it, which the token signs.
const moment = time.Second

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
		v.outer = c
		h.wait(v, h.idle)
	case s != http.StateIdle && s != http.StateNew: // a new one is served once the head of its first request was read
		h.act(v)
	}
}

// makeRoom takes the place of one who does not use it, if there is one. The lock is held.
func (h *house) makeRoom() {
	if longest := front(h.idle); longest != nil {
		h.dismiss(longest)
	} else if first := front(h.silent); first != nil && h.rest(first) <= 0 {
		h.dismiss(first)
	}
}

// dismiss closes a connection that waits for its peer. The lock is held.
func (h *house) dismiss(v *visitor) {
	h.leave(v)
	if v.outer != nil {
		go func() { _ = v.outer.Close() }() // says goodbye in TLS first, which the peer may not take at once
		return
	}
	go func() { _ = v.Close() }() // there may be no TLS yet to say it in
}

// wait puts a visitor at the end of a list. The lock is held.
func (h *house) wait(v *visitor, in *list.List) { v.in, v.waiting = in, in.PushBack(v) }

// act takes a visitor from the list he is in. The lock is held.
func (h *house) act(v *visitor) {
	if v.waiting != nil {
		v.in.Remove(v.waiting)
		v.in, v.waiting = nil, nil
	}
}

// front is the first of a list, nil if there is none.
func front(l *list.List) *visitor {
	if l.Len() == 0 {
		return nil
	}
	return l.Front().Value.(*visitor) //nolint:forcetypeassert // nothing else is in the lists
}

// hurry is for when no more may be open: it sends away who came first of those without a head if he had his moment,
// and says when to look again, zero if nothing is to be done but to wait for a slot.
func (h *house) hurry() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	first, other := front(h.silent), front(h.mute)
	if first == nil || other != nil && other.came.Before(first.came) {
		first = other
	}
	if first == nil { // nor will there be one before somebody is let in
		return 0
	}
	if rest := h.rest(first); rest > 0 {
		return min(rest, moment)
	}
	h.dismiss(first)
	return 0
}

// rest is what is left of a visitor's moment. The lock is held.
func (h *house) rest(v *visitor) time.Duration { return moment - h.now().Sub(v.came) }
