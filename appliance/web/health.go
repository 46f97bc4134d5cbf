package web

import (
	"encoding/json"
	"net/http"
	"time"

	"casemate/appliance/wire"
)

// Health is what a monitor is told, without a certificate: whether the safe works, and whether a deposit
// would be taken now. It names nothing that is in the safe.
type Health struct {
	// Alive is the judgement that feeds the watchdog too: nil when the safe truly works.
	Alive func() error
	// Ready is what stands against a deposit now; nothing when one would be taken.
	Ready func() []wire.Reason
	// Concerns is what wants a person all the same.
	Concerns func() []wire.Reason

	busy     chan struct{} // one judgement at a time
	patience time.Duration
	terse    bool
}

// patience is how long a judgement may take before it counts as a safe that hangs.
const patience = 5 * time.Second

// NewHealth makes the judge out of its questions.
func NewHealth(alive func() error, ready, concerns func() []wire.Reason) *Health {
	return &Health{Alive: alive, Ready: ready, Concerns: concerns, busy: make(chan struct{}, 1), patience: patience}
}

// Terse is the same judge for whoever may reach a listener: it gives the codes of reasons and not their
// texts, which may name folders of the machine.
func (h *Health) Terse() *Health {
	terse := *h // one channel: still one judgement at a time
	terse.terse = true
	return &terse
}

// Healthy answers GET /healthz: 200 while the safe works, 503 with the reason when it does not or when it
// does not say so in time. Of a safe that hangs one question is left waiting, never more.
func (h *Health) Healthy(w http.ResponseWriter, _ *http.Request) {
	h.answer(w, func() wire.Health { return wire.Health{Reasons: h.alive()} })
}

// Readiness answers GET /readyz: 200 while a deposit would be taken, else 503 with every reason; either
// with what wants a person. A safe that is not healthy is not ready.
func (h *Health) Readiness(w http.ResponseWriter, _ *http.Request) {
	h.answer(w, func() wire.Health {
		return wire.Health{Reasons: append(h.alive(), h.Ready()...), Concerns: h.Concerns()}
	})
}

func (h *Health) alive() []wire.Reason {
	if err := h.Alive(); err != nil {
		return []wire.Reason{{Code: wire.ReasonFault, Message: err.Error()}}
	}
	return nil
}

func (h *Health) answer(w http.ResponseWriter, judge func() wire.Health) {
	reply := h.within(judge)
	reply.Reasons, reply.Concerns = h.told(reply.Reasons), h.told(reply.Concerns)
	status := http.StatusOK
	if reply.OK = len(reply.Reasons) == 0; !reply.OK {
		status = http.StatusServiceUnavailable
	}
	body, err := json.Marshal(reply)
	if err != nil { // strings and a truth value: cannot be
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", wire.JSON)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a monitor who left needs no answer
}

// told is what is told of reasons: never null, and codes alone where anybody may ask.
func (h *Health) told(reasons []wire.Reason) []wire.Reason {
	told := make([]wire.Reason, len(reasons))
	copy(told, reasons)
	for i := range told {
		if h.terse {
			told[i].Message = ""
		}
	}
	return told
}

// within has a judgement made, and gives up waiting for it: locks that do not move are what it looks for.
func (h *Health) within(judge func() wire.Health) wire.Health {
	hangs := wire.Health{Reasons: []wire.Reason{{Code: wire.ReasonHangs,
		Message: "the safe did not say how it is in " + h.patience.String()}}}
	late := time.NewTimer(h.patience)
	defer late.Stop()
	select {
	case h.busy <- struct{}{}:
	case <-late.C:
		return hangs
	}
	said := make(chan wire.Health, 1)
	go func() {
		defer func() { <-h.busy }()
		said <- judge()
	}()
	select {
	case reply := <-said:
		return reply
	case <-late.C:
		return hangs
	}
}
