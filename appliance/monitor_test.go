package appliance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"casemate/appliance/client"
	"casemate/appliance/wire"
)

// monitored puts [metrics] into a box's configuration.
func (b *box) monitored() (base string) {
	b.t.Helper()
	port := freePort(b.t)
	text, err := os.ReadFile(b.in("casemate.toml"))
	b.must(err)
	b.must(os.WriteFile(b.in("casemate.toml"), fmt.Appendf(text, "\n[metrics]\nlisten = \"127.0.0.1:%d\"\n", port), 0o600))
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}

func (b *box) fetch(from *http.Client, address string) (int, string) {
	b.t.Helper()
	res, err := from.Get(address)
	b.must(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	b.must(err)
	return res.StatusCode, string(text)
}

// figure reads one sample of a scrape.
func figure(t *testing.T, text, name string) float64 {
	t.Helper()
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
	}
	t.Fatalf("no %s in\n%s", name, text)
	return 0
}

// until asks for readiness again and again.
func (b *box) until(base string, want func(int, wire.Health) bool) wire.Health {
	b.t.Helper()
	for end := time.Now().Add(60 * time.Second); ; {
		code, text := b.fetch(http.DefaultClient, base+wire.PathReady)
		var h wire.Health
		b.must(json.Unmarshal([]byte(text), &h))
		if want(code, h) {
			return h
		}
		if time.Now().After(end) {
			b.t.Fatalf("still %d %s\n%s", code, text, b.words)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// scraped is a scrape that has these lines, however long the safe takes to tell them.
func (b *box) scraped(base string, lines ...string) (text string) {
	b.t.Helper()
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		missing := ""
		_, text = b.fetch(http.DefaultClient, base+wire.PathMetrics)
		for _, line := range lines {
			if !strings.Contains(text, "\n"+line+"\n") {
				missing = line
			}
		}
		if missing == "" {
			return text
		}
		if time.Now().After(end) {
			b.t.Fatalf("no %q in\n%s\n%s", missing, text, b.words)
		}
	}
}

// tokenChild is the process that holds the token.
func (b *box) tokenChild() int {
	b.t.Helper()
	out, err := exec.Command("pgrep", "-P", strconv.Itoa(b.daemon.Process.Pid), "-f", "casemated hsm").Output()
	b.must(err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	b.must(err)
	return pid
}

// TestMonitor scrapes the real daemon while it works, while its token is stopped, and as a stranger.
func TestMonitor(t *testing.T) {
	b := newBox(t)
	base := b.monitored()
	b.start()
	b.vault()
	b.until(base, func(code int, h wire.Health) bool { return code == 200 && h.OK })
	_, before := b.fetch(http.DefaultClient, base+wire.PathMetrics)

	body := bytes.Repeat([]byte("x"), 4321)
	doc, err := b.client("depositor").Deposit(t.Context(), deposit(body))
	b.must(err)
	if _, err := b.client("auditor").Deposit(t.Context(), deposit(body)); !errors.Is(err, client.ErrForbidden) {
		t.Fatal(err)
	}
	b.waitProved(b.client("depositor"), doc)
	after := b.scraped(base, "casemate_token_up 1", "casemate_ready 1", `casemate_refusals_total{code="forbidden"} 1`)
	for name, want := range map[string]float64{
		"casemate_documents": 1, "casemate_documents_bytes": 4321, `casemate_deposits_total{result="done"}`: 1, "casemate_deposit_duration_seconds_count": 1,
		`casemate_deposits_total{result="refused"}`: 1,
	} {
		if got := figure(t, after, name) - figure(t, before, name); got != want {
			t.Errorf("%s grew by %v, want %v", name, got, want)
		}
	}
	if figure(t, after, `casemate_refusals_total{code="forbidden"}`) != 1 || figure(t, after, "casemate_rounds_total") < 1 ||
		figure(t, after, "casemate_journal_entries_total") <= figure(t, before, "casemate_journal_entries_total") ||
		figure(t, after, `casemate_mirror_state{state="healthy"}`) != 1 || figure(t, after, "casemate_token_up") != 1 ||
		figure(t, after, "casemate_http_connections") < 1 {
		t.Errorf("not what happened:\n%s", after)
	}
	for _, secret := range []string{doc.ID, "archives", "depositor", "a file.bin", b.dir} {
		if strings.Contains(after, secret) {
			t.Errorf("a scrape tells of %q", secret)
		}
	}
	promtool(t, after)
	if code, _ := b.fetch(http.DefaultClient, base+"/api/v1/status"); code != http.StatusNotFound {
		t.Errorf("the monitor's listener answers the API: %d", code)
	}
	b.tokenStopped(base)
	b.throughControlSocket()
	b.stop()
	if c, err := net.DialTimeout("tcp", strings.TrimPrefix(base, "http://"), time.Second); err == nil {
		c.Close()
		t.Error("the monitor's listener outlived the safe")
	}
}

// promtool is the word of Prometheus itself on a scrape.
func promtool(t *testing.T, text string) {
	t.Helper()
	cmd := exec.Command("promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// tokenStopped: a token that hangs makes the safe not ready, and leaves it healthy; both pass.
func (b *box) tokenStopped(base string) {
	b.t.Helper()
	pid := b.tokenChild()
	b.must(syscall.Kill(pid, syscall.SIGSTOP))
	b.until(base, func(code int, h wire.Health) bool {
		return code == 503 && len(h.Reasons) == 1 && h.Reasons[0] == wire.Reason{Code: wire.ReasonToken}
	})
	if code, text := b.fetch(http.DefaultClient, base+wire.PathHealth); code != 200 {
		b.t.Errorf("a safe that waits for its token is not healthy: %d %s", code, text)
	}
	b.scraped(base, "casemate_token_up 0", "casemate_ready 0")
	out, err := b.command("health", "--lang", "fr").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 5 || !strings.Contains(string(out), "le jeton ne répond pas") {
		b.t.Errorf("%v\n%s", err, out)
	}
	b.must(syscall.Kill(pid, syscall.SIGCONT))
	b.until(base, func(code int, _ wire.Health) bool { return code == 200 })
}

// throughControlSocket: the same for this machine's administrator, and for nobody else of it.
func (b *box) throughControlSocket() {
	b.t.Helper()
	if out, err := b.command("health").CombinedOutput(); err != nil || !strings.Contains(string(out), "takes deposits") {
		b.t.Errorf("%v\n%s", err, out)
	}
	if out, err := b.command("health", "--alive", "--json").Output(); err != nil || strings.TrimSpace(string(out)) != `{"ok":true,"reasons":[],"concerns":[]}` {
		b.t.Errorf("%v\n%s", err, out)
	}
	socket := b.in("state/control.sock")
	local := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	if code, text := b.fetch(local, "http://local"+wire.PathMetrics); code != 200 || !strings.Contains(text, "casemate_ready 1") {
		b.t.Errorf("%d %s", code, text)
	}
}
