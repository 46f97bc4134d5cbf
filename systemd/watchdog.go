package systemd

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Watchdog tells the manager that the process is alive, three times in the
// interval it set (WatchdogSec), for as long as alive returns nil; it returns
// nil when ctx ends, and at once where no watchdog is set.
//
// While alive fails nothing is sent but a status with the reason: an alive
// that recovers in time goes on as before, one that does not lets the manager
// kill and restart the service. Alive must look at what matters (locks,
// queues, the journal's writer), never at what may rightly be away for hours
// (the token, a timestamp authority). An alive that hangs is a failed one,
// since nothing is sent while it runs.
func Watchdog(ctx context.Context, alive func() error) error {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return fmt.Errorf("reading the watchdog's interval: %w", err)
	}
	if interval == 0 {
		return nil
	}
	tick := time.NewTicker(max(interval/3, time.Millisecond))
	defer tick.Stop()
	for {
		if err := beat(alive()); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// beat sends one sign of life, or the reason why there is none.
func beat(dead error) error {
	if dead != nil {
		return Status("not answering the watchdog: " + dead.Error())
	}
	return notify(daemon.SdNotifyWatchdog, "")
}
