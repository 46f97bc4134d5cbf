package appliance

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"casemate/appliance/api"
	"casemate/appliance/web"
	"casemate/raid"
	"casemate/systemd"
)

// ErrBroken says that the safe stopped because it no longer knew its own state. Starting it again
// lets Open find out.
var ErrBroken = errors.New("the safe stopped to find out what is true")

// Run serves until ctx ends (an orderly stop, nil) or the safe breaks. It closes the appliance.
func (a *Appliance) Run(ctx context.Context) error {
	defer a.Close()
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP) // before anybody can know that it serves: unheard, it would end the process
	defer signal.Stop(hangup)
	directory, err := a.config.directory()
	if err != nil {
		return err
	}
	watch, err := a.monitor()
	if err != nil {
		return err
	}
	door := web.New(web.Config{Directory: directory, Journal: a.safe.Refused, Log: a.log, Observe: watch.metrics.Observe})
	watch.door = door
	handler, err := api.New(a.safe, a.storage, door, Version().Version)
	if err != nil {
		return err
	}
	listeners, err := a.listeners()
	if err != nil {
		return err
	}
	certificate, err := a.certificate(ctx)
	if err != nil {
		return err
	}
	watched, err := a.config.monitorListener()
	if err != nil {
		return err
	}
	control, err := systemd.ListenUnix(a.config.ControlSocket(), 0o600)
	if err != nil {
		return fmt.Errorf("control.socket: %w", err)
	}
	defer func() { _ = os.Remove(a.config.ControlSocket()) }() // one that is left is no harm
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { door.Run(ctx); return nil })
	for _, l := range listeners {
		a.log.Info("serving", "address", l.Addr().String())
		group.Go(func() error { return door.Serve(ctx, l, certificate.get, handler) })
	}
	group.Go(func() error { return door.ServeLocal(ctx, control, a.localBackups(ctx, door, watch.local(handler))) })
	if watched != nil {
		a.log.Info("serving monitors", "address", watched.Addr().String())
		group.Go(func() error { return web.ServeMonitor(ctx, watched, watch.public(), a.log) })
	}
	group.Go(func() error { a.probeToken(ctx); return nil })
	group.Go(func() error { <-ctx.Done(); a.stopping.Store(true); return nil })
	group.Go(func() error { a.tellStatus(ctx); return nil })
	group.Go(func() error { return a.untilBroken(ctx) })
	group.Go(func() error { return systemd.Watchdog(ctx, a.alive) })
	group.Go(func() error { certificate.renew(ctx); return nil })
	group.Go(func() error { a.reloads(ctx, door, hangup); return nil })
	if err := systemd.Ready(a.statusLine()); err != nil {
		a.log.Warn("telling systemd", "error", err)
	}
	a.log.Info("READY", "origin", a.config.Origin, "demonstration", a.info.Demonstration)
	err = group.Wait()
	if err := systemd.Stopping("closing the safe"); err != nil {
		a.log.Warn("telling systemd", "error", err)
	}
	return err
}

func (a *Appliance) untilBroken(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-a.safe.Fatal():
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
}

// statusEvery is how often systemctl status is brought up to date.
const statusEvery = 5 * time.Second

// tellStatus keeps the line of systemctl status true.
func (a *Appliance) tellStatus(ctx context.Context) {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if line := a.statusLine(); line != told {
			_ = systemd.Status(line) // told again in a moment
			told = line
		}
	}
}

func (a *Appliance) statusLine() string {
	s := a.safe.Status(context.Background())
	line := fmt.Sprintf("volumes %s; %d journal entries, %d deposits waiting for a timestamp", volumesLine(s.Volumes), s.JournalSize, s.Pending)
	if s.Demonstration {
		line += " (demonstration: no key ceremony was held)"
	}
	return line
}

// volumesLine is the mirror in a few words: its state, and each volume that is not in sync.
func volumesLine(s raid.Status) string {
	line := string(s.State)
	for _, v := range s.Volumes {
		switch {
		case v.State == raid.InSync || v.State == raid.Spare:
		case v.Progress != nil && v.Progress.Total > 0:
			line += fmt.Sprintf(", %s %s %d %%", v.Dir, v.State, min(100, 100*v.Progress.Done/v.Progress.Total))
		default:
			line += fmt.Sprintf(", %s %s", v.Dir, v.State)
		}
	}
	return line
}

// listeners are the sockets that systemd opened, else the configured address.
func (a *Appliance) listeners() ([]net.Listener, error) {
	named, err := systemd.Listeners()
	if err != nil {
		return nil, err
	}
	var list []net.Listener
	for _, group := range named {
		list = append(list, group...)
	}
	if len(list) > 0 {
		return list, nil
	}
	l, err := net.Listen("tcp", a.config.HTTP.Listen)
	if err != nil {
		return nil, fmt.Errorf("http.listen: %w", err)
	}
	return []net.Listener{l}, nil
}

// reloads reads the table of callers again on SIGHUP. A table with a fault changes nothing.
func (a *Appliance) reloads(ctx context.Context, door *web.Door, hangup <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
		}
		_ = systemd.Reloading("reading the table of callers again")
		directory, err := a.config.directory()
		if err != nil {
			a.log.Error("the table of callers stays as it was", "error", err)
		} else {
			door.Use(directory)
			a.log.Info("the table of callers was read again")
		}
		_ = systemd.Ready(a.statusLine())
	}
}

// servedCertificate is the TLS certificate in use; its key stays in the token.
type servedCertificate struct {
	appliance *Appliance
	current   atomic.Pointer[tls.Certificate]
}

func (a *Appliance) certificate(ctx context.Context) (*servedCertificate, error) {
	c, err := a.token.TLSCertificate(ctx)
	if err != nil {
		return nil, fmt.Errorf("TLS certificate: %w", err)
	}
	s := &servedCertificate{appliance: a}
	s.current.Store(&c)
	return s, nil
}

func (s *servedCertificate) get() (*tls.Certificate, error) { return s.current.Load(), nil }

// renew asks the token process now and then for the certificate that stands.
func (s *servedCertificate) renew(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		c, err := s.appliance.token.TLSCertificate(ctx)
		if err != nil {
			s.appliance.log.Warn("the TLS certificate could not be read again", "error", err)
			continue
		}
		s.current.Store(&c)
	}
}
