package volume

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
)

// logHook is Badger's logger. Badger answers nil to a commit whose fsync of the value log failed
// and only complains here, so complaints are counted around every commit.
type logHook struct {
	log    *slog.Logger
	writes atomic.Uint64                    // complaints that put what was written in doubt
	reads  atomic.Uint64                    // complaints about values that cannot be read
	last   atomic.Value                     // string
	check  atomic.Pointer[func(fid string)] // told of a value log about to be written again; nil nobody
}

// compactionFailed are in the formats of Badger's warnings of a merge of tables that failed, a sync of what
// it wrote among the reasons. Badger tries again, which is what must never be done after a failed sync.
var compactionFailed = []string{"LOG Compact FAILED", "While running compact def"}

// readComplaints begin the messages that concern a value read, not a write.
var readComplaints = []string{"Unable to read", "Invalid read", "Key: ", "While reading key"}

// Errorf counts a complaint. What is not known to be about a read counts against writes.
func (h *logHook) Errorf(format string, args ...any) {
	msg := clip(fmt.Sprintf(format, args...))
	for _, p := range readComplaints {
		if strings.HasPrefix(format, p) {
			h.reads.Add(1)
			h.log.Warn("badger cannot read a value")
			return
		}
	}
	h.complain(msg)
}

// complain counts a complaint that puts what was written in doubt.
func (h *logHook) complain(msg string) {
	h.last.Store(msg)
	h.writes.Add(1)
	h.log.Error("badger complains", "message", msg)
}

// Warningf logs; that of a failed compaction is a complaint.
func (h *logHook) Warningf(format string, args ...any) {
	for _, p := range compactionFailed {
		if strings.Contains(format, p) {
			h.complain(clip("tables were not merged: " + fmt.Sprint(failure(args)...)))
			return
		}
	}
	h.log.Warn("badger warns", "message", strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// failure gives the errors among the arguments of a message, all of them if there is none.
func failure(args []any) (errs []any) {
	for _, arg := range args {
		if _, ok := arg.(error); ok {
			errs = append(errs, arg)
		}
	}
	if errs == nil {
		return args
	}
	return errs
}

// clip bounds what is kept of a message: its beginning says what was done, its end why it failed.
func clip(msg string) string {
	if msg = strings.TrimSpace(msg); len(msg) > 300 {
		msg = msg[:100] + " ... " + msg[len(msg)-195:]
	}
	return strings.ToValidUTF8(msg, "")
}

// rewriting is the format with which Badger says that it is about to write a value log again. It holds no
// lock then, and has read nothing of it.
const rewriting = "Rewriting fid: %d"

// Infof is dropped, but for the word that a value log is about to be written again: see [giver.rewrite].
func (h *logHook) Infof(format string, args ...any) {
	check := h.check.Load()
	if check == nil || format != rewriting || len(args) != 1 {
		return
	}
	(*check)(fmt.Sprint(args[0]))
}

// Debugf is dropped.
func (h *logHook) Debugf(string, ...any) {}

func (h *logHook) lastComplaint() string {
	s, _ := h.last.Load().(string)
	return s
}
