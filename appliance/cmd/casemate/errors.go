package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"casemate/appliance/client"
	"casemate/appliance/wire"
)

// failure is an error of the command itself: its sentence, its remedy, its code.
type failure struct {
	exit    int
	message string
	hint    string
	cause   error
}

func (f *failure) Error() string { return f.message }
func (f *failure) Unwrap() error { return f.cause }

// usage is a mistake in the command line or the settings. hint is optional.
func (a *app) usage(hint, format string, args ...any) error {
	return &failure{exit: exitUsage, message: fmt.Sprintf(format, args...), hint: hint}
}

// doing says which of several things failed.
type doing struct {
	what string
	err  error
}

func (d *doing) Error() string { return d.what + ": " + d.err.Error() }
func (d *doing) Unwrap() error { return d.err }

// unusable is a failure after part of the bytes went to standard output.
type unusable struct{ err error }

func (u *unusable) Error() string { return u.err.Error() }
func (u *unusable) Unwrap() error { return u.err }

// hinted is a failure whose remedy the command knows better.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// kept is a failure after the safe kept a document: whatever else went wrong, it
// must not be deposited again.
type kept struct {
	doc    wire.Document
	asSent bool // the safe says it kept the very bytes that left
	err    error
	left   []string // files named behind it, not deposited
}

func (k *kept) Error() string { return "document " + k.doc.ID + " was deposited: " + k.err.Error() }
func (k *kept) Unwrap() error { return k.err }

// classes maps the client's errors to exit codes and words. The first that fits.
var classes = []struct {
	class error
	exit  int
	said  func(*catalogue) said
}{
	{client.ErrUnknownOutcome, exitUnknown, func(t *catalogue) said { return t.UnknownOutcome }},
	{client.ErrSettings, exitUsage, func(t *catalogue) said { return t.Settings }},
	{client.ErrUntrusted, exitRefused, func(t *catalogue) said { return t.Untrusted }},
	{client.ErrCertificate, exitRefused, func(t *catalogue) said { return t.Certificate }},
	{client.ErrForbidden, exitRefused, func(t *catalogue) said { return t.Forbidden }},
	{client.ErrRefused, exitRefused, func(t *catalogue) said { return t.Refused }},
	{client.ErrNotFound, exitNotFound, func(t *catalogue) said { return t.NotFound }},
	{client.ErrIntegrity, exitIntegrity, func(t *catalogue) said { return t.Integrity }},
	{client.ErrUnreachable, exitUnavailable, func(t *catalogue) said { return t.Unreachable }},
	{client.ErrUnavailable, exitUnavailable, func(t *catalogue) said { return t.Unavailable }},
	{client.ErrInternal, exitGeneral, func(t *catalogue) said { return t.Internal }},
	{client.ErrProtocol, exitGeneral, func(t *catalogue) said { return t.Protocol }},
}

// reported is an error as a person, or a program, is told.
type reported struct {
	Error    string `json:"error"`
	Hint     string `json:"hint,omitempty"`
	Code     string `json:"code"` // name of the exit code
	Exit     int    `json:"exit"`
	Problem  string `json:"problem,omitempty"` // the safe's own code of refusal
	Incident string `json:"incident,omitempty"`
	Document string `json:"document,omitempty"` // what the safe kept all the same
}

// explain finds the words and the exit code of an error.
func (a *app) explain(ctx context.Context, err error) reported {
	r := a.explainKind(ctx, err)
	var while *doing
	if errors.As(err, &while) && !strings.Contains(r.Error, while.what) {
		r.Error = while.what + ": " + r.Error
	}
	var better *hinted
	if errors.As(err, &better) {
		r.Hint = better.hint
	}
	var half *unusable
	if errors.As(err, &half) {
		r.Error += "; " + a.t.Unusable
	}
	var stands *kept
	if errors.As(err, &stands) {
		r.Document = stands.doc.ID
		r.Error = fmt.Sprintf(a.t.Kept, stands.doc.ID, stands.doc.VaultName) + ": " + r.Error
		r.Hint = fmt.Sprintf(a.t.KeptOtherHint, stands.doc.ID)
		if stands.asSent {
			r.Hint = fmt.Sprintf(a.t.KeptHint, stands.doc.ID)
		}
		if len(stands.left) > 0 {
			r.Error += "; " + fmt.Sprintf(a.t.KeptLeft, strings.Join(stands.left, ", "))
		}
	}
	r.Code = exitName(r.Exit)
	return r
}

func (a *app) explainKind(ctx context.Context, err error) reported {
	var own *failure
	var refusal *client.Refusal
	switch {
	case errors.As(err, &own):
		return reported{Error: own.message, Hint: own.hint, Exit: own.exit}
	case errors.As(err, &refusal):
		return a.explainRefusal(refusal)
	case errors.Is(err, client.ErrUnknownOutcome): // before the context: Ctrl-C may be its cause
	case ctx.Err() != nil && (errors.Is(err, context.Cause(ctx)) || errors.Is(err, context.Canceled)):
		return reported{Error: a.t.Interrupted, Exit: exitInterrupted}
	}
	for _, c := range classes {
		if errors.Is(err, c.class) {
			return reported{Error: c.said(a.t).With(err.Error()), Hint: c.said(a.t).Hint, Exit: c.exit}
		}
	}
	return reported{Error: err.Error(), Exit: exitGeneral}
}

// explainRefusal says a problem in the catalogue's words where it has some for the
// code, else in the safe's.
func (a *app) explainRefusal(refusal *client.Refusal) reported {
	p := refusal.Problem
	words := said{Message: strings.TrimSuffix(p.Title, "."), Hint: p.Remedy}
	if own, ok := a.t.Problems[p.Code]; ok {
		words = own
	}
	r := reported{Error: words.Message, Hint: words.Hint, Exit: exitGeneral, Problem: p.Code, Incident: p.Incident}
	if p.Detail != "" {
		r.Error += ": " + p.Detail
	}
	for _, c := range classes {
		if errors.Is(refusal, c.class) {
			r.Exit = c.exit
			if r.Hint == "" {
				r.Hint = c.said(a.t).Hint
			}
			break
		}
	}
	return r
}

// report tells an error on stderr and gives the exit code.
func (a *app) report(ctx context.Context, err error) int {
	r := a.explain(ctx, err)
	if a.json {
		_ = a.writeJSON(a.stderr, r) // nobody left to tell
		return r.Exit
	}
	a.tell("%s %s\n", a.t.ErrorLabel, clean(r.Error))
	if r.Hint != "" {
		a.tell("%s %s\n", a.t.HintLabel, clean(r.Hint))
	}
	if r.Incident != "" {
		a.tell("%s %s\n", a.t.IncidentLabel, clean(r.Incident))
	}
	return r.Exit
}

// warn tells something on stderr that does not stop the command.
func (a *app) warn(hint, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if a.json {
		_ = a.writeJSON(a.stderr, map[string]string{"warning": message, "hint": hint})
		return
	}
	a.tell("%s %s\n", a.t.WarningLabel, clean(message))
	if hint != "" {
		a.tell("%s %s\n", a.t.HintLabel, clean(hint))
	}
}

// tell writes to stderr; when even that fails there is nobody left to tell.
func (a *app) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(a.stderr, format, args...)
}
