package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"casemate/appliance/wire"
	"casemate/store/identity"
)

// trace is what is learned of a request on its way, for its line in the log.
type trace struct {
	incident string
	route    string // the pattern, never the path: a path names documents
	who      identity.Caller
	stranger bool // no valid certificate
	code     string
	err      error
	status   int
	bytes    int64
}

// Exchange is one request that was answered, for whoever counts. It names no document and nobody.
type Exchange struct {
	Method string
	Route  string // the pattern of the address; "" for an unknown one
	Status int
	Code   string // of the problem it was refused with; "" for none
	Cut    bool   // the reply was broken off
	Took   time.Duration
}

type traceKey struct{}

// traceOf never gives nil: outside the door's own chain it is a trace nobody reads.
func traceOf(r *http.Request) *trace {
	if t, ok := r.Context().Value(traceKey{}).(*trace); ok {
		return t
	}
	return &trace{incident: newIncident()}
}

// Route names the pattern of the address, for the log.
func Route(r *http.Request, pattern string) { traceOf(r).route = pattern }

func newIncident() string { return strings.ToLower(rand.Text()[:16]) }

// traced gives every request its incident, its line in the log, and an answer when
// the code below panics.
func (d *Door) traced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := &trace{incident: newIncident()}
		r = r.WithContext(context.WithValue(r.Context(), traceKey{}, t))
		begin := now()
		tw := &tracedWriter{ResponseWriter: w, t: t}
		defer func() {
			cut := d.recovered(tw, r, recover())
			took := time.Since(begin)
			d.observe(Exchange{Method: r.Method, Route: t.route, Status: t.status, Code: t.code, Cut: cut, Took: took})
			level := slog.LevelInfo
			if t.status >= 500 || cut {
				level = slog.LevelError
			}
			d.log.Log(r.Context(), level, "request", "incident", t.incident, "method", r.Method, "route", t.route,
				"status", t.status, "code", t.code, "bytes", t.bytes, "cut", cut, "took", took,
				"caller", t.who.Name, "serial", t.who.Serial, "from", source(r))
			if cut {
				Cut()
			}
		}()
		next.ServeHTTP(tw, r)
	})
}

// recovered makes a problem of a panic. It says whether the connection must be cut,
// because the reply had begun.
func (d *Door) recovered(w *tracedWriter, r *http.Request, p any) (cut bool) {
	if p == nil {
		return false
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return true
	}
	d.log.ErrorContext(r.Context(), "panic", "incident", w.t.incident, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if w.t.status != 0 {
		return true
	}
	w.t.code = wire.CodeInternal
	problem := internal.problem(english)
	problem.Incident = w.t.incident
	writeProblem(w, problem)
	return false
}

// tracedWriter counts what goes out.
type tracedWriter struct {
	http.ResponseWriter
	t *trace
}

func (w *tracedWriter) WriteHeader(status int) {
	if w.t.status == 0 {
		w.t.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *tracedWriter) Write(p []byte) (int, error) {
	if w.t.status == 0 {
		w.t.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.t.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *tracedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
