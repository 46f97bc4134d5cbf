package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casemate/store/verify"
)

// receipts were made by a real safe; see the README beside them.
const receipts = "testdata/verify"

// soon is a while after they were made, and long before their authority expires.
var soon = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// runAt runs the command at a time, with no settings at all: verify needs no safe.
func runAt(t *testing.T, now time.Time, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &err, getenv: func(string) string { return "" }, now: func() time.Time { return now }}
	code = a.run(t.Context(), args)
	return code, out.String(), err.String()
}

func TestVerify(t *testing.T) {
	dir := t.TempDir()
	trust := filepath.Join(receipts, "trust")
	attached, detached, provisional := filepath.Join(receipts, "attached.asice"), filepath.Join(receipts, "detached.asice"), filepath.Join(receipts, "provisional.asice")
	letter, annex := filepath.Join(receipts, "letter.txt"), filepath.Join(receipts, "annex.txt")
	for _, c := range []struct {
		name   string
		args   []string
		now    time.Time
		code   int
		stdout string // a line of the verdict
	}{
		{"attached", []string{attached, "--trust", trust}, soon, exitOK, "attached.asice  holds\n"},
		{"attached, says before when", []string{attached, "--trust", trust}, soon, exitOK, "\n  sealed before 2026-11-22T18:13:00.291Z, by the word"},
		{"detached with its documents", []string{detached, "--trust", trust, "--document", annex, "--document", letter}, soon, exitOK, "ok  documents: 2 files"},
		{"provisional", []string{provisional, "--trust", trust}, soon, exitNotProved, "provisional: sealed"},
		{"detached without one document", []string{detached, "--trust", trust, "--document", annex}, soon, exitIntegrity, "BAD documents"},
		{"detached with another document", []string{detached, "--trust", trust, "--document", annex, "--document", attached}, soon, exitIntegrity, "BAD documents"},
		{"one byte of a document", []string{altered(t, dir, attached, "keep this letter", "keep that letter"), "--trust", trust}, soon, exitIntegrity, "DOES NOT HOLD"},
		{"one byte of the attestation", []string{altered(t, dir, attached, `"client":"ACME"`, `"client":"ACNE"`), "--trust", trust}, soon, exitIntegrity, "DOES NOT HOLD"},
		{"cut short", []string{cutShort(t, dir, attached), "--trust", trust}, soon, exitIntegrity, "BAD container"},
		{"no receipt", []string{letter, "--trust", trust}, soon, exitIntegrity, "BAD container"},
		{"trust turned around", []string{attached, "--trust", turned(t, dir, trust)}, soon, exitIntegrity, "BAD seal"},
		{"when its authority has long expired", []string{attached, "--trust", trust}, soon.AddDate(80, 0, 0), exitIntegrity, "BAD external timestamp"},
		{"no trust", []string{attached}, soon, exitUsage, ""},
		{"an empty folder of trust", []string{attached, "--trust", dir}, soon, exitUsage, ""},
		{"a receipt that is not there", []string{filepath.Join(dir, "missing"), "--trust", trust}, soon, exitGeneral, ""},
		{"a document that is not there", []string{detached, "--trust", trust, "--document", filepath.Join(dir, "missing")}, soon, exitGeneral, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := runAt(t, c.now, append([]string{"verify"}, c.args...)...)
			if code != c.code || !strings.Contains(stdout, c.stdout) {
				t.Errorf("exit code %d, want %d with %q:\n%s%s", code, c.code, c.stdout, stdout, stderr)
			}
			if (code == exitOK) != (stderr == "") {
				t.Errorf("exit code %d and on standard error %q", code, stderr)
			}
			if code != exitOK && code != exitNotProved && strings.Contains(stdout, "by the word of") {
				t.Errorf("a date is told of what does not hold:\n%s", stdout)
			}
		})
	}
}

// TestVerifyTellsWhoSaysAfter: the earlier date is told as an authority's only if it is.
func TestVerifyTellsWhoSaysAfter(t *testing.T) {
	for _, proved := range []bool{false, true} {
		var out bytes.Buffer
		a := &app{stdout: &out, t: &english}
		a.showVerified(verifiedOf("r", verify.Report{OK: true, ProvedAt: soon, NotBefore: soon.Add(-time.Hour), NotBeforeProved: proved}))
		if strings.Contains(out.String(), "sealed after 2026-11-30T23:00:00.000Z and before") != proved {
			t.Errorf("proved %v, told:\n%s", proved, out.String())
		}
	}
}

func TestVerifyForPrograms(t *testing.T) {
	code, stdout, _ := runAt(t, soon, "verify", "--json", filepath.Join(receipts, "attached.asice"), "--trust", filepath.Join(receipts, "trust"))
	var v verified
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || strings.Count(stdout, "\n") != 1 {
		t.Fatalf("not one object on one line: %v\n%s", err, stdout)
	}
	if code != exitOK || !v.OK || v.Provisional || v.Document != "7s4prj4aubnc45kkxfp5xrapfm" || v.ProvedAt == nil || v.NotBefore == nil || len(v.Steps) != 9 {
		t.Errorf("exit code %d, %+v", code, v)
	}
}

// TestStepsHaveWords: a step that verification does has its name in each language.
func TestStepsHaveWords(t *testing.T) {
	_, stdout, _ := runAt(t, soon, "verify", "--json", filepath.Join(receipts, "attached.asice"), "--trust", filepath.Join(receipts, "trust"))
	var v verified
	if err := json.Unmarshal([]byte(stdout), &v); err != nil {
		t.Fatal(err)
	}
	for _, s := range v.Steps {
		for code, c := range catalogues {
			if c.Steps[s.Name] == "" {
				t.Errorf("%s: no word for the step %q", code, s.Name)
			}
		}
	}
}

// altered is a copy of a receipt with some bytes replaced by as many others, its
// checksums left alone.
func altered(t *testing.T, dir, receipt, from, to string) string {
	t.Helper()
	b, err := os.ReadFile(receipt)
	if err != nil {
		t.Fatal(err)
	}
	if len(from) != len(to) || !bytes.Contains(b, []byte(from)) {
		t.Fatalf("%q is not in %s", from, receipt)
	}
	return written(t, dir, bytes.Replace(b, []byte(from), []byte(to), 1))
}

func cutShort(t *testing.T, dir, receipt string) string {
	t.Helper()
	b, err := os.ReadFile(receipt)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, dir, b[:len(b)-100])
}

// turned is a folder of trust where the timestamp authority stands for the seal's.
func turned(t *testing.T, dir, trust string) string {
	t.Helper()
	to := filepath.Join(dir, "turned")
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{"seal.pem": "tsa.pem", "tsa.pem": "seal.pem", "journal.vkey": "journal.vkey"} {
		b, err := os.ReadFile(filepath.Join(trust, from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func written(t *testing.T, dir string, b []byte) string {
	t.Helper()
	f, err := os.CreateTemp(dir, "*.asice")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
