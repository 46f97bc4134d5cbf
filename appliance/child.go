package appliance

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// tokenProcess keeps `casemated hsm` running as a child, where no systemd does it. A child that
// ends, for whatever reason, is started again: at once the first time, then more slowly. A PIN
// that the token refused is not tried again by a restart: the child remembers it on disk.
type tokenProcess struct {
	config string // path of the configuration file
	log    *slog.Logger
	done   chan struct{}
}

const (
	firstRestart = 200 * time.Millisecond
	lastRestart  = 5 * time.Second
	steadyAfter  = 30 * time.Second // a child that lived so long restarts at once
	stopGrace    = 5 * time.Second
)

func startTokenProcess(ctx context.Context, config string, log *slog.Logger) *tokenProcess {
	p := &tokenProcess{config: config, log: log, done: make(chan struct{})}
	go p.keep(ctx)
	return p
}

// wait returns when the child has ended for good, after ctx did.
func (p *tokenProcess) wait() { <-p.done }

func (p *tokenProcess) keep(ctx context.Context) {
	defer close(p.done)
	// The kernel kills the child when the thread that started it ends: serve killed with -9 leaves
	// no token process behind, and this goroutine must keep its thread.
	runtime.LockOSThread()
	pause := firstRestart
	for ctx.Err() == nil {
		began := time.Now() //nolint:forbidigo // measures how long the child lived, nothing attested
		err := p.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > steadyAfter {
			pause = firstRestart
		}
		p.log.Warn("the token process ended; it is started again", "error", err, "in", pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, lastRestart)
	}
}

func (p *tokenProcess) once(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "hsm", "--config", p.config) // #nosec G204 -- ourselves
	cmd.Stderr = os.Stderr
	// What the service manager hears is this process's to say: a token that is ready is not a safe that is.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "NOTIFY_SOCKET=") })
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	if err := cmd.Run(); err != nil {
		return err
	}
	return errors.New("it ended by itself")
}
