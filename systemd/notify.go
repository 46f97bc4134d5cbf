package systemd

import (
	"fmt"
	"strings"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Ready tells the manager that the service has started: units ordered after
// it may start now. The status is one line for a person who runs
// `systemctl status`. Source: sd_notify(3), READY and STATUS.
func Ready(status string) error {
	return notify(daemon.SdNotifyReady, status)
}

// Status replaces the line shown by `systemctl status`.
func Status(status string) error {
	return notify("", status)
}

// Stopping tells the manager that an orderly end has begun, so that it does
// not take the end of the process for a failure.
func Stopping(status string) error {
	return notify(daemon.SdNotifyStopping, status)
}

// Reloading tells the manager that the configuration is being read again;
// Ready ends that state. The manager wants the monotonic time with it, to
// tell this message from an older one.
func Reloading(status string) error {
	return notify(daemon.SdNotifyReloading+"\n"+strings.TrimSpace(daemon.SdNotifyMonotonicUsec()), status)
}

// notify sends one datagram, so that the manager sees state and status
// together or not at all. Without NOTIFY_SOCKET it does nothing.
func notify(state, status string) error {
	lines := make([]string, 0, 2)
	if state != "" {
		lines = append(lines, state)
	}
	if status != "" {
		lines = append(lines, "STATUS="+oneLine(status))
	}
	if len(lines) == 0 {
		return nil
	}
	if _, err := daemon.SdNotify(false, strings.Join(lines, "\n")); err != nil {
		return fmt.Errorf("telling the service manager %q: %w", lines[0], err)
	}
	return nil
}

// oneLine keeps a status from becoming a command: the protocol is made of
// lines, and a line break inside a message would begin another assignment.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
