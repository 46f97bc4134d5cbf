package appliance_test

// The listing of the repository is its architecture: each folder is a floor, imports only go
// down, siblings never meet. This file is the table and the test that holds everybody to it.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "casemate"

// apart marks a program that stands beside the house: it imports nothing of ours and nothing
// of ours imports it.
const apart = -1

// floors gives every package of the module its floor. What must be shared stands on the lowest
// floor that can define it.
var floors = map[string]int{
	"appliance/cmd/casemated": 7,
	"appliance/cmd/casemate":  7,

	"appliance": 6,

	"appliance/api":     5,
	"appliance/setup":   5, // what a first start is made of: answers, layout, disks, the record to undo by
	"appliance/metrics": 5, // the safe in numbers: from its status, and from what happens at the door

	"appliance/backup": 4, // what is on a backup's medium, written and read
	"appliance/web":    4,
	"appliance/client": 4,
	"appliance/words":  4, // of refusals by code, of states by name: in each language

	"appliance/wire": 3, // the API's nouns, below all who speak them

	"store":         3,
	"hsm/hsmtest":   3,
	"raid/raidtest": 3,

	"store/verify": 2, // above the parts it checks, below the safe that checks itself with it
	"hsm/module":   2,

	"appliance/decision": 2, // what two officers sign when the mirror is refused
	"appliance/storage":  2, // the acts on the mirror, judged before the mirror is asked

	"raid":            1,
	"store/journal":   1,
	"store/identity":  1,
	"store/seal":      1,
	"store/timestamp": 1,
	"store/evidence":  1,

	"raid/disk":   0,
	"raid/volume": 0,
	"hsm":         0,
	"systemd":     0,
	"store/proof": 0,

	"packaging": 0, // verify.sh, carried in receipts

	"packaging/sbom": apart,
	"packaging/tsa":  apart,
}

// support packages serve tests of every floor and no production code.
var support = []string{"hsm/hsmtest", "raid/raidtest"}

// confined says which packages alone may import a dependency, by prefix, and why.
var confined = []struct {
	dependency string
	only       []string
	reason     string
}{
	{"github.com/dgraph-io/badger", []string{"raid/volume"},
		"a volume on a full or dying disk kills its process: Badger lives in the volume processes alone"},
	{"github.com/ThalesIgnite/crypto11", []string{"hsm/module"},
		"a vendor's module may crash or hang: it is loaded in the token process alone, which alone has the PIN"},
	{"github.com/prometheus", []string{"appliance/metrics"},
		"who measures must not be able to do: the numbers of the safe are made in one place, of what others tell"},
	{"github.com/miekg/pkcs11", []string{"hsm/module", "hsm/hsmtest"},
		"a vendor's module may crash or hang: it is loaded in the token process alone, which alone has the PIN"},
}

// banned says what must not be anywhere below a package, and why.
var banned = []struct {
	below, dependency, reason string
}{
	{"appliance/cmd/casemate", "casemate/raid", "the client speaks to a safe; it is not one"},
	{"appliance/cmd/casemate", "casemate/hsm/module", "the client holds no token"},
	{"appliance/cmd/casemate", "github.com/dgraph-io/badger", "the client stores nothing"},
	{"appliance/cmd/casemate", "github.com/miekg/pkcs11", "the client holds no token"},
	{"store/verify", "casemate/raid", "an outsider verifies with no safe at hand"},
	{"store/verify", "casemate/hsm", "an outsider verifies with no token at hand"},
	{"store/verify", "github.com/dgraph-io/badger", "an outsider verifies with no safe at hand"},
	{"store/verify", "github.com/miekg/pkcs11", "an outsider verifies with no token at hand"},
	{"store/proof", "net/http", "nouns do not speak to anybody"},
}

// withoutCgo must build and run where there is no C library of ours.
var withoutCgo = []struct{ program, reason string }{
	{"appliance/cmd/casemate", "the client is one static file for any system"},
	{"store/verify", "whoever verifies in thirty years compiles it with what there is"},
}

// listed is what this test reads of `go list -json`.
type listed struct {
	ImportPath                         string
	Standard                           bool
	Imports, TestImports, XTestImports []string
	Deps, CgoFiles                     []string
}

func TestEachPackageImportsOnlyFloorsBelow(t *testing.T) {
	packages := goList(t, "./...")
	if len(packages) < 10 {
		t.Fatalf("go list found %d packages: the walk does not see the house", len(packages))
	}
	for _, fault := range append(checkFloors(packages), checkConfined(packages)...) {
		t.Error(fault)
	}
}

func TestNothingForbiddenBelow(t *testing.T) {
	for _, b := range banned {
		for _, p := range goList(t, "./"+b.below) {
			for _, fault := range checkBanned(p, b.dependency, b.reason) {
				t.Error(fault)
			}
		}
	}
	for _, w := range withoutCgo {
		for _, p := range goList(t, "-deps", "./"+w.program) {
			if !p.Standard && len(p.CgoFiles) > 0 {
				t.Errorf("%s needs cgo through %s: %s", w.program, p.ImportPath, w.reason)
			}
		}
	}
}

