package raid_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// trap is something that Badger, left to itself, or a mirror that trusts it, does wrong. It is put
// into a copy of the source by replacing one piece of text, and the test named must fail then.
type trap struct {
	name   string
	file   string // below the module
	is, be string
	test   string
}

// sprung is the condition under which a trap is there, in the source.
func sprung(name string) string { return `trapIs("` + name + `")` }

var traps = []trap{
	{"unsynced writes", "raid/volume/database.go", `WithSyncWrites(true)`, `WithSyncWrites(!` + sprung("unsynced writes") + `)`,
		"TestBothVolumesStruck/power_cut_on_both"},
	{"log hook off", "raid/volume/loghook.go", `h.writes.Add(1)`, `if !` + sprung("log hook off") + ` { h.writes.Add(1) }`,
		"TestSyncFails/msync:when=1"},
	{"checksum mode 0", "raid/volume/database.go", `WithChecksumVerificationMode(options.OnTableRead)`,
		`WithChecksumVerificationMode(trapMode())`, "TestRotInTable"},
	{"checksum mode 2", "", "", "", "TestRotInTable"},
	{"values not authenticated", "raid/seal.go", `return nil, 0, fmt.Errorf("%w: authentication failed", ErrCorrupt)`,
		`if ` + sprung("values not authenticated") + ` { return append(dst, stored[sealHeader:len(stored)-16]...), sequence, nil }
		return nil, 0, fmt.Errorf("%w: authentication failed", ErrCorrupt)`, "TestTableRotsUnderReaders"},
	{"empty values believed", "raid/seal.go", `if !ok {`,
		`if len(stored) == 0 && ` + sprung("empty values believed") + ` { return nil, 0, nil }
	if !ok {`, "TestRotInValueLog/running=true"},
	{"empty values believed", "raid/volume/database.go", `len(v) == 0 {`, `len(v) == 0 && !` + sprung("empty values believed") + ` {`, ""},
	{"no audit of the tail", "raid/tail.go", `t := &tail{`, `if ` + sprung("no audit of the tail") + ` { return nil }
	t := &tail{`, "TestTailLostInUncleanStop"},
	{"ring not consulted", "raid/volume/message.go", `return s.Opened && s.Head.Sequence < s.Ring.Sequence`,
		`return !` + sprung("ring not consulted") + ` && s.Opened && s.Head.Sequence < s.Ring.Sequence`, "TestWriteAheadLogDamaged"},
	{"collection of unread logs", "raid/volume/vlog.go", `n, err := CheckValueLog(f)`, `n, err := CheckValueLog(f)
	if ` + sprung("collection of unread logs") + ` { err = nil }`, "TestReclaimRefusesBehindDamage"},
	{"mount not looked at", "raid/volume/lock.go", `	if st.Dev != h.dev || st.Ino != h.ino {`,
		`	if (st.Dev != h.dev || st.Ino != h.ino) && !` + sprung("mount not looked at") + ` {`, "TestMountedOver"},
	{"mount not looked at", "raid/volume/lock.go", `if err := unix.Lstat(h.path, &st); err != nil {`,
		`if err := unix.Lstat(h.path, &st); ` + sprung("mount not looked at") + ` { return nil } else if err != nil {`, ""},
}

// trapSource is what each of the two packages gets for it.
const trapSource = `

import "os"

func trapIs(name string) bool { return os.Getenv("CASEMATE_TRAP") == name }
`

const trapModeSource = `package volume

import (
	"os"

	"github.com/dgraph-io/badger/v4/options"
)

func trapMode() options.ChecksumVerificationMode {
	switch os.Getenv("CASEMATE_TRAP") {
	case "checksum mode 0":
		return options.NoVerification
	case "checksum mode 2":
		return options.OnBlockRead
	}
	return options.OnTableRead
}
`

// trapped builds this package's tests over a copy of the source with every trap in it, each asleep
// until the environment names it.
func trapped(t *testing.T) (program string) {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	replace := map[string]string{}
	put := func(path, text string) {
		copied := filepath.Join(dir, strings.ReplaceAll(path, "/", "-"))
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, path)] = copied
	}
	texts := map[string]string{}
	for _, p := range traps {
		if p.file == "" {
			continue
		}
		if texts[p.file] == "" {
			b, err := os.ReadFile(filepath.Join(root, p.file))
			if err != nil {
				t.Fatal(err)
			}
			texts[p.file] = string(b)
		}
		if n := strings.Count(texts[p.file], p.is); n != 1 {
			t.Fatalf("%s has %q %d times: the trap %q wants to be told anew", p.file, p.is, n, p.name)
		}
		texts[p.file] = strings.Replace(texts[p.file], p.is, p.be, 1)
	}
	for path, text := range texts {
		put(path, text)
	}
	put("raid/trap.go", "package raid"+trapSource)
	put("raid/volume/trap.go", "package volume"+trapSource)
	put("raid/volume/trapmode.go", trapModeSource)
	overlay := filepath.Join(dir, "overlay.json")
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, b, 0o600); err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(dir, "traps.test")
	if out, err := exec.Command("go", "test", "-c", "-overlay", overlay, "-o", program, "casemate/raid").CombinedOutput(); err != nil {
		t.Fatalf("building with the traps: %v: %s", err, out)
	}
	return program
}

// TestTrapsAreCaught springs each trap known and sees the test that is there for it fail; and that
// with none sprung the same tests pass, of which CASEMATE_LONG does all and the ordinary run one.
func TestTrapsAreCaught(t *testing.T) {
	program := trapped(t)
	run := func(t *testing.T, trap, test string) (string, error) {
		parts := strings.Split(test, "/")
		for i := range parts {
			parts[i] = "^" + parts[i] + "$"
		}
		cmd := exec.Command(program, "-test.v", "-test.timeout=5m", "-test.run", strings.Join(parts, "/"))
		cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "CASEMATE_TRAP=") }), "CASEMATE_TRAP="+trap)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	asleep := []string{"TestTailLostInUncleanStop"}
	if os.Getenv("CASEMATE_LONG") != "" {
		for _, p := range traps {
			asleep = append(asleep, p.test)
		}
	}
	for _, test := range asleep {
		if out, err := run(t, "none", test); test != "" && (err != nil || !strings.Contains(out, "--- PASS: ")) {
			t.Fatalf("%s fails though no trap is sprung: %v\n%s", test, err, out)
		}
	}
	for _, p := range traps {
		if p.test == "" {
			continue // the second half of one
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			out, err := run(t, p.name, p.test)
			name, _, _ := strings.Cut(p.test, "/")
			if err == nil || !strings.Contains(out, "--- FAIL: "+name) {
				t.Fatalf("%s does not catch it: %v\n%s", p.test, err, out)
			}
		})
	}
}
