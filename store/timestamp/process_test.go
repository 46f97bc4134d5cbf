package timestamp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// top is the module's top folder.
const top = "../.."

// build compiles a package of the module in folder and returns the program.
// Go's own cache makes it cheap the second time.
func build(t *testing.T, folder, pkg string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(top, ".cache", "test", filepath.Base(pkg)))
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("go", "build", "-C", folder, "-o", path, pkg)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
	return path
}

// start runs a program until the test ends, when it is ended by its pid. Its
// words are shown if the test fails.
func start(t *testing.T, c *exec.Cmd) *exec.Cmd {
	t.Helper()
	words := new(lockedBuffer)
	c.Stderr = words
	if c.Stdout == nil {
		c.Stdout = words
	}
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop(t, c)
		if t.Failed() {
			t.Logf("%s said:\n%s", c.Path, words)
		}
	})
	return c
}

// stop ends a program; ending one twice does no harm.
func stop(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if c.ProcessState != nil {
		return
	}
	_ = c.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(5*time.Second, func() { _ = c.Process.Kill() })
	defer kill.Stop()
	_ = c.Wait()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
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

// await waits until ready, a minute at most.
func await(t *testing.T, what string, ready func() bool) {
	t.Helper()
	for range 1200 {
		if ready() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s did not get ready", what)
}

// startOpenSSL starts the demonstration authority: openssl's tokens.
func startOpenSSL(t *testing.T, dir string) (Authority, *exec.Cmd) {
	t.Helper()
	program := build(t, top, "./packaging/tsa")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "--dir", dir, "--listen", "127.0.0.1:0")
	c.Stdout = write
	start(t, c)
	write.Close()
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	return Authority{
		Name: "openssl", URL: strings.TrimSpace(strings.TrimPrefix(line, "listening on ")),
		Roots: rootsFrom(t, filepath.Join(dir, "tsa.pem")),
	}, c
}

func rootsFrom(t *testing.T, path string) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificate in %s", path)
	}
	return roots
}

// startSigstore starts sigstore's timestamp authority with a key in memory.
// It wants a newer Go, which the go command fetches as packaging/tools says.
func startSigstore(t *testing.T) Authority {
	t.Helper()
	t.Setenv("GOTOOLCHAIN", "auto")
	path := build(t, filepath.Join(top, "packaging", "tools"), "github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server")
	port := strconv.Itoa(freePort(t))
	start(t, exec.Command(path, "serve", "--host", "127.0.0.1", "--port", port,
		"--timestamp-signer", "memory", "--disable-ntp-monitoring", "--include-chain-in-response"))
	base := "http://127.0.0.1:" + port
	var chain []byte
	await(t, "timestamp-server", func() bool {
		response, err := http.Get(base + "/api/v1/timestamp/certchain")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		chain, err = io.ReadAll(response.Body)
		return err == nil && response.StatusCode == http.StatusOK
	})
	// Leaf first, root last: only the root is to be trusted.
	at := bytes.LastIndex(chain, []byte("-----BEGIN"))
	roots := x509.NewCertPool()
	if at <= 0 || !roots.AppendCertsFromPEM(chain[at:]) {
		t.Fatalf("no root in the chain:\n%s", chain)
	}
	return Authority{Name: "sigstore", URL: base + "/api/v1/timestamp", Roots: roots}
}

// startChrony starts a real chronyd which serves this machine's clock on an
// address of its own. With -x it leaves the system's clock alone.
func startChrony(t *testing.T, ip string, stratum int) (string, *exec.Cmd) {
	t.Helper()
	l, err := net.ListenPacket("udp", net.JoinHostPort(ip, "0")) // nobody else of this machine uses that address
	if err != nil {
		t.Fatal(err)
	}
	dir, port := t.TempDir(), l.LocalAddr().(*net.UDPAddr).Port
	l.Close()
	config := fmt.Sprintf("local stratum %d\nallow\nbindaddress %s\nport %d\ncmdport 0\nbindcmdaddress /\npidfile %s/pid\n",
		stratum, ip, port, dir)
	file := filepath.Join(dir, "chrony.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("chronyd")
	if err != nil {
		program = "/usr/sbin/chronyd"
	}
	c := start(t, exec.CommandContext(context.Background(), program, "-d", "-x", "-U", "-u", "root", "-f", file))
	server := net.JoinHostPort(ip, strconv.Itoa(port))
	await(t, "chronyd", func() bool { return answersNTP(server) })
	return server, c
}
