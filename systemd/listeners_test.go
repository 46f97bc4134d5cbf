package systemd

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// handOver starts this test's child with descriptors, as the manager does.
func handOver(t *testing.T, names string, files ...*os.File) (*exec.Cmd, io.Reader) {
	t.Helper()
	// The variable must name the child's own pid, which only a shell that
	// becomes the child can know.
	c := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" -test.run='^TestListenersChild$'`, os.Args[0])
	c.Env = append(os.Environ(), "CASEMATE_CHILD=1", fmt.Sprintf("LISTEN_FDS=%d", len(files)), "LISTEN_FDNAMES="+names)
	c.ExtraFiles = files
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, out
}

// A TCP and a unix socket go over to another process, which answers on them;
// what waits in the queue is served too.
func TestListeners(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	unix, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	conn, err := net.Dial("tcp", tcp.Addr().String()) // waits for the child
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tcpFile, err := tcp.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	unixFile, err := unix.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	c, out := handOver(t, "https:local", tcpFile, unixFile)
	for _, address := range []net.Addr{nil, unix.Addr()} {
		if address != nil {
			if conn, err = net.Dial("unix", address.String()); err != nil {
				t.Fatal(err)
			}
		}
		b, err := io.ReadAll(conn)
		if err != nil || string(b) != "hello" {
			t.Errorf("answer %q, error %v", b, err)
		}
	}
	said, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}

// A descriptor that is no listener is refused, and so is the rest.
func TestListenersRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	good, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	bad, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	c, out := handOver(t, "https:local", good, bad)
	said, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil || !strings.Contains(string(said), ErrNotAListener.Error()) {
		t.Errorf("error %v, said\n%s", err, said)
	}
}

// TestListenersChild is the process that is handed sockets. By itself it is a
// process that was handed none.
func TestListenersChild(t *testing.T) {
	listeners, err := Listeners()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("CASEMATE_CHILD") == "" {
		if len(listeners) != 0 {
			t.Errorf("listeners from nowhere: %v", listeners)
		}
		return
	}
	if again, err := Listeners(); err != nil || len(again) != 0 || os.Getenv("LISTEN_FDS") != "" {
		t.Errorf("handed out twice: %v, %v", again, err)
	}
	for _, name := range []string{HTTPS, "local"} {
		if len(listeners[name]) != 1 {
			t.Fatalf("listeners %v", listeners)
		}
		conn, err := listeners[name][0].Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("hello")); err != nil {
			t.Error(err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}
