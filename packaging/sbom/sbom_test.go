package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// built is a program of ours; what the bill says is held against what `go version -m`, which we did
// not write, finds in it.
func built(t *testing.T) (file string, modules [][]string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "casemated")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", file, "casemate/appliance/cmd/casemated").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), "go", "version", "-m", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\t(dep|=>)\t(\S+)\t(\S+)`).FindAllStringSubmatch(string(out), -1) {
		if m[1] == "=>" {
			modules[len(modules)-1] = m[2:] // in the place of the line before
			continue
		}
		modules = append(modules, m[2:])
	}
	if len(modules) < 20 {
		t.Fatalf("go version -m shows %d modules:\n%s", len(modules), out)
	}
	return file, modules
}

func TestBill(t *testing.T) {
	binary, modules := built(t)
	p, err := inspect(t.Context(), binary)
	if err != nil {
		t.Fatal(err)
	}
	r := request{Name: "casemate-appliance", Version: "1:2.3+git~4", Time: time.Unix(1e9, 0).UTC()}
	var texts [2][]byte
	for i := range texts {
		file := filepath.Join(t.TempDir(), "bill.json")
		if err := writeBill(file, r, p); err != nil {
			t.Fatal(err)
		}
		if texts[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(texts[0], texts[1]) {
		t.Error("two bills of one binary differ")
	}
	if err := check(texts[0], p); err != nil {
		t.Error(err)
	}
	for _, m := range modules {
		if !bytes.Contains(texts[0], []byte(`"name": "`+m[0]+`"`)) || !bytes.Contains(texts[0], []byte(purl("golang", m[0], m[1]))) {
			t.Errorf("%s %s is not in the bill", m[0], m[1])
		}
	}
	for _, want := range []string{`"specVersion": "1.5"`, `"2001-09-09T01:46:40Z"`, `pkg:deb/debian/libc6@`, p.Digest, "pkg:golang/stdlib@1."} {
		if !bytes.Contains(texts[0], []byte(want)) {
			t.Errorf("no %s in the bill", want)
		}
	}
	for _, harm := range [][2]string{{`"bom-ref": "pkg:golang/github.com/gorilla/mux`, `"bom-ref": "pkg:golang/github.com/gorilla/max`},
		{`"bom-ref": "pkg:deb/debian/libc6`, `"bom-ref": "pkg:deb/debian/libc7`}, {`"components"`, `"componants"`}, {"{", "["}} {
		harmed := bytes.Replace(texts[0], []byte(harm[0]), []byte(harm[1]), 1)
		if err := check(harmed, p); !errors.Is(err, errBill) {
			t.Errorf("%s for %s is not noticed: %v", harm[1], harm[0], err)
		}
	}
}

// Every module that is linked ships with its terms.
func TestNotices(t *testing.T) {
	binary, modules := built(t)
	p, err := inspect(t.Context(), binary)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "notices")
	if err := writeNotices(t.Context(), file, p.Modules); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range modules {
		if !strings.Contains(string(text), "---- "+m[0]+" "+m[1]+", ") {
			t.Errorf("no licence of %s %s", m[0], m[1])
		}
	}
	if err := writeNotices(t.Context(), file, []module{{Path: "example.org/unknown", Version: "v1.0.0"}}); !errors.Is(err, errNoLicence) {
		t.Errorf("a module nobody knows: %v", err)
	}
}
