package appliance_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"casemate/appliance/client"
	"casemate/appliance/wire"
	"casemate/store/verify"
)

// box is the real thing: the casemated binary set up and served as an operator would, with an
// openssl timestamp authority beside it.
type box struct {
	t      *testing.T
	dir    string
	port   int
	daemon *exec.Cmd
	words  *words
	trust  verify.Trust
}

var (
	building sync.Mutex
	built    = map[string]string{}
)

// program builds a command of the module, once a test run.
func program(t *testing.T, pkg string) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	if path := built[pkg]; path != "" {
		return path
	}
	path, err := filepath.Abs(filepath.Join("..", ".cache", "test", filepath.Base(pkg)))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
	built[pkg] = path
	return path
}

// words gathers what a process says.
type words struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func newBox(t *testing.T) *box {
	t.Helper()
	return newBoxOn(t, "volumes/a", "volumes/b")
}

// newBoxOn is a box with its volumes in folders of the test's choosing.
func newBoxOn(t *testing.T, volumes ...string) *box {
	t.Helper()
	dir, err := os.MkdirTemp("", "box-") // short: a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := &box{t: t, dir: dir, port: freePort(t), words: &words{}}
	tsa := b.authority()
	for _, d := range []string{"token", "secrets", "trust"} {
		b.must(os.Mkdir(b.in(d), 0o700))
	}
	root, err := os.ReadFile(b.in("tsa/tsa.pem"))
	b.must(err)
	for name, text := range map[string]string{
		"softhsm2.conf":  "directories.tokendir = " + b.in("token") + "\nobjectstore.backend = file\nlog.level = ERROR\n",
		"secrets/pin":    secret(),
		"secrets/so-pin": secret(),
		"trust/tsa.pem":  string(root),
		"casemate.toml":  fmt.Sprintf(boxConfig, b.port, `"`+strings.Join(volumes, `", "`)+`"`, tsa),
	} {
		b.must(os.WriteFile(b.in(name), []byte(text), 0o600))
	}
	if out, err := b.command("init", "--demonstration", "--out", dir).CombinedOutput(); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	if b.trust, err = verify.LoadTrust(b.in("trust")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.kill()
		if t.Failed() {
			t.Logf("the daemon said:\n%s", b.words)
		}
	})
	return b
}

const boxConfig = `origin = "casemate.example/box"
demonstration = true
callers = "callers.toml"
[http]
listen = "127.0.0.1:%d"
[hsm]
start = true
module = "/usr/lib/softhsm/libsofthsm2.so"
pin_file = "secrets/pin"
so_pin_file = "secrets/so-pin"
softhsm_conf = "softhsm2.conf"
[volumes]
dirs = [%s]
min_free = "64MiB"
[clock]
servers = ["127.0.0.1:9"]
policy = "flag"
[timestamp]
interval = "1s"
[[timestamp.authority]]
name = "openssl"
url = %q
roots = "trust/tsa.pem"
policies = ["1.2.3.4.1"]
`

func secret() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// freePort is a free port of loopback, kept for the test: a socket stays bound to it and never listens, so
// that the kernel gives it to nobody who does not ask for it by its number.
func freePort(t *testing.T) int {
	t.Helper()
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(s) })
	at := unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := errors.Join(unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1), unix.Bind(s, &at)); err != nil {
		t.Fatal(err)
	}
	bound, err := unix.Getsockname(s)
	if err != nil {
		t.Fatal(err)
	}
	return bound.(*unix.SockaddrInet4).Port
}

func (b *box) in(name string) string { return filepath.Join(b.dir, name) }

func (b *box) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) command(args ...string) *exec.Cmd {
	return exec.Command(program(b.t, "casemate/appliance/cmd/casemated"), append(args, "--config", b.in("casemate.toml"))...)
}

// authority starts packaging/tsa and gives its address.
func (b *box) authority() string {
	b.t.Helper()
	cmd := exec.Command(program(b.t, "casemate/packaging/tsa"), "--dir", b.in("tsa"), "--listen", "127.0.0.1:0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	b.must(err)
	b.must(cmd.Start())
	b.t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	b.must(err)
	return strings.TrimSpace(line[strings.Index(line, "http://"):])
}

// start serves and waits until the safe answers.
func (b *box) start() {
	b.t.Helper()
	b.daemon = b.command("serve")
	b.daemon.Stdout, b.daemon.Stderr = b.words, b.words
	b.daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	b.must(b.daemon.Start())
	c := b.client("auditor")
	for end := time.Now().Add(2 * time.Minute); ; {
		if _, err := c.Status(context.Background()); err == nil {
			return
		} else if time.Now().After(end) {
			b.t.Fatalf("the safe does not answer: %v\n%s", err, b.words)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// kill ends the daemon as a power cut of its process would: SIGKILL.
func (b *box) kill() {
	if b.daemon == nil {
		return
	}
	_ = b.daemon.Process.Kill()
	_ = b.daemon.Wait()
	b.daemon = nil
}

// stop ends it as an operator would and demands that it ends well.
func (b *box) stop() {
	b.t.Helper()
	b.must(b.daemon.Process.Signal(syscall.SIGTERM))
	if err := b.daemon.Wait(); err != nil {
		b.t.Fatalf("the daemon did not end well: %v\n%s", err, b.words)
	}
	b.daemon = nil
}

func (b *box) client(name string) *client.Client {
	b.t.Helper()
	roots, pair, err := client.LoadCredentials(b.in("access.pem"), b.in("clients/"+name+".crt"), b.in("clients/"+name+".key"))
	b.must(err)
	c, err := client.New(client.Config{URL: fmt.Sprintf("https://127.0.0.1:%d", b.port), Roots: roots, Certificate: pair})
	b.must(err)
	b.t.Cleanup(c.Close)
	return c
}

// vault makes the vault that the tests deposit in.
func (b *box) vault() {
	b.t.Helper()
	_, err := b.client("admin").CreateVault(b.t.Context(), "archives")
	b.must(err)
}

func file(name string, body []byte) client.File {
	return client.File{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }}
}

// waitProved waits for the round that covers a document.
func (b *box) waitProved(c *client.Client, doc wire.Document) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := c.WaitProved(ctx, doc.ID, 100*time.Millisecond); err != nil {
		status, _ := c.Status(b.t.Context())
		b.t.Fatalf("no round for document %s: %v; the safe says %+v", doc.ID, err, status.Proofs)
	}
}

// verify fetches a receipt and verifies it offline.
func (b *box) verify(ctx context.Context, c *client.Client, doc wire.Document, body []byte, proved bool) {
	b.t.Helper()
	var asice bytes.Buffer
	b.must(c.ReadReceipt(ctx, doc.ID, true, &asice))
	held := []verify.Document{{Name: "held", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }}}
	report, err := verify.Receipt(ctx, bytes.NewReader(asice.Bytes()), int64(asice.Len()), held, b.trust, time.Now())
	if err != nil {
		b.t.Fatalf("receipt of %s: %v\n%+v", doc.ID, err, report.Steps)
	}
	if proved && report.Provisional {
		b.t.Fatalf("receipt of %s is provisional", doc.ID)
	}
}

// fsck demands a clean bill; the daemon must be stopped.
func (b *box) fsck() {
	b.t.Helper()
	if out, err := b.command("fsck").CombinedOutput(); err != nil {
		b.t.Fatalf("fsck: %v\n%s", err, out)
	}
}
