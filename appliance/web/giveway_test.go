package web

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// stranger is a connection on which nothing is said.
func (b *lobby) stranger() net.Conn {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}

// Who never sends the head of a request, with or without a handshake, gives way once he had his moment, though not
// before who is idle; who is being served never does.
func TestSilentGivesWay(t *testing.T) {
	b := newLobby(t, Limits{Connections: 3, Header: time.Hour})
	served := b.guest()
	served.ask("/slow")
	<-b.arrived
	drips := b.guest()
	if _, err := io.WriteString(drips.conn, "GET / HTTP/1.1\r\nHo"); err != nil {
		t.Fatal(err)
	}
	b.settled(0, 2)
	mute := b.stranger()
	b.settled(0, 3)
	early := b.guest()
	early.ask("/")
	if r, _ := early.answer(); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("nobody had his moment, and the status is %d", r.StatusCode)
	}
	early.gone()
	b.settled(0, 3)
	b.ahead.Add(int64(moment))
	late := b.guest()
	late.ask("/")
	late.letIn()
	drips.gone()
	b.settled(1, 3)
	later := b.guest() // in the place of the idle one
	later.ask("/")
	later.letIn()
	late.gone()
	later.ask("/slow")
	<-b.arrived
	b.settled(0, 3)
	last := b.guest()
	last.ask("/")
	last.letIn()
	if _, err := mute.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the last who was silent was not sent away: %v", err)
	}
	b.free()
	served.letIn()
	later.letIn()
}

// When places and hall are full, those who were silent for a moment leave for those who wait outside, and nobody else.
func TestSilentLeaveForThoseOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{waiting: make(chan net.Conn, 10)}
		h := newHouse(q, 2, 3)
		h.now = time.Now
		var peers []net.Conn
		for range cap(q.waiting) {
			near, far := net.Pipe()
			q.waiting <- near
			peers = append(peers, far)
		}
		var inside []net.Conn
		go func() {
			for range cap(q.waiting) {
				c, err := h.Accept()
				if err != nil {
					return
				}
				h.state(c, http.StateNew)
				inside = append(inside, c)
			}
		}()
		gone := func(i int) bool {
			_ = peers[i].SetReadDeadline(time.Now())
			_, err := peers[i].Read(make([]byte, 1))
			return errors.Is(err, io.EOF)
		}
		time.Sleep(moment / 2)
		synctest.Wait()
		if len(inside) != 5 {
			t.Fatalf("%d are inside before anybody had his moment", len(inside))
		}
		h.state(inside[1], http.StateActive) // one with a place, one in the hall
		h.state(inside[3], http.StateActive)
		time.Sleep(moment / 2)
		synctest.Wait()
		if len(inside) != 8 || h.open() != 5 {
			t.Errorf("%d were let in, %d are open", len(inside), h.open())
		}
		time.Sleep(moment)
		synctest.Wait()
		if len(inside) != 10 || h.open() != 5 {
			t.Errorf("%d were let in in the end, %d are open", len(inside), h.open())
		}
		for i := range peers {
			if want := i < 7 && i != 1 && i != 3; gone(i) != want {
				t.Errorf("connection %d: gone: %v", i+1, !want)
			}
		}
		for _, c := range inside {
			_ = c.Close()
		}
		if h.taken != 0 || h.open() != 0 || h.silent.Len()+h.mute.Len()+h.idle.Len() != 0 {
			t.Errorf("places are left taken: %d", h.taken)
		}
	})
}
