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
	writes atomic.Uint64 // complaints that put what was written in doubt
	reads  atomic.Uint64 // complaints about values that cannot be read
	last   atomic.Value  // string
}

// readComplaints begin the messages that concern a value read, not a write.
var readComplaints = []string{"Unable to read", "Invalid read", "Key: ", "While reading key"}

// Errorf counts a complaint. What is not known to be about a read counts against writes.
func (h *logHook) Errorf(format string, args ...any) {
	msg := strings.TrimSpace(fmt.Sprintf(format, args...))
	if len(msg) > 300 {
		msg = msg[:300]
	}
	for _, p := range readComplaints {
		if strings.HasPrefix(format, p) {
			h.reads.Add(1)
			h.log.Warn("badger cannot read a value")
			return
		}
	}
	h.last.Store(msg)
	h.writes.Add(1)
	h.log.Error("badger complains", "message", msg)
}

// Warningf logs; a failed compaction is tried again by Badger and comes as a warning.
func (h *logHook) Warningf(format string, args ...any) {
	h.log.Warn("badger warns", "message", strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// Infof is dropped.
func (h *logHook) Infof(string, ...any) {}

// Debugf is dropped.
func (h *logHook) Debugf(string, ...any) {}

func (h *logHook) lastComplaint() string {
	s, _ := h.last.Load().(string)
	return s
}
