package appliance_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"casemate/appliance/client"
	"casemate/appliance/wire"
)

// TestStopUnderLoad: eight deposit without end when the safe is told to stop. It ends well, and each document
// that was acknowledged is there, byte for byte.
func TestStopUnderLoad(t *testing.T) {
	const depositors, least = 8, 40
	b := newBox(t)
	b.start()
	b.vault()
	type kept struct {
		doc  wire.Document
		body []byte
	}
	var mu sync.Mutex
	var list []kept
	enough := make(chan struct{})
	var tell sync.Once
	var load sync.WaitGroup
	for range depositors {
		c := b.client("depositor")
		load.Go(func() {
			for {
				body := []byte(secret())
				doc, err := c.Deposit(t.Context(), deposit(body))
				if err != nil {
					return // it is stopping, or ends
				}
				mu.Lock()
				list = append(list, kept{doc, body})
				if len(list) >= least {
					tell.Do(func() { close(enough) })
				}
				mu.Unlock()
			}
		})
	}
	all := make(chan struct{})
	go func() { load.Wait(); close(all) }()
	select {
	case <-enough:
	case <-all:
		t.Fatal("nobody could deposit for long")
	}
	b.stop() // demands exit 0
	<-all
	b.start()
	c := b.client("reader")
	for _, k := range list {
		var out bytes.Buffer
		if err := c.ReadFile(t.Context(), k.doc, 1, &out); err != nil || !bytes.Equal(out.Bytes(), k.body) {
			t.Errorf("document %s, acknowledged before the stop: %d bytes, %v", k.doc.ID, out.Len(), err)
		}
	}
	b.stop()
	b.fsck()
}

// TestStopWhileStarting: told to stop before it is ready, the safe ends well, and starts the next time.
func TestStopWhileStarting(t *testing.T) {
	b := newBox(t)
	for _, begun := range []string{"token open", "READY"} { // in the middle of opening, and at its end
		b.words = &words{}
		b.daemon = b.command("serve")
		b.daemon.Stdout, b.daemon.Stderr = b.words, b.words
		b.must(b.daemon.Start())
		for end := time.Now().Add(2 * time.Minute); !strings.Contains(b.words.String(), begun); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("it never said %q:\n%s", begun, b.words)
			}
		}
		b.stop() // demands exit 0
	}
	b.start()
	b.stop()
	b.fsck()
}

// TestFullHouse holds as many connections as the configuration promises, and more: what the process has open
// stays bounded, whoever comes is served, and once they have left their files are closed.
func TestFullHouse(t *testing.T) {
	const places, hall, more = 1024, 32, 300 // web.DefaultLimits, and its hall
	const own = 64                           // connections to the token's process: it signs each handshake
	b := newBox(t)
	b.start()
	files := func() int {
		l, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.daemon.Process.Pid))
		b.must(err)
		return len(l)
	}
	roots, pair, err := client.LoadCredentials(b.in("access.pem"), b.in("clients/reader.crt"), b.in("clients/reader.key"))
	b.must(err)
	before := files()
	held := make([]*http.Transport, places+more)
	for i := range held {
		held[i] = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}}
	}
	defer func() {
		for _, h := range held {
			h.CloseIdleConnections()
		}
	}()
	var crowd errgroup.Group
	crowd.SetLimit(16)
	most := 0
	for i, h := range held {
		crowd.Go(func() error {
			r, err := (&http.Client{Transport: h, Timeout: 5 * time.Minute}).Get(fmt.Sprintf("https://127.0.0.1:%d%s/problems", b.port, wire.Prefix))
			if err != nil {
				return fmt.Errorf("connection %d: %w", i+1, err)
			}
			body, err := io.ReadAll(r.Body)
			if err = errors.Join(err, r.Body.Close()); err != nil || r.StatusCode != http.StatusOK {
				return fmt.Errorf("connection %d: status %d: %s, %v", i+1, r.StatusCode, body, err) //nolint:errorlint // only told
			}
			return nil
		})
		if i%100 == 0 || i >= places-1 {
			most = max(most, files())
		}
	}
	b.must(crowd.Wait())
	most = max(most, files())
	if most > before+places+hall+own {
		t.Errorf("%d files were open with %d connections, %d before", most, len(held), before)
	}
	if most < before+places/4 { // idle ones end after a minute and a half: a slow machine has not all of them at once
		t.Errorf("%d files were open with %d connections held, %d before: they are not", most, len(held), before)
	}
	if _, err := b.client("auditor").Status(t.Context()); err != nil {
		t.Errorf("whoever comes then: %v", err)
	}
	for _, h := range held {
		h.CloseIdleConnections()
	}
	for end := time.Now().Add(time.Minute); files() > before+own; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d files are open after all have left, %d before", files(), before)
		}
	}
}

// TestBenchService: it measures what it says, again in a folder that it has left, and nobody else's safe.
func TestBenchService(t *testing.T) {
	dir := t.TempDir() + "/safe"
	program := program(t, "casemate/appliance/cmd/casemated")
	run := func(args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, append([]string{"bench", "service", "--starts", "1", "--idle", "30", "--seconds", "1"}, args...)...)
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, args := range [][]string{{"--dir", dir, "--grow", "20"}, {"--dir", dir}} {
		out, err := run(args...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		for _, want := range []string{"start of the service, nothing cached", "processor time of that start", "start of the service, cached", "with 30 idle connections",
			"after they left", "stop while 8 deposit", "and there afterwards"} {
			if !strings.Contains(out, want) {
				t.Errorf("%v: no line has %q:\n%s", args, want, out)
			}
		}
	}
	b := newBox(t)
	if out, err := run("--dir", b.dir); err == nil || !strings.Contains(out, "not made by a benchmark") {
		t.Errorf("a safe of somebody's: %v\n%s", err, out)
	}
}
