package appliance

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"casemate/store/identity"
)

// BenchOptions are the choices of one run.
type BenchOptions struct {
	Dir     string // an empty folder on the disk to measure; a safe is made in it
	Module  string // PKCS#11 library; SoftHSM's when empty
	Stream  int64  // bytes of the memory case; 0 leaves it out
	Large   []int64
	Seconds int // of each case of small documents
	Log     *slog.Logger
	Line    func(BenchLine)
}

// BenchLine is one case beside the raw limit measured in the same run.
type BenchLine struct {
	Case   string  `json:"case"`
	Unit   string  `json:"unit"`
	Value  float64 `json:"value"`
	Limit  string  `json:"limit"` // what the raw limit is
	Raw    float64 `json:"raw"`
	Ratio  float64 `json:"ratio"`
	Low    float64 `json:"low,omitempty"`  // the least ratio of a single turn, where several were measured
	High   float64 `json:"high,omitempty"` // the greatest
	Turns  int     `json:"turns,omitempty"`
	Wanted string  `json:"wanted"`
}

// ErrNotEmpty refuses to measure in a folder that holds something.
var ErrNotEmpty = errors.New("the folder is not empty")

// Bench makes a safe in a folder and measures it. Nothing is asserted: it prints.
func Bench(ctx context.Context, opt BenchOptions) error {
	if list, err := os.ReadDir(opt.Dir); err != nil || len(list) > 0 {
		return errors.Join(fmt.Errorf("%s: %w", opt.Dir, ErrNotEmpty), err)
	}
	b := newBench(opt)
	if err := b.setUp(ctx, "volumes/a", "volumes/b"); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{b.small, b.large, b.reads, b.api, b.memory} {
		if err := b.open(ctx); err != nil {
			return err
		}
		err := step(ctx)
		b.appliance.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

const zeros64 = "0000000000000000000000000000000000000000000000000000000000000000"

type bench struct {
	BenchOptions
	file      string // configuration
	config    Config
	appliance *Appliance
	who       identity.Caller
	documents []benchDocument
}

func newBench(opt BenchOptions) *bench {
	return &bench{BenchOptions: opt, who: identity.Caller{Name: "bench", Issuer: zeros64, Serial: "1",
		Roles: []identity.Role{"depositor", "reader", "administrator"}, Vaults: []string{"*"}}}
}

// in is a path in the folder of the safe.
func (b *bench) in(name string) string { return filepath.Join(b.Dir, name) }

func (b *bench) line(l BenchLine) {
	if l.Raw > 0 && l.Turns == 0 {
		l.Ratio = l.Value / l.Raw
	}
	b.Line(l)
}

// setUp writes a configuration and sets a safe up by the same code as casemated init.
func (b *bench) setUp(ctx context.Context, volumes ...string) error {
	if b.Module == "" {
		b.Module = "/usr/lib/softhsm/libsofthsm2.so"
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	for _, dir := range []string{"token", "secrets"} {
		if err := os.Mkdir(b.in(dir), 0o700); err != nil {
			return err
		}
	}
	var pins [2][16]byte
	for i := range pins {
		_, _ = rand.Read(pins[i][:]) // never fails since Go 1.24
	}
	authority, err := startBenchAuthority(ctx)
	if err != nil {
		return err
	}
	text := fmt.Sprintf(benchConfig, port, b.Module, volumes[0], volumes[1], authority.port)
	for name, content := range map[string][]byte{
		"softhsm2.conf":  []byte("directories.tokendir = " + b.in("token") + "\nobjectstore.backend = file\nlog.level = ERROR\n"),
		"secrets/pin":    []byte(hex.EncodeToString(pins[0][:])),
		"secrets/so-pin": []byte(hex.EncodeToString(pins[1][:])),
		"tsa.pem":        authority.root,
		"casemate.toml":  []byte(text),
	} {
		if err := writeFile(b.in(name), content, 0o600); err != nil {
			return err
		}
	}
	b.file = b.in("casemate.toml")
	if b.config, err = LoadConfig(b.file); err != nil {
		return err
	}
	_, err = Init(ctx, b.config, InitOptions{ConfigFile: b.file, Demonstration: true, Out: b.Dir, Log: b.Log})
	return err
}

const benchConfig = `origin = "` + benchOrigin + `"
demonstration = true
callers = "callers.toml"
[http]
listen = "127.0.0.1:%d"
[hsm]
start = true
module = %q
pin_file = "secrets/pin"
so_pin_file = "secrets/so-pin"
softhsm_conf = "softhsm2.conf"
[volumes]
dirs = [%q, %q]
[scrub]
rate = "1TiB"
[clock]
servers = ["127.0.0.1:9"]
policy = "flag"
[timestamp]
interval = "24h"
alarm_after = "48h"
[[timestamp.authority]]
name = "bench"
url = "http://127.0.0.1:%d/"
roots = "tsa.pem"
policies = ["1.2.3"]
`

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close() //nolint:forcetypeassert // a TCP listener
}

// open takes the safe up anew, so that no case runs on the memory of the one before.
func (b *bench) open(ctx context.Context) error {
	a, err := Open(ctx, b.config, b.file, b.Log)
	if err != nil {
		return err
	}
	b.appliance = a
	if vaults, err := a.safe.Vaults(ctx, b.who); err != nil || len(vaults) > 0 {
		return err
	}
	_, err = a.safe.CreateVault(ctx, b.who, "bench")
	return err
}
