package evidence

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Debian's libbcpkix-java and libbcprov-java (with libbcutil-java).
const bouncyCastle = "/usr/share/java/bcpkix.jar:/usr/share/java/bcprov.jar:/usr/share/java/bcutil.jar"

// judge is Bouncy Castle, asked through testdata/Judge.java.
type judge struct{ dir string }

func newJudge(t *testing.T) judge {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("javac", "-proc:none", "-cp", bouncyCastle, "-d", dir, filepath.Join("testdata", "Judge.java")).CombinedOutput()
	if err != nil {
		t.Fatalf("compiling the judge (packages default-jdk-headless libbcpkix-java): %v\n%s", err, out)
	}
	return judge{dir}
}

// ask runs the judge in the authority's directory. refused is its verdict;
// any other failure is the test's.
func (j judge) ask(t *testing.T, a *tsa, args ...string) (refused bool) {
	t.Helper()
	cmd := exec.Command("java", append([]string{"-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", bouncyCastle + ":" + j.dir, "Judge"}, args...)...)
	cmd.Dir = a.dir
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 3 {
		t.Logf("%s", out)
		return true
	}
	if err != nil {
		t.Fatalf("judge %v: %v\n%s", args, err, out)
	}
	return false
}

// accepts tells whether Bouncy Castle finds that the record proves the objects.
func (j judge) accepts(t *testing.T, a *tsa, record []byte, list [][]byte) bool {
	t.Helper()
	a.write(t, "record.ers", record)
	return !j.ask(t, a, append([]string{"verify", "record.ers", "tsa.der"}, store(t, a, list)...)...)
}

func store(t *testing.T, a *tsa, list [][]byte) (names []string) {
	t.Helper()
	for i, object := range list {
		names = append(names, fmt.Sprintf("object%d", i))
		a.write(t, names[i], object)
	}
	return names
}

func TestBouncyCastleReadsOurRecords(t *testing.T) {
	a, j := newTSA(t), newJudge(t)
	deposit, hashes := objects("deposit", 6)
	single, lone := objects("single", 1)
	_, other := objects("other", 5)
	_, third := objects("third", 7)
	r := a.round(t, other, hashes, lone, third, other[:2])
	twins, twinHashes := objects("twin", 3)
	twins[1], twinHashes[1] = twins[0], twinHashes[0]
	same := a.round(t, other, twinHashes)
	alone := a.round(t, lone)
	aloneGroup := a.round(t, hashes)

	cases := []struct {
		name   string
		record []byte
		list   [][]byte
		hashes [][32]byte
	}{
		{"a group among groups", r.record(t, 1), deposit, hashes},
		{"an object among groups", r.record(t, 2), single, lone},
		{"an object alone", alone.record(t, 0), single, lone},
		{"a group alone", aloneGroup.record(t, 0), deposit, hashes},
		{"a group with the same object twice", same.record(t, 1), twins, twinHashes},
		{"timestamp renewed", renewTimestamp(t, a, r.record(t, 1)), deposit, hashes},
		{"timestamp renewed twice", renewTimestamp(t, a, renewTimestamp(t, a, r.record(t, 1))), deposit, hashes},
		{"hash tree renewed", renewHashTree(t, a, r.record(t, 1), hashes), deposit, hashes},
		{"both renewed", renewTimestamp(t, a, renewHashTree(t, a, renewTimestamp(t, a, r.record(t, 1)), hashes)), deposit, hashes},
		{"an object's hash tree renewed", renewHashTree(t, a, r.record(t, 2), lone), single, lone},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if !j.accepts(t, a, c.record, c.list) {
				t.Error("Bouncy Castle refuses it")
			}
			if err := parsed(t, c.record).Verify(c.hashes, a.check); err != nil {
				t.Error(err)
			}
			altered := append([][]byte{append([]byte("not "), c.list[0]...)}, c.list[1:]...)
			if j.accepts(t, a, c.record, altered) {
				t.Error("Bouncy Castle accepts an altered object")
			}
		})
	}
}

func TestBouncyCastleRefusesAnAlteredRecord(t *testing.T) {
	a, j := newTSA(t), newJudge(t)
	deposit, hashes := objects("deposit", 6)
	_, other := objects("other", 5)
	r := a.round(t, other, hashes)
	path := r.tree.Path(1)
	path[0][0][0] ^= 1
	record, err := NewRecord(hashes, path, r.token)
	if err != nil {
		t.Fatal(err)
	}
	if j.accepts(t, a, record, deposit) {
		t.Error("Bouncy Castle accepts another path")
	}
	if err := parsed(t, record).Verify(hashes, a.check); err == nil {
		t.Error("we accept another path")
	}
}

func TestWeReadBouncyCastlesRecords(t *testing.T) {
	a, j := newTSA(t), newJudge(t)
	deposit, hashes := objects("deposit", 6)
	names := store(t, a, deposit)
	with := func(args ...string) []string { return append(args, names...) }

	j.ask(t, a, with("ask-record", "query")...)
	a.reply(t, "query", "response")
	j.ask(t, a, with("record", "response", "first.ers")...)
	j.ask(t, a, "ask-timestamp", "first.ers", "query")
	a.reply(t, "query", "response")
	j.ask(t, a, "timestamp", "first.ers", "response", "second.ers")
	j.ask(t, a, with("ask-hashtree", "second.ers", "query")...)
	a.reply(t, "query", "response")
	j.ask(t, a, with("hashtree", "second.ers", "response", "third.ers")...)

	for i, name := range []string{"first.ers", "second.ers", "third.ers"} {
		der, err := os.ReadFile(filepath.Join(a.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		r := parsed(t, der)
		if len(r.Tokens()) != i+1 {
			t.Errorf("%s: %d tokens", name, len(r.Tokens()))
		}
		if err := r.Verify(hashes, a.check); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
