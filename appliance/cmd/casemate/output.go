package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"casemate/appliance/words"
)

// result gives one result: as a JSON line, or as a person reads it.
func (a *app) result(value any, human func()) error {
	if a.json {
		return a.writeJSON(a.stdout, value)
	}
	human()
	return nil
}

func (a *app) writeJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// sticky remembers the first error of a writer, so that lines are written without
// ado and the run still fails when one was lost.
type sticky struct {
	io.Writer
	err error
}

func (s *sticky) Write(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.Writer.Write(b)
	s.err = err
	return n, err
}

// say writes a line of a result.
func (a *app) say(format string, args ...any) {
	_, _ = fmt.Fprintf(a.stdout, format, args...)
}

// field writes one labelled line of a result.
func (a *app) field(label, format string, args ...any) {
	pad := a.t.LabelWidth - len([]rune(label))
	a.say("  %s%s %s\n", label, strings.Repeat(" ", max(pad, 0)), clean(fmt.Sprintf(format, args...)))
}

// clean makes foreign text safe on a terminal: names come from depositors and may
// carry escape sequences, line breaks or characters that turn the line around. What
// is not printable is written as Go writes it.
func clean(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// instant writes a time as the journal does: UTC, milliseconds.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// size writes bytes exactly, and roundly where that helps.
func (a *app) size(n int64) string {
	exact := fmt.Sprintf(a.t.Bytes, n)
	if n < 1<<10 {
		return exact
	}
	return fmt.Sprintf("%s (%s)", words.Size(n, a.t.Units), exact)
}
