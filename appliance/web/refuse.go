package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode"

	"casemate/appliance/wire"
	"casemate/store/identity"
)

// maxDetail bounds what of an error's text travels.
const maxDetail = 400

// Refuse answers with the problem of err, and has it journaled and logged.
//
// Whether the text of err goes out depends on whose fault it is: with a status of the
// 4xx the caller reads it, since it is about what he sent; with 5xx it may speak of
// the inside, so it goes to the log alone, beside the incident that the caller gets.
//
// The journal gets the code, never the text: of every refusal, and of stored bytes that
// fail their check. Other failures are no refusals, and are the safe's to tell.
// journaled says that it has done so already (a deposit that began). Without an act
// (an unknown address) there is nothing to journal.
func (d *Door) Refuse(w http.ResponseWriter, r *http.Request, act, object string, err error, journaled bool) {
	e := lookup(err)
	p := e.problem(english)
	t := traceOf(r)
	t.code = e.code
	if e.status >= 500 {
		p.Incident = t.incident
		d.log.ErrorContext(r.Context(), "a request failed", "incident", t.incident, "act", act, "code", e.code, "error", err)
	} else {
		p.Detail = detail(err)
		t.err = err
	}
	switch {
	case t.stranger:
		d.strangers.add(t.who, e.code)
		w.Header().Set("Connection", "close")
	case act == "" || journaled || errors.Is(err, context.Canceled):
	case e.status < 500 || e.code == wire.CodeIntegrity:
		d.journal(r.Context(), t.who, act, object, e.code)
	}
	writeProblem(w, p)
}

// Abort tells log and journal that a reply was broken off in the middle, and breaks
// the connection: the peer must not take what it has for the whole. It does not
// return.
func (d *Door) Abort(r *http.Request, act, object string, err error) {
	e, t := lookup(err), traceOf(r)
	t.code = e.code
	d.log.ErrorContext(r.Context(), "a reply was broken off", "incident", t.incident, "act", act, "code", e.code, "error", err)
	if e.code == wire.CodeIntegrity {
		d.journal(r.Context(), t.who, act, object, e.code)
	}
	Cut()
}

func writeProblem(w http.ResponseWriter, p wire.Problem) {
	body, err := json.Marshal(p)
	if err != nil { // strings and an int: cannot be
		body = nil
	}
	w.Header().Set("Content-Type", wire.Prob)
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // a caller who left needs no answer
}

// detail is an error's text made fit to travel: one line, bounded.
func detail(err error) string {
	text := err.Error()
	if errors.Is(err, identity.ErrUnknownAuthority) {
		text = identity.ErrUnknownAuthority.Error() // the rest speaks of our pool of roots
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > maxDetail {
		text = string(runes[:maxDetail]) + "…"
	}
	return text
}
