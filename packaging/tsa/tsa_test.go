package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func newResponder(t *testing.T, dir string) *httptest.Server {
	t.Helper()
	a, err := openAuthority(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(&responder{authority: a})
	t.Cleanup(server.Close)
	return server
}

func post(t *testing.T, url, kind string, body io.Reader) (int, []byte) {
	t.Helper()
	response, err := http.Post(url, kind, body)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, b
}

func query(t *testing.T, data string) []byte {
	t.Helper()
	c := exec.Command("openssl", "ts", "-query", "-data", data, "-sha256", "-cert")
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// openssl verifies what it is sent, with the published root; each answer has a
// serial number of its own although all are asked for at once; a second start
// goes on with the same authority.
func TestAnswers(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.WriteFile(data, []byte("a document"), 0o600); err != nil {
		t.Fatal(err)
	}
	serials := make(map[string]bool)
	for range 2 {
		server := newResponder(t, dir)
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range 4 {
			q := query(t, data)
			wg.Go(func() {
				status, reply := post(t, server.URL, "application/timestamp-query", bytes.NewReader(q))
				file := filepath.Join(dir, fmt.Sprint("reply", i))
				if err := os.WriteFile(file, reply, 0o600); err != nil || status != http.StatusOK {
					t.Errorf("status %d, %v", status, err)
					return
				}
				out, err := exec.Command("openssl", "ts", "-verify", "-data", data, "-in", file, "-CAfile", filepath.Join(dir, "tsa.pem")).CombinedOutput()
				if err != nil {
					t.Errorf("openssl: %v\n%s", err, out)
				}
				text, err := exec.Command("openssl", "ts", "-reply", "-in", file, "-text").Output()
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				for line := range strings.Lines(string(text)) {
					if strings.HasPrefix(line, "Serial number:") {
						serials[line] = true
					}
				}
			})
		}
		wg.Wait()
		server.Close()
	}
	if len(serials) != 8 {
		t.Errorf("serial numbers of 8 answers: %v", serials)
	}
	if _, err := os.Stat(filepath.Join(dir, "authority", "root.key")); !os.IsNotExist(err) {
		t.Errorf("the root's key is still there: %v", err)
	}
}

func TestRefuses(t *testing.T) {
	server := newResponder(t, t.TempDir())
	for name, c := range map[string]struct {
		kind string
		body io.Reader
		want int
	}{
		"type":      {"text/plain", strings.NewReader("x"), http.StatusUnsupportedMediaType},
		"too large": {"application/timestamp-query", bytes.NewReader(make([]byte, maxQuery+1)), http.StatusRequestEntityTooLarge},
		"no query":  {"application/timestamp-query", strings.NewReader("x"), http.StatusOK}, // with a status of its own
	} {
		status, body := post(t, server.URL, c.kind, c.body)
		if status != c.want {
			t.Errorf("%s: status %d, want %d: %q", name, status, c.want, body)
		}
	}
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: status %d", response.StatusCode)
	}
}

// A first start that was cut off is begun again; a folder it may not write to
// is an error.
func TestFirstStart(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := openAuthority(ctx, dir); err == nil {
		t.Fatal("made without openssl?")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	newResponder(t, dir)
	if _, err := openAuthority(t.Context(), "/proc/nowhere"); err == nil {
		t.Error("no error for a folder that cannot be")
	}
}

// freeAddress has a port that is kept for the test: a socket stays bound to it and never listens, so that the
// kernel gives it to nobody who does not ask for it by its number.
func freeAddress(t *testing.T) string {
	t.Helper()
	s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(s) })
	at := syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := errors.Join(syscall.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1), syscall.Bind(s, &at)); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(s)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
}

// run listens, answers and ends with its context.
func TestRun(t *testing.T) {
	address := freeAddress(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, t.TempDir(), address) }()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		response, err := http.Get("http://" + address)
		if err == nil {
			response.Body.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := run(t.Context(), "", address); err == nil {
		t.Error("no folder, and no error")
	}
}
