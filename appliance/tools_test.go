package appliance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"casemate/appliance"
)

// TestDoctor finds what is wrong, says what to do and ends with its own code.
func TestDoctor(t *testing.T) {
	b := newBox(t)
	verdicts := func(want int) map[string]appliance.Verdict {
		t.Helper()
		out, err := b.command("doctor", "--json").Output()
		var exit *exec.ExitError
		if code := 0; errors.As(err, &exit) {
			if code = exit.ExitCode(); code != want {
				t.Fatalf("exit %d, want %d\n%s%s", code, want, out, exit.Stderr)
			}
		} else if err != nil || want != 0 {
			t.Fatalf("%v, want exit %d", err, want)
		}
		worst := map[string]appliance.Verdict{}
		for line := range strings.Lines(string(out)) {
			var d appliance.Diagnosis
			b.must(json.Unmarshal([]byte(line), &d))
			if d.Verdict != appliance.Good && d.Remedy == "" {
				t.Errorf("no remedy: %+v", d)
			}
			if worst[d.What] != appliance.Bad && d.Verdict != appliance.Good || worst[d.What] == "" {
				worst[d.What] = d.Verdict
			}
		}
		return worst
	}
	if v := verdicts(0); v["keys"] != appliance.Warn || v["secrets"] != appliance.Good || v["authority"] != appliance.Good || v["callers"] != appliance.Good {
		t.Errorf("a sound box: %+v", v)
	}
	b.must(os.Chmod(b.in("secrets/pin"), 0o644))
	b.must(os.Remove(b.in("volumes/b/volumes.key")))
	b.must(os.WriteFile(b.in("callers.toml"), []byte("[[caller]]\nname = 1\n"), 0o600))
	if v := verdicts(5); v["secrets"] != appliance.Bad || v["set-up"] != appliance.Warn || v["callers"] != appliance.Bad {
		t.Errorf("a box with three faults: %+v", v)
	}
}

// TestInitTwice touches nothing that exists.
func TestInitTwice(t *testing.T) {
	b := newBox(t)
	before, err := os.ReadFile(b.in("callers.toml"))
	b.must(err)
	out, err := b.command("init", "--demonstration", "--out", b.dir).CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("hint: ")) {
		t.Errorf("%v\n%s", err, out)
	}
	if after, err := os.ReadFile(b.in("callers.toml")); err != nil || !bytes.Equal(before, after) {
		t.Error("a second init changed the table of callers")
	}
	b.start()
}

// TestBenchRuns: every case prints a figure beside its limit. What the figures are is not judged.
func TestBenchRuns(t *testing.T) {
	out, err := exec.Command(program(t, "casemate/appliance/cmd/casemated"), "bench", "--json", "--dir", t.TempDir(),
		"--large", "2", "--seconds", "1", "--stream", "32").Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		var l appliance.BenchLine
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Value <= 0 || l.Raw <= 0 || l.Case == "" {
			t.Errorf("%s: %v", line, err)
		}
		n++
	}
	if n != 7 {
		t.Errorf("%d cases, want 7", n)
	}
}

// TestBenchRaidRuns: as above, of the mirror.
func TestBenchRaidRuns(t *testing.T) {
	out, err := exec.Command(program(t, "casemate/appliance/cmd/casemated"), "bench", "raid", "--json", "--dir", t.TempDir(), "--dir", t.TempDir(),
		"--seconds", "1", "--turns", "1", "--load", "4", "--grow", "20").Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		var l appliance.BenchLine
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Value <= 0 || (l.Raw <= 0) != (l.Limit == "") || l.Case == "" {
			t.Errorf("%s: %v", line, err)
		}
		n++
	}
	if n < 17 || n > 18 {
		t.Errorf("%d cases, want 17, or 18 where the journal took long enough to be seen", n)
	}
}
