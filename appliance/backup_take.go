package appliance

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"casemate/appliance/backup"
	"casemate/appliance/client"
	"casemate/appliance/web"
	"casemate/systemd"
)

// BackupOptions are the choices of one backup.
type BackupOptions struct {
	Dir        string
	Full       bool
	SameDisk   bool // wherever the folder lies
	ConfigFile string
	Source     []string // command that opens a safe that does not run, for as long as it is needed
	Progress   func(bytes, of int64)
}

// Backup takes a backup of the safe on this machine into a folder: of the running one through its control
// socket, else of one that Source opens. The files are written here, by whoever runs the command.
func Backup(ctx context.Context, cfg Config, log *slog.Logger, o BackupOptions) (done backup.Taken, err error) {
	if cfg.Backup.Recipients == "" {
		return done, fmt.Errorf("%w: backup.recipients is needed: the certificates that a backup is enciphered for", ErrConfig)
	}
	text, err := os.ReadFile(cfg.Backup.Recipients)
	if err != nil {
		return done, err
	}
	recipients, err := backup.Recipients(text)
	if err != nil {
		return done, err
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return done, err
	}
	if !o.SameDisk {
		if err := cfg.JudgeMedium(ctx, dir); err != nil {
			return done, err
		}
	}
	err = withSafe(ctx, cfg, log, o.Source, func(s *running) error {
		done, err = backup.Take(ctx, backup.Options{Dir: dir, Full: o.Full, Recipients: recipients, Version: Version().Version, Now: time.Now,
			Box: func(w *tar.Writer) error { return cfg.box(w, o.ConfigFile) }, Progress: o.Progress}, s)
		if gaveUp := (*backup.Failure)(nil); errors.As(err, &gaveUp) {
			err = localRefusal{Error: gaveUp.Said, Code: gaveUp.Code}.err()
		}
		return err
	})
	return done, err
}

// tokenFiles of the token process's state folder are public or of use to nobody without the token: no PIN, no
// memory of one, no token in software.
var tokenFiles = []string{"setup.json", "seal.pem", "access.pem", "journal.vkey", "sealing.pem", "tls.pem", "seal.crl", "checkpoint.json", "mirror.mark"}

// maxResumed bounds how often a journal was resumed: a box has room for no more.
const maxResumed = 1000

// box puts together what a box needs beside its volumes and its token.
func (c Config) box(w *tar.Writer, configFile string) error {
	files := [][2]string{{"config/casemate.toml", configFile}, {"config/callers.toml", c.CallersFile}, {"config/access.pem", c.HTTP.AccessRoots},
		{"config/recipients.pem", c.Backup.Recipients}, {"state/" + sealedKeyName, filepath.Join(c.State, sealedKeyName)}}
	for i, a := range c.Timestamp.Authorities {
		files = append(files, [2]string{fmt.Sprintf("config/authority-%d.pem", i+1), a.Roots})
	}
	for _, name := range tokenFiles {
		files = append(files, [2]string{"token/" + name, filepath.Join(c.HSM.State, name)})
	}
	resumed, err := filepath.Glob(filepath.Join(c.HSM.State, "resumed-*.json"))
	if err != nil {
		return err
	}
	if len(resumed) > maxResumed {
		return fmt.Errorf("%s has %d files of resumed journals", c.HSM.State, len(resumed))
	}
	for _, path := range resumed {
		files = append(files, [2]string{"token/" + filepath.Base(path), path})
	}
	for _, f := range files {
		if f[1] == "" {
			continue
		}
		put := backup.PutOwn // services write in their folders, and root reads there
		if strings.HasPrefix(f[0], "config/") {
			put = backup.Put
		}
		if err := put(w, f[0], f[1]); errors.Is(err, os.ErrPermission) && f[0][0] == 't' {
			continue // the token process's folder is closed to the safe's own user: root puts it in
		} else if err != nil {
			return err
		}
	}
	return nil
}

// withSafe does something with the safe on this machine: the running one, or one that source opens for
// as long.
func withSafe(ctx context.Context, cfg Config, log *slog.Logger, source []string, do func(*running) error) error {
	if isRunning(cfg) {
		s := newRunning(cfg.ControlSocket())
		defer s.close()
		return do(s)
	}
	if len(source) == 0 {
		return fmt.Errorf("%w: %s", client.ErrUnreachable, cfg.ControlSocket())
	}
	log.Info("the safe does not run: it is opened for this, and serves nobody meanwhile")
	cmd := exec.CommandContext(ctx, source[0], source[1:]...) // #nosec G204 -- this very program
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for !isRunning(cfg) {
		select {
		case err := <-ended:
			return errors.Join(errors.New("the safe does not open; see above"), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
	s := newRunning(cfg.ControlSocket())
	err := do(s)
	s.close()
	_ = cmd.Process.Signal(syscall.SIGTERM) // gone already, else
	return errors.Join(err, <-ended)
}

// isRunning says whether somebody answers at the control socket.
func isRunning(cfg Config) bool {
	c, err := net.DialTimeout("unix", cfg.ControlSocket(), time.Second)
	if err != nil {
		return false
	}
	_ = c.Close() // it was only to see
	return true
}

// ServeSource answers on the control socket alone, and only what backups and drills ask, until ctx ends.
// It closes the appliance.
func (a *Appliance) ServeSource(ctx context.Context) error {
	defer a.Close()
	c := a.config
	c.Scrub = DefaultConfig().Scrub // none runs, which no file can say
	directory, err := c.directory()
	if err != nil {
		return err
	}
	door := web.New(web.Config{Directory: directory, Journal: a.safe.Refused, Log: a.log})
	control, err := systemd.ListenUnix(a.config.ControlSocket(), 0o600)
	if err != nil {
		return fmt.Errorf("control.socket: %w", err)
	}
	defer func() { _ = os.Remove(a.config.ControlSocket()) }() // one that is left is no harm
	return door.ServeLocal(ctx, control, a.localBackups(ctx, door, nothingElse))
}
