package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// forbidden in the client: what would need a C library, a disk format or a token.
var forbidden = map[string]string{
	"runtime/cgo":                     "the client is one static file",
	"github.com/dgraph-io/badger":     "the client stores nothing",
	"github.com/miekg/pkcs11":         "the client holds no token",
	"github.com/ThalesIgnite":         "the client holds no token",
	"github.com/eclipse-keypont":      "the client holds no token",
	"casemate/raid":                   "the client is no safe",
	"casemate/hsm":                    "the client holds no token",
	"casemate/appliance/api":          "the client is no safe",
	"casemate/appliance/web":          "the client is no safe",
	"casemate/systemd":                "the client is no service",
	"github.com/coreos/go-systemd":    "the client is no service",
	"github.com/rogpeppe/go-internal": "tests only",
}

func TestDependencies(t *testing.T) {
	out := goTool(t, []string{"CGO_ENABLED=0"}, "list", "-deps", ".")
	deps := strings.Fields(out)
	if len(deps) < 100 {
		t.Fatalf("go list found %d packages", len(deps))
	}
	for _, dep := range deps {
		for prefix, reason := range forbidden {
			if dep == prefix || strings.HasPrefix(dep, prefix+"/") {
				t.Errorf("the client depends on %s: %s", dep, reason)
			}
		}
	}
}

// TestOpenToEverySystem that a depositor may sit at, with no C compiler: no file of
// ours or of a library is missing there. With CASEMATE_LONG=1 it is built, which
// compiles the standard library once more for each.
func TestOpenToEverySystem(t *testing.T) {
	for _, system := range []string{"linux", "windows", "darwin"} {
		t.Run(system, func(t *testing.T) {
			env := []string{"CGO_ENABLED=0", "GOOS=" + system, "GOARCH=amd64"}
			if out := goTool(t, env, "list", "-deps", "-f", "{{with .Error}}{{.}}{{end}}{{range .CgoFiles}}{{$.ImportPath}} needs {{.}}{{end}}", "."); strings.TrimSpace(out) != "" {
				t.Error(out)
			}
			if os.Getenv("CASEMATE_LONG") != "1" {
				return
			}
			file := filepath.Join(t.TempDir(), "casemate")
			goTool(t, env, "build", "-o", file, ".")
			if info, err := os.Stat(file); err != nil || info.Size() < 1<<20 {
				t.Errorf("no program: %v", err)
			}
		})
	}
}

func goTool(t *testing.T, env []string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String()
}
