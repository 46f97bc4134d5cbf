package raid

import (
	"fmt"
	"sync"
)

// told is what is on its way to the log and to Config.Event: handed on in the order in which it came to be, one event at a
// time. What is told with the mirror's lock held is handed on without it, and still before all that comes
// after it: nobody hears that a volume is back, and then that it is out.
type told struct {
	mu     sync.Mutex
	list   []Event
	giving sync.Mutex // held while one is handed on
}

func (w *told) add(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, e)
}

// handOn gives all there is; when it returns, what was added before the call was given.
func (w *told) handOn(to func(Event)) {
	w.giving.Lock()
	defer w.giving.Unlock()
	for {
		w.mu.Lock()
		if len(w.list) == 0 {
			w.mu.Unlock()
			return
		}
		e := w.list[0]
		w.list = w.list[1:]
		w.mu.Unlock()
		to(e)
	}
}

// newEvent puts an event together.
func newEvent(kind EventKind, mem *member, format string, args ...any) Event {
	e := Event{Kind: kind, Volume: -1, Detail: fmt.Sprintf(format, args...)}
	if mem != nil {
		e.Volume, e.ID, e.Dir = mem.slot, mem.id.String(), mem.dir
	}
	return e
}

// event tells of a fault, to the log and to who asked for events.
func (m *Mirror) event(kind EventKind, mem *member, format string, args ...any) {
	m.announce(newEvent(kind, mem, format, args...))
}

// eventLocked is event for whoever holds mu, or keeps writers out: it is handed on by another goroutine.
func (m *Mirror) eventLocked(kind EventKind, mem *member, format string, args ...any) {
	m.told.add(newEvent(kind, mem, format, args...))
	go m.told.handOn(m.relay)
}

func (m *Mirror) announce(e Event) {
	m.told.add(e)
	m.told.handOn(m.relay)
}

// relay is never called with mu held: the journal that the log goes to may hang, with the very disk that the event
// is about.
func (m *Mirror) relay(e Event) {
	m.c.Log.Warn("mirror event", "kind", e.Kind, "volume", e.Volume, "dir", e.Dir, "detail", e.Detail)
	m.c.Event(e)
}
