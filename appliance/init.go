package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"casemate/hsm"
	"casemate/raid"
	"casemate/store/proof"
)

// InitOptions are the choices of one set-up.
type InitOptions struct {
	ConfigFile    string
	Demonstration bool                             // the operator knows that no ceremony is held
	Out           string                           // gets trust/, access.pem, clients/
	Say           func(step InitStep, args ...any) // told of each step; nil: nobody is
	Log           *slog.Logger
}

// InitStep names what Init is doing, for whoever has the words: each takes the values beside it.
type InitStep string

// The steps.
const (
	InitToken   InitStep = "token"   // label: keys and authorities are made
	InitVolumes InitStep = "volumes" // folders, separated by commas
	InitClient  InitStep = "client"  // name, roles: a certificate
	InitTable   InitStep = "table"   // file: the table of callers, which the configuration must name
)

// InitResult tells what was made.
type InitResult struct {
	Origin      string   `json:"origin"`
	SealRoot    string   `json:"sealRoot"` // SHA-256 of the certificate
	JournalVKey string   `json:"journalVKey"`
	Clients     []string `json:"clients"`
}

// ErrInitialised refuses to set up twice.
var ErrInitialised = errors.New("a safe was set up here already")

// Init sets up a safe for demonstration. It refuses to touch anything that exists; after a failure
// in the middle, the folders it made are to be removed by the person who made them.
func Init(ctx context.Context, cfg Config, opt InitOptions) (InitResult, error) {
	if !opt.Demonstration || !cfg.Demonstration {
		return InitResult{}, fmt.Errorf("%w: without a key ceremony a safe can be set up for demonstration only: "+
			"give --demonstration and write demonstration = true", ErrConfig)
	}
	if opt.Say == nil {
		opt.Say = func(InitStep, ...any) {}
	}
	if opt.Out == "" {
		return InitResult{}, fmt.Errorf("%w: --out names the folder for trust/ and clients/", ErrConfig)
	}
	if err := cfg.untouched(); err != nil {
		return InitResult{}, err
	}
	for _, dir := range []string{cfg.State, cfg.HSM.State, filepath.Dir(cfg.HSM.Socket), filepath.Join(cfg.State, "mirror"),
		opt.Out, filepath.Join(opt.Out, "trust"), filepath.Join(opt.Out, "clients")} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return InitResult{}, err
		}
	}
	opt.Say(InitToken, cfg.HSM.Token)
	if err := setUpToken(ctx, cfg); err != nil {
		return InitResult{}, err
	}
	run, stop := context.WithCancel(ctx)
	child := startTokenProcess(run, opt.ConfigFile, opt.Log)
	defer func() { stop(); child.wait() }()
	token := hsm.NewClient(cfg.HSM.Socket)
	defer token.Close()
	info, err := waitForToken(ctx, token)
	if err != nil {
		return InitResult{}, err
	}
	opt.Say(InitVolumes, strings.Join(cfg.Volumes.Dirs, ", "))
	if err := formatVolumes(ctx, cfg, token, opt.Log); err != nil {
		return InitResult{}, err
	}
	return writePublic(ctx, cfg, opt, token, info)
}

// untouched refuses to go on where a safe stands already.
func (c Config) untouched() error {
	for _, file := range c.sealedKeyFiles() {
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", file, ErrInitialised)
		}
	}
	return nil
}

// formatVolumes makes the volumes under a key born in the token.
func formatVolumes(ctx context.Context, cfg Config, token *hsm.Client, log *slog.Logger) error {
	k := sealedKey{ID: proof.NewVaultID(), Version: 1}
	key, record, err := token.NewKey(ctx, k.context())
	if err != nil {
		return fmt.Errorf("key of the volumes: %w", err)
	}
	k.Record = record
	for _, dir := range cfg.Volumes.Dirs {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if err := raid.Create(ctx, cfg.mirror(key, log)); err != nil {
		return err
	}
	return cfg.writeSealedKey(k)
}

// writePublic writes what is handed out: trust material, and the first callers with their table.
func writePublic(ctx context.Context, cfg Config, opt InitOptions, token *hsm.Client, info hsm.Info) (InitResult, error) {
	root := info.SealChain[len(info.SealChain)-1]
	var access bytes.Buffer
	for _, der := range info.AccessRoots {
		access.Write(pemOf(der))
	}
	trust := filepath.Join(opt.Out, "trust")
	for _, f := range []struct {
		name    string
		content []byte
	}{
		{filepath.Join(trust, "seal.pem"), pemOf(root)},
		{filepath.Join(trust, "journal.vkey"), []byte(info.JournalVKey + "\n")},
		{filepath.Join(opt.Out, "access.pem"), access.Bytes()},
		{cfg.HTTP.AccessRoots, access.Bytes()},
	} {
		if err := writeFile(f.name, f.content, 0o644); err != nil {
			return InitResult{}, err
		}
	}
	result := InitResult{Origin: info.Origin, SealRoot: fingerprintOf(root), JournalVKey: info.JournalVKey}
	var table callersFile
	for _, c := range demonstrationClients {
		opt.Say(InitClient, c.name, strings.Join(c.roles, ", "))
		caller, err := makeClient(ctx, token, filepath.Join(opt.Out, "clients"), c.name, c.roles)
		if err != nil {
			return InitResult{}, err
		}
		table.Callers = append(table.Callers, caller)
		result.Clients = append(result.Clients, c.name)
	}
	text, err := toml.Marshal(table)
	if err != nil {
		return InitResult{}, err
	}
	file := cfg.CallersFile
	if file == "" {
		file = filepath.Join(opt.Out, "callers.toml")
		opt.Say(InitTable, file)
	}
	head := "# Who may call, and what for. Written by casemated init; SIGHUP makes serve read it again.\n"
	return result, writeFile(file, append([]byte(head), text...), 0o640)
}

// servedNames are the names and addresses that the TLS certificate is for.
func servedNames(listen string) (names []string, ips []net.IP) {
	names = []string{"localhost"}
	if host, err := os.Hostname(); err == nil && host != "" {
		names = append(names, host)
	}
	ips = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	host, _, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && ip != nil && !ip.IsUnspecified() && !ip.IsLoopback() {
		ips = append(ips, ip)
	} else if err == nil && ip == nil && host != "" && host != "localhost" {
		names = append(names, host)
	}
	return names, ips
}
