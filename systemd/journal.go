package systemd

import (
	"context"
	"log/slog"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
)

// JournalHandler writes a log to the manager's journal by its native protocol, each attribute a field of its
// own (CASEMATE_CODE=forbidden), so that `journalctl CASEMATE_INCIDENT=…` finds what belongs together. The
// message holds them too, for whoever reads on. What the journal does not take goes to otherwise.
//
// It is nil where the standard error is not the journal's (JOURNAL_STREAM, systemd.exec(5)): a person at a
// terminal, a pipe, a container.
func JournalHandler(identifier string, level slog.Leveler, otherwise slog.Handler) slog.Handler {
	if is, err := journal.StderrIsJournalStream(); err != nil || !is {
		return nil
	}
	return &journalHandler{identifier: identifier, level: level, otherwise: otherwise, send: journal.Send}
}

type journalHandler struct {
	identifier string
	level      slog.Leveler
	otherwise  slog.Handler
	send       func(message string, priority journal.Priority, fields map[string]string) error
	group      string // of the keys that follow, with its dot
	with       []slog.Attr
}

// Enabled is slog.Handler's.
func (h *journalHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

// Handle is slog.Handler's.
func (h *journalHandler) Handle(ctx context.Context, r slog.Record) error {
	var text strings.Builder
	text.WriteString(r.Message)
	fields := map[string]string{"SYSLOG_IDENTIFIER": h.identifier}
	for _, a := range h.with {
		put(&text, fields, "", a)
	}
	r.Attrs(func(a slog.Attr) bool {
		put(&text, fields, h.group, a)
		return true
	})
	if err := h.send(text.String(), priority(r.Level), fields); err != nil {
		return h.otherwise.Handle(ctx, r)
	}
	return nil
}

// WithAttrs is slog.Handler's.
func (h *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	more := *h
	more.otherwise = h.otherwise.WithAttrs(attrs)
	more.with = append([]slog.Attr{}, h.with...)
	for _, a := range attrs {
		a.Key = h.group + a.Key
		more.with = append(more.with, a)
	}
	return &more
}

// WithGroup is slog.Handler's.
func (h *journalHandler) WithGroup(name string) slog.Handler {
	more := *h
	more.otherwise = h.otherwise.WithGroup(name)
	if name != "" {
		more.group += name + "."
	}
	return &more
}

// put adds an attribute to the message and to the fields; a group its members.
func put(text *strings.Builder, fields map[string]string, prefix string, a slog.Attr) {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range value.Group() {
			put(text, fields, prefix, member)
		}
		return
	}
	if a.Equal(slog.Attr{}) {
		return
	}
	said := value.String()
	fields[fieldName(prefix+a.Key)] = said
	text.WriteString(" " + prefix + a.Key + "=")
	if strings.ContainsAny(said, " \"=\n") || said == "" {
		text.WriteString(quote(said))
	} else {
		text.WriteString(said)
	}
}

func quote(s string) string { return `"` + strings.NewReplacer(`"`, `\"`, "\n", `\n`).Replace(s) + `"` }

// fieldName is a name the journal takes: capital letters, digits and underscores, at most 64 bytes, and
// never one of the journal's own.
func fieldName(key string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
	name = "CASEMATE_" + name
	return name[:min(len(name), 64)]
}

// priority is syslog's, which the journal filters and colours by.
func priority(level slog.Level) journal.Priority {
	switch {
	case level >= slog.LevelError:
		return journal.PriErr
	case level >= slog.LevelWarn:
		return journal.PriWarning
	case level >= slog.LevelInfo:
		return journal.PriInfo
	}
	return journal.PriDebug
}
