// Package appliance puts the safe together: it is the one package that knows everyone.
//
// Open starts from the configuration and ends with a safe that answers; Run serves until its
// context ends or the safe breaks; both leave nothing running behind them.
package appliance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"casemate/appliance/storage"
	"casemate/hsm"
	"casemate/packaging"
	"casemate/raid"
	"casemate/store"
	"casemate/store/timestamp"
	"casemate/systemd"
)

// Appliance is an open safe with everything around it, not yet serving.
type Appliance struct {
	config     Config
	log        *slog.Logger
	token      *hsm.Client
	tokenChild *tokenProcess
	mirror     *raid.Mirror
	guard      *timestamp.Guard
	safe       *store.Safe
	storage    *storage.Storage
	events     *eventRelay
	info       hsm.Info
	probe      atomic.Pointer[tokenProbe]
	stopping   atomic.Bool

	stopGuard context.CancelFunc
	guardDone chan struct{}
	stopChild context.CancelFunc
}

// tokenPatience is how long Open waits for a token process that is just starting.
const tokenPatience = 30 * time.Second

// Open takes up the safe that the configuration describes, in this order: the token process
// answers; it unwraps the volumes' key; the mirror opens and heals itself; the clock is compared a
// first time; the store recovers. configFile is what children are started with.
func Open(ctx context.Context, cfg Config, configFile string, log *slog.Logger) (*Appliance, error) {
	a := &Appliance{config: cfg, log: log, events: &eventRelay{}}
	if err := a.open(ctx, configFile); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func (a *Appliance) open(ctx context.Context, configFile string) error {
	if err := os.MkdirAll(filepath.Join(a.config.State, "mirror"), 0o700); err != nil {
		return err
	}
	if err := a.openToken(ctx, configFile); err != nil {
		return err
	}
	if err := a.openMirror(ctx); err != nil {
		return err
	}
	if err := a.openClock(ctx); err != nil {
		return err
	}
	t, err := a.config.trust(a.info)
	if err != nil {
		return err
	}
	authorities, err := a.config.authorities()
	if err != nil {
		return err
	}
	a.safe, err = store.Open(ctx, store.Config{
		Origin: a.config.Origin, Demonstration: a.info.Demonstration,
		Mirror: a.mirror, Token: a.token, Clock: a.guard, Authorities: authorities,
		Interval: a.config.Timestamp.Interval, AlarmAfter: a.config.Timestamp.AlarmAfter,
		Trust: t.verify, TrustFiles: t.files, VerifyScript: packaging.VerifyScript, Log: a.log,
		ScrubEvery: a.config.Scrub.Every, ScrubRate: a.config.Scrub.Rate, Decision: a.config.decisionAbout,
	})
	if err != nil {
		return err
	}
	a.events.pass(a.safe.VolumeEvent)
	if err := a.noteRestored(ctx); err != nil {
		return fmt.Errorf("journaling that the safe was restored: %w", err)
	}
	a.storage = a.config.storage(a.mirror, a.safe)
	return nil
}

func (a *Appliance) openToken(ctx context.Context, configFile string) error {
	if a.config.HSM.Start {
		file, err := filepath.Abs(configFile)
		if err != nil {
			return err
		}
		child, stop := context.WithCancel(context.WithoutCancel(ctx))
		a.stopChild = stop
		a.tokenChild = startTokenProcess(child, file, a.log)
	}
	a.token = hsm.NewClient(a.config.HSM.Socket)
	// The token process gives a call up after its own timeout; a batch waits for several calls.
	a.token.Timeout = max(a.token.Timeout, a.config.HSM.Timeout+5*time.Second)
	info, err := waitForToken(ctx, a.token)
	if err != nil {
		return fmt.Errorf("token process at %s: %w", a.config.HSM.Socket, err)
	}
	if info.Origin != a.config.Origin {
		return fmt.Errorf("%w: the token was set up for the safe %q, the configuration says %q", ErrConfig, info.Origin, a.config.Origin)
	}
	if info.Demonstration != a.config.Demonstration {
		return fmt.Errorf("%w: demonstration is %v in the token and %v in the configuration", ErrConfig, info.Demonstration, a.config.Demonstration)
	}
	a.info = info
	return nil
}

// waitForToken asks until the token process answers or its patience ends. What it refuses for
// good (a wrong PIN, a key that is not ours) is told at once.
func waitForToken(ctx context.Context, token *hsm.Client) (hsm.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenPatience)
	defer cancel()
	var last error
	for {
		info, err := token.Info(ctx)
		switch {
		case err == nil:
			return info, nil
		case errors.Is(err, hsm.ErrUnavailable), errors.Is(err, hsm.ErrBusy):
			last = err
		case ctx.Err() == nil:
			return hsm.Info{}, err
		}
		select {
		case <-ctx.Done():
			return hsm.Info{}, errors.Join(ctx.Err(), last)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (a *Appliance) openMirror(ctx context.Context) error {
	key, err := a.config.volumesKey(ctx, a.token)
	if err != nil {
		return err
	}
	c := a.config.mirror(key, a.log)
	c.Event, c.Witness = a.events.tell, tokenWitness{a.token}
	a.mirror, err = raid.Open(ctx, c)
	return err
}

// openClock makes the guard and lets it compare once, so that the first deposit after a start is
// not sealed with a clock nobody looked at. An unreachable server is not an error here: the
// policy decides what is sealed meanwhile.
func (a *Appliance) openClock(ctx context.Context) error {
	c := a.config.Clock
	guard, err := timestamp.NewGuard(timestamp.GuardConfig{
		Servers: c.Servers, MinServers: c.MinServers, MaxDistance: c.MaxDistance, MaxOffset: c.MaxOffset,
		Interval: c.Interval, Policy: timestamp.Policy(c.Policy),
		MarkFile: filepath.Join(a.config.State, "clock.mark"),
		Kernel:   kernelClock, Boottime: systemd.Boottime, Log: a.log,
	})
	if err != nil {
		return err
	}
	a.guard = guard
	if err := guard.Sample(ctx); err != nil {
		a.log.Warn("the clock could not be compared yet", "error", err)
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.stopGuard, a.guardDone = stop, make(chan struct{})
	go func() {
		defer close(a.guardDone)
		guard.Run(run)
	}()
	return nil
}

func kernelClock() (timestamp.KernelClock, error) {
	k, err := systemd.KernelClock()
	return timestamp.KernelClock(k), err
}

// Close ends everything in the reverse order. It may be called on what Open left half open.
func (a *Appliance) Close() {
	if a.safe != nil {
		if err := a.safe.Close(); err != nil {
			a.log.Error("closing the safe", "error", err)
		}
	}
	if a.stopGuard != nil {
		a.stopGuard()
		<-a.guardDone
	}
	if a.mirror != nil {
		if err := a.mirror.Close(); err != nil {
			a.log.Error("closing the volumes", "error", err)
		}
	}
	if a.token != nil {
		a.token.Close()
	}
	if a.stopChild != nil {
		a.stopChild()
		a.tokenChild.wait()
	}
}
