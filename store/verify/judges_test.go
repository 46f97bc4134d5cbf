package verify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Exit codes of verify.sh.
const (
	scriptOK          = 0
	scriptCannot      = 2
	scriptRefused     = 5
	scriptProvisional = 9
)

// script runs packaging/verify.sh under dash.
func script(t testing.TB, receipt []byte, trust string, documents ...[]byte) (int, string) {
	t.Helper()
	dir := t.TempDir()
	path := writeFile(t, filepath.Join(dir, "a receipt[1].asice"), receipt)
	args := []string{filepath.Join("..", "..", "packaging", "verify.sh"), path, trust}
	for i, body := range documents {
		args = append(args, writeFile(t, filepath.Join(dir, "a document "+string(rune('a'+i))), body))
	}
	cmd := exec.Command("dash", args...)
	cmd.Env = append(cmd.Environ(), "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// judge runs this package.
func judge(t testing.TB, receipt []byte, trustDir string, at time.Time, documents ...[]byte) (Report, error) {
	t.Helper()
	trust, err := LoadTrust(trustDir)
	if err != nil {
		t.Fatal(err)
	}
	var docs []Document
	for i, body := range documents {
		docs = append(docs, Document{Name: string(rune('a' + i)), Open: func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(body)), nil
		}})
	}
	return Receipt(context.Background(), bytes.NewReader(receipt), int64(len(receipt)), docs, trust, at)
}

// bothAccept wants both judges to say yes.
func bothAccept(t *testing.T, receipt []byte, trust string, documents ...[]byte) Report {
	t.Helper()
	report, err := judge(t, receipt, trust, time.Now(), documents...)
	if err != nil || !report.OK || report.Provisional || report.ProvedAt.IsZero() {
		t.Errorf("refused: %v\n%+v", err, report.Steps)
	}
	if code, out := script(t, receipt, trust, documents...); code != scriptOK || !strings.Contains(out, "VERIFIED") {
		t.Errorf("verify.sh: exit %d\n%s", code, out)
	}
	return report
}

// bothRefuse wants both judges to say no, the first for the reason given.
func bothRefuse(t *testing.T, want error, receipt []byte, trust string, documents ...[]byte) {
	t.Helper()
	report, err := judge(t, receipt, trust, time.Now(), documents...)
	if !errors.Is(err, want) || report.OK || !report.ProvedAt.IsZero() {
		t.Errorf("want %q: %v\n%+v", want, err, report.Steps)
	}
	code, out := script(t, receipt, trust, documents...)
	if code != scriptRefused || !strings.Contains(out, "FAIL") || strings.Contains(out, "VERIFIED:") && !strings.Contains(out, "NOT VERIFIED") {
		t.Errorf("verify.sh: exit %d\n%s", code, out)
	}
	t.Logf("%v\n%s", err, out)
}
