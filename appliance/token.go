package appliance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"casemate/hsm"
	"casemate/hsm/module"
	"casemate/systemd"
)

// pinCredential is the name under which systemd hands the PIN over.
const pinCredential = "pin"

func (c Config) moduleToken() module.Token {
	return module.Token{Module: c.HSM.Module, Label: c.HSM.Token, Serial: c.HSM.Serial, SoftHSMConf: c.HSM.SoftHSMConf}
}

// ServeToken is `casemated hsm`: it holds the token and answers on its socket until ctx ends. An
// error for which [module.ErrRestart] holds wants the process started again.
func ServeToken(ctx context.Context, cfg Config, log *slog.Logger) error {
	return serveToken(ctx, cfg, log, false)
}

func serveToken(ctx context.Context, cfg Config, log *slog.Logger, settingUp bool) error {
	pin := cfg.HSM.PINFile
	if pin == "" {
		var err error
		if pin, err = systemd.CredentialPath(pinCredential); err != nil {
			return fmt.Errorf("%w: no hsm.pin_file, and %w", ErrConfig, err)
		}
	}
	var uids []uint32
	for _, uid := range cfg.HSM.AllowUIDs {
		uids = append(uids, uint32(uid)) //nolint:gosec // checked by the configuration
	}
	if err := os.MkdirAll(filepath.Dir(cfg.HSM.Socket), 0o750); err != nil {
		return err
	}
	l, err := systemd.ListenUnix(cfg.HSM.Socket, 0o660) // the group is the daemon's; the peer's uid is checked as well
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // its path goes with it
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go tellSystemd(ctx, cfg.HSM.Socket, log)
	return module.Serve(ctx, module.Config{
		Token: cfg.moduleToken(), PINFile: pin, StateDir: cfg.HSM.State, Timeout: cfg.HSM.Timeout, Log: log,
		AllowUIDs: uids, Decided: cfg.decided, SettingUp: settingUp,
	}, l)
}

// tellSystemd says READY once the token answers, and feeds the watchdog while the process does. A
// process that stands still for a reason (a refused PIN, a key that is not ours) is alive: killing
// it would mend nothing.
func tellSystemd(ctx context.Context, socket string, log *slog.Logger) {
	client := hsm.NewClient(socket)
	defer client.Close()
	if _, err := waitForToken(ctx, client); err != nil {
		_ = systemd.Status(err.Error())
	} else if err := systemd.Ready("the token is open"); err != nil {
		log.Warn("telling systemd", "error", err)
	}
	err := systemd.Watchdog(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, pingPatience)
		defer cancel()
		if err := client.Ping(ctx); errors.Is(err, hsm.ErrUnavailable) {
			return err
		}
		return nil
	})
	if err != nil {
		log.Warn("feeding the watchdog", "error", err)
	}
}

const pingPatience = 5 * time.Second

// setUpToken makes the token, its keys and the public material in the token process's state.
func setUpToken(ctx context.Context, cfg Config) error {
	names, ips := servedNames(cfg.HTTP.Listen)
	for _, ip := range ips {
		names = append(names, ip.String())
	}
	if cfg.HSM.PINFile == "" || cfg.HSM.SOPINFile == "" {
		return fmt.Errorf("%w: hsm.pin_file and hsm.so_pin_file: both are needed to set a token up", ErrConfig)
	}
	_, err := module.Setup(ctx, module.SetupConfig{
		Token: cfg.moduleToken(), Origin: cfg.Origin, Demonstration: cfg.Demonstration,
		PINFile: cfg.HSM.PINFile, SOPINFile: cfg.HSM.SOPINFile, StateDir: cfg.HSM.State, TLSNames: names,
	})
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %w", ErrInitialised, err)
	}
	return err
}

func fingerprintOf(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}
