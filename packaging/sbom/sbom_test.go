package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
)

// build makes a program of ours, once for all tests.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sbom-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "casemated")
	if out, err := exec.Command("go", "build", "-o", file, "casemate/appliance/cmd/casemated").CombinedOutput(); err != nil {
		return dir, fmt.Errorf("building: %w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := build(); dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// built is a program of ours; what the bill says is held against what `go version -m`, which we did
// not write, finds in it.
func built(t *testing.T) (file string, modules [][]string) {
	t.Helper()
	dir, err := build()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "casemated")
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

// known is where the modules lie, and the schema.
func known(t *testing.T) (sources, official) {
	t.Helper()
	from, err := findSources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o, err := loadOfficial(from)
	if err != nil {
		t.Fatal(err)
	}
	return from, o
}

func TestBill(t *testing.T) {
	binary, modules := built(t)
	from, o := known(t)
	p, err := inspect(t.Context(), binary, from)
	if err != nil {
		t.Fatal(err)
	}
	control, err := os.ReadFile("../deb/casemate-appliance/control")
	if err != nil {
		t.Fatal(err)
	}
	r := request{Name: "casemate-appliance", Version: "1:2.3+git~4", Time: time.Unix(1e9, 0).UTC(), Needs: needs(control)}
	var texts [2][]byte
	for i := range texts {
		file := filepath.Join(t.TempDir(), "bill.json")
		if err := writeBill(file, r, p, o); err != nil {
			t.Fatal(err)
		}
		if texts[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(texts[0], texts[1]) {
		t.Error("two bills of one binary differ")
	}
	if err := check(texts[0], p, o); err != nil {
		t.Error(err)
	}
	for _, m := range modules {
		if !bytes.Contains(texts[0], []byte(`"name": "`+m[0]+`"`)) || !bytes.Contains(texts[0], []byte(purl("golang", m[0], m[1]))) {
			t.Errorf("%s %s is not in the bill", m[0], m[1])
		}
	}
	for _, want := range []string{`"specVersion": "1.5"`, `"2001-09-09T01:46:40Z"`, `pkg:deb/debian/libc6@`, p.Digest, "pkg:golang/stdlib@1.",
		`"pkg:deb/debian/systemd"`, `"systemd (>= 252)"`, `"chrony | time-daemon"`, "see /usr/share/doc/libc6/copyright"} {
		if !bytes.Contains(texts[0], []byte(want)) {
			t.Errorf("no %s in the bill", want)
		}
	}
	for _, harm := range [][2]string{{`"bom-ref": "pkg:golang/github.com/gorilla/mux`, `"bom-ref": "pkg:golang/github.com/gorilla/max`},
		{`"bom-ref": "pkg:deb/debian/libc6`, `"bom-ref": "pkg:deb/debian/libc7`}, {"{", "["},
		// What the schema alone sees:
		{`"components"`, `"componants"`}, {`"id": "MIT"`, `"id": "MTI"`}, {`"type": "library"`, `"type": "libary"`},
		{`"scope": "required"`, `"scope": "needed"`}, {"urn:uuid:", "uuid:"}, {"2001-09-09T01:46:40Z", "yesterday"},
		{`"SHA-256"`, `"SHA256"`}, {p.Digest, p.Digest[1:]}, {`"bomFormat"`, `"format"`}, {`"purl"`, `"pearl"`}} {
		harmed := bytes.Replace(texts[0], []byte(harm[0]), []byte(harm[1]), 1)
		if bytes.Equal(harmed, texts[0]) {
			t.Errorf("%s is not in the bill", harm[0])
		}
		if err := check(harmed, p, o); !errors.Is(err, errBill) {
			t.Errorf("%s for %s is not noticed: %v", harm[1], harm[0], err)
		}
	}
	p.Modules[0].Terms = terms{}
	silent := bill(r, p, o)
	for i := range *silent.Components {
		(*silent.Components)[i].Licenses = nil
	}
	var text bytes.Buffer
	if err := cyclonedx.NewBOMEncoder(&text, cyclonedx.BOMFileFormatJSON).EncodeVersion(silent, cyclonedx.SpecVersion1_5); err != nil {
		t.Fatal(err)
	}
	if err := check(text.Bytes(), p, o); !errors.Is(err, errBill) {
		t.Errorf("a bill without terms: %v", err)
	}
}

// Every module that is linked ships with its terms.
func TestNotices(t *testing.T) {
	binary, modules := built(t)
	from, _ := known(t)
	p, err := inspect(t.Context(), binary, from)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "notices")
	if err := writeNotices(file, p.Modules, from); err != nil {
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
	if err := writeNotices(file, []module{{Path: "example.org/unknown", Version: "v1.0.0"}}, from); !errors.Is(err, errNoLicence) {
		t.Errorf("a module nobody knows: %v", err)
	}
}