// TestTheRulesBite gives each rule a package that breaks it.
func TestTheRulesBite(t *testing.T) {
	ours := func(path string, imports ...string) listed {
		return listed{ImportPath: module + "/" + path, Imports: imports}
	}
	for _, c := range []struct {
		name  string
		given listed
		want  string // part of the fault; empty when there must be none
	}{
		{"downwards", ours("store", "casemate/store/proof", "fmt"), ""},
		{"upwards", ours("store/proof", "casemate/store"), "goes up"},
		{"sideways", ours("store/seal", "casemate/store/journal"), "goes sideways"},
		{"without a floor", ours("store/attic"), "has no floor"},
		{"onto nothing", ours("store", "casemate/store/attic"), "has no floor"},
		{"support in production", ours("appliance", "casemate/hsm/hsmtest"), "test support"},
		{"out of the one that stands apart", ours("packaging/tsa", "casemate/hsm"), "stands apart"},
		{"into the one that stands apart", ours("appliance", "casemate/packaging/tsa"), "stands apart"},
		{"support in a test", listed{ImportPath: "casemate/hsm", XTestImports: []string{"casemate/hsm/hsmtest"}}, ""},
		{"a test upwards", listed{ImportPath: "casemate/raid", TestImports: []string{"casemate/store"}}, "goes up"},
		{"badger where it belongs", ours("raid/volume", "github.com/dgraph-io/badger/v4"), ""},
		{"badger elsewhere", ours("raid", "github.com/dgraph-io/badger/v4"), "Badger lives in"},
		{"crypto11 elsewhere", ours("store", "github.com/ThalesIgnite/crypto11"), "token process alone"},
		{"pkcs11 in a test elsewhere", listed{ImportPath: "casemate/store", TestImports: []string{"github.com/miekg/pkcs11"}}, "token process alone"},
		{"a prefix is no path", ours("raid", "github.com/dgraph-io/badgerish"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults := append(checkFloors([]listed{c.given}), checkConfined([]listed{c.given})...)
			got := strings.Join(faults, "\n")
			if c.want == "" && got != "" {
				t.Errorf("unexpected fault: %s", got)
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("got %q, want a fault that says %q", got, c.want)
			}
		})
	}
	below := listed{ImportPath: "casemate/store/verify", Deps: []string{"fmt", "casemate/raid/volume"}}
	if got := checkBanned(below, "casemate/raid", "because"); len(got) != 1 {
		t.Errorf("a banned dependency was found %d times, want once", len(got))
	}
}

// checkFloors reports each import that goes up or sideways and each package without a floor.
func checkFloors(packages []listed) []string {
	var faults []string
	for _, p := range packages {
		from, _ := strings.CutPrefix(p.ImportPath, module+"/")
		floor, known := floors[from]
		if !known {
			faults = append(faults, fmt.Sprintf("%s has no floor: give it one in floors_test.go", from))
			continue
		}
		for _, path := range p.Imports {
			if slices.Contains(support, strings.TrimPrefix(path, module+"/")) {
				faults = append(faults, fmt.Sprintf("%s imports %s, which is test support", from, path))
			}
		}
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if fault := step(from, floor, path); fault != "" {
				faults = append(faults, fault)
			}
		}
	}
	return faults
}

// step judges one import of a package; empty when it goes down, or out of the house.
func step(from string, floor int, path string) string {
	to, ours := strings.CutPrefix(path, module+"/")
	if !ours || to == from || slices.Contains(support, to) {
		return "" // a foreign package, a package's own external test, help for a test
	}
	target, known := floors[to]
	switch {
	case !known:
		return fmt.Sprintf("%s imports %s, which has no floor", from, to)
	case floor == apart || target == apart:
		return fmt.Sprintf("%s imports %s: the one that stands apart imports and is imported by nothing of ours", from, to)
	case target > floor:
		return fmt.Sprintf("%s (floor %d) imports %s (floor %d): that goes up", from, floor, to, target)
	case target == floor:
		return fmt.Sprintf("%s imports %s on the same floor %d: that goes sideways", from, to, floor)
	}
	return ""
}

// checkConfined reports each import of a confined dependency outside its place.
func checkConfined(packages []listed) []string {
	var faults []string
	for _, p := range packages {
		from := strings.TrimPrefix(p.ImportPath, module+"/")
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			for _, c := range confined {
				if within(path, c.dependency) && !slices.Contains(c.only, from) {
					faults = append(faults, fmt.Sprintf("%s imports %s: %s", from, path, c.reason))
				}
			}
		}
	}
	return faults
}

// checkBanned reports a dependency that a package reaches by any way.
func checkBanned(p listed, dependency, reason string) []string {
	for _, path := range p.Deps {
		if within(path, dependency) {
			return []string{fmt.Sprintf("%s reaches %s: %s", p.ImportPath, path, reason)}
		}
	}
	return nil
}

// within tells whether a path is a dependency or lies below it.
func within(path, dependency string) bool {
	return path == dependency || strings.HasPrefix(path, dependency+"/")
}

// goList runs `go list -json` at the top of the module.
func goList(t *testing.T, args ...string) []listed {
	t.Helper()
	fields := "-json=ImportPath,Standard,Imports,TestImports,XTestImports,Deps,CgoFiles"
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", fields}, args...)...)
	cmd.Dir = ".." // this package is one folder below the top
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		dir, _ := filepath.Abs(cmd.Dir)
		t.Fatalf("go list in %s: %v\n%s", dir, err, &stderr)
	}
	var packages []listed
	for decoder := json.NewDecoder(&stdout); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("reading go list: %v", err)
		}
		packages = append(packages, p)
	}
}
