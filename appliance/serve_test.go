package appliance_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"casemate/appliance/client"
)

func deposit(body []byte) client.Deposit {
	return client.Deposit{Vault: "archives", Files: []client.File{file("a file.bin", body)}}
}

// TestServedSafe uses the daemon over HTTPS as its users do.
func TestServedSafe(t *testing.T) {
	b := newBox(t)
	b.start()
	b.vault()
	c := b.client("depositor")
	body := []byte("what is to be kept")
	doc, err := c.Deposit(t.Context(), client.Deposit{Vault: "archives", Metadata: map[string]string{"title": "Acte n° 1"},
		Files: []client.File{file("acte n° 1.txt", body), file("annexe.txt", nil)}})
	if err != nil {
		t.Fatal(err)
	}
	if !doc.Demonstration {
		t.Error("a safe without a ceremony does not say so")
	}
	b.waitProved(c, doc)
	check, err := c.Check(t.Context(), doc.ID)
	if err != nil || !check.OK {
		t.Errorf("control: %+v, %v", check, err)
	}
	if check, err := b.client("auditor").Check(t.Context(), doc.ID); err != nil || !check.OK {
		t.Errorf("the auditor's control: %+v, %v", check, err)
	}
	for _, name := range []string{"admin", "auditor"} {
		var out bytes.Buffer
		if err := b.client(name).ReadFile(t.Context(), doc, 1, &out); !errors.Is(err, client.ErrForbidden) || out.Len() > 0 {
			t.Errorf("%s read %d bytes: %v", name, out.Len(), err)
		}
		if got, err := b.client(name).Stat(t.Context(), doc.ID); !errors.Is(err, client.ErrForbidden) || got.ID != "" {
			t.Errorf("%s was told %+v: %v", name, got, err)
		}
	}
	refused := 0
	for e, err := range b.client("auditor").Journal(t.Context(), client.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Result == "refused" {
			refused++
		}
	}
	if refused < 2 {
		t.Errorf("%d refusals in the journal, want those of admin and auditor", refused)
	}
	b.stop()
	if out, err := b.command("doctor").CombinedOutput(); err != nil {
		t.Errorf("doctor: %v\n%s", err, out)
	}
	b.fsck()
}

// TestRevokedInConfiguration takes effect on SIGHUP, in the middle of a connection.
func TestRevokedInConfiguration(t *testing.T) {
	b := newBox(t)
	b.start()
	c := b.client("reader")
	if _, err := c.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile(b.in("callers.toml"))
	b.must(err)
	serial, issuer := "", ""
	for section := range strings.SplitSeq(string(table), "[[caller]]") {
		if !strings.Contains(section, "name = 'reader'") {
			continue
		}
		for line := range strings.Lines(section) {
			key, value, _ := strings.Cut(line, " = ")
			switch strings.TrimSpace(key) {
			case "issuer":
				issuer = strings.TrimSpace(value)
			case "serial":
				serial = strings.TrimSpace(value)
			}
		}
	}
	b.must(os.WriteFile(b.in("callers.toml"), append(table, "\n[[revoked]]\nissuer = "+issuer+"\nserial = "+serial+"\n"...), 0o600))
	b.must(b.daemon.Process.Signal(hangup))
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, err = c.Status(t.Context()); err != nil {
			break
		}
	}
	if !errors.Is(err, client.ErrCertificate) {
		t.Errorf("a revoked certificate: %v", err)
	}
}

// TestLargeStream sends 5 GiB through the API in constant memory, and reads them back.
func TestLargeStream(t *testing.T) {
	const size = 5 << 30
	b := newBox(t)
	b.start()
	b.vault()
	c := b.client("depositor")
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	peak := watchMemory(t, b.daemon.Process.Pid)
	doc, err := c.Deposit(ctx, client.Deposit{Vault: "archives", Files: []client.File{{Name: "film.mkv",
		Open: func() (io.ReadCloser, error) { return io.NopCloser(&stream{left: size}), nil }}}})
	if err != nil {
		t.Fatal(err)
	}
	if doc.Size != size {
		t.Errorf("%d bytes kept", doc.Size)
	}
	if most := peak(); most > 700<<20 {
		t.Errorf("%d MiB of anonymous memory, want less than 700", most>>20)
	} else {
		t.Logf("%d MiB of anonymous memory at most", most>>20)
	}
	back := sha256.New()
	if err := c.ReadFile(ctx, doc, 1, back); err != nil {
		t.Fatal(err)
	}
	want := sha256.New()
	if _, err := io.Copy(want, &stream{left: size}); err != nil || !bytes.Equal(back.Sum(nil), want.Sum(nil)) {
		t.Errorf("other bytes came back: %v", err)
	}
}

// stream is a body that differs on every page.
type stream struct {
	left int64
	at   int64
}

func (s *stream) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), s.left))
	clear(p[:n])
	for i := range n {
		if (s.at+int64(i))%4096 == 0 {
			p[i] = byte((s.at + int64(i)) >> 12)
		}
	}
	s.at += int64(n)
	s.left -= int64(n)
	return n, nil
}

// TestClientsBehaviours runs every script of the client's own tests against the real safe.
func TestClientsBehaviours(t *testing.T) {
	b := newBox(t)
	table, err := os.ReadFile(b.in("callers.toml"))
	b.must(err)
	all := strings.Replace(string(table), "roles = ['depositor', 'reader']", "roles = ['depositor', 'reader', 'auditor', 'administrator']", 1)
	if all == string(table) {
		t.Fatalf("the table of callers is not as expected:\n%s", table)
	}
	b.must(os.WriteFile(b.in("callers.toml"), []byte(all), 0o600))
	b.start()
	cmd := exec.Command("go", "test", "-count=1", "-run", "^TestScripts$", "casemate/appliance/cmd/casemate")
	cmd.Env = append(os.Environ(), "CASEMATE_TEST_ENV=1", fmt.Sprintf("CASEMATE_URL=https://127.0.0.1:%d", b.port),
		"CASEMATE_CA="+b.in("access.pem"), "CASEMATE_CERT="+b.in("clients/depositor.crt"), "CASEMATE_KEY="+b.in("clients/depositor.key"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
