package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var units = []string{"casemate.socket", "casemate-health.timer", "casemate.service", "casemate-hsm.service", "casemate-health.service"}

// The units load without a word of complaint, in a tree where the program is
// installed.
func TestUnitsVerify(t *testing.T) {
	tree := t.TempDir()
	for _, d := range []string{"bin", "usr/bin", "etc/systemd/system", "usr/lib/systemd"} {
		if err := os.MkdirAll(filepath.Join(tree, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The manager's own units, which ours are ordered against.
	if err := os.CopyFS(filepath.Join(tree, "usr/lib/systemd/system"), onlyFiles{os.DirFS("/usr/lib/systemd/system")}); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"usr/bin/casemated", "bin/kill"} {
		if err := os.WriteFile(filepath.Join(tree, program), []byte("#!/bin/true\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	arguments := []string{"verify", "--man=no", "--root=" + tree}
	for _, u := range units {
		b, err := os.ReadFile(u)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(tree, "etc/systemd/system", u), b, 0o644); err != nil {
			t.Fatal(err)
		}
		arguments = append(arguments, u)
	}
	if complaint := verify(t, arguments...); complaint != "" {
		t.Errorf("complaints:\n%s", complaint)
	}
	spoiled := filepath.Join(tree, "etc/systemd/system/casemate.service")
	b, err := os.ReadFile(spoiled)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(spoiled, append(b, "[Service]\nProtectSytem=strict\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	if verify(t, arguments...) == "" {
		t.Error("a misspelt directive was not noticed: this test sees nothing")
	}
}

// verify returns what systemd-analyze says of our units; of others' it may
// say what it likes.
func verify(t *testing.T, arguments ...string) string {
	t.Helper()
	out, err := exec.Command("systemd-analyze", arguments...).CombinedOutput()
	var ours []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "casemate") {
			ours = append(ours, line)
		}
	}
	if err != nil && len(ours) == 0 {
		t.Fatalf("systemd-analyze: %v\n%s", err, out)
	}
	return strings.Join(ours, "")
}

var overall = regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+) `)

// Each service is exposed at most 1.5 of 10, and DESIGN.md says how much.
func TestUnitsSecurity(t *testing.T) {
	design, err := os.ReadFile("DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range units[2:] {
		path, err := filepath.Abs(u)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=15", path).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", u, err, out)
			continue
		}
		score := overall.FindSubmatch(out)
		if score == nil {
			t.Fatalf("%s: no score in\n%s", u, out)
		}
		if want := "| " + u + " | " + string(score[1]) + " |"; !strings.Contains(string(design), want) {
			t.Errorf("DESIGN.md does not have %q", want)
		}
	}
}

// What the code counts on stands in the units.
func TestUnitsPromises(t *testing.T) {
	for unit, lines := range map[string][]string{
		"casemate.socket": {"FileDescriptorName=" + HTTPS},
		"casemate.service": {
			"ExecStart=/usr/bin/casemated serve --config /etc/casemate/casemate.toml",
			"Type=notify", "NotifyAccess=main", "WatchdogSignal=SIGKILL", "KillMode=mixed", "OOMPolicy=continue", "LimitCORE=0",
			"RestartPreventExitStatus=78", "ExecReload=/bin/kill -HUP $MAINPID",
			"Requires=casemate.socket", "NoExecPaths=/ -/var/lib/casemate -/run/casemate -/tmp -/var/tmp -/dev/shm",
			"ExecPaths=/usr/bin/casemated /usr/bin/kill /usr/lib", "MemorySwapMax=0", "MemoryMax=4G", "TasksMax=2048",
		},
		"casemate-hsm.service": {
			"ExecStart=/usr/bin/casemated hsm --config /etc/casemate/casemate.toml",
			"Type=notify", "NotifyAccess=main", "WatchdogSignal=SIGKILL", "KillMode=mixed", "LimitCORE=0",
			"LoadCredentialEncrypted=" + PIN + ":/etc/casemate/pin.cred", "User=casemate-hsm",
			"NoExecPaths=/ -/var/lib/casemate-hsm -/run/casemate-hsm -/tmp -/var/tmp -/dev/shm", "ExecPaths=/usr/bin/casemated /usr/lib -/opt",
			"MemorySwapMax=0", "MemoryMax=512M", "TasksMax=256",
		},
	} {
		b, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			if !strings.Contains("\n"+string(b), "\n"+line+"\n") {
				t.Errorf("%s: no line %q", unit, line)
			}
		}
	}
}

// Every directive of a service stands in a paragraph that begins with a
// comment, or right under one.
func TestUnitsExplained(t *testing.T) {
	for _, unit := range units[2:] {
		b, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		_, service, _ := strings.Cut(string(b), "[Service]\n")
		service, _, _ = strings.Cut(service, "[Install]")
		explained := true // ExecStart explains itself
		for line := range strings.Lines(service) {
			switch line = strings.TrimSpace(line); {
			case strings.HasPrefix(line, "#"):
				explained = true
			case line == "":
				explained = false
			case !explained:
				t.Errorf("%s: %q is not explained", unit, line)
			}
		}
	}
}
