package evidence

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// ask runs the judge in the authority's directory and returns what it says.
func (j judge) ask(t *testing.T, a *tsa, args ...string) string {
	t.Helper()
	cmd := exec.Command("java", append([]string{"-XX:TieredStopAtLevel=1", "-cp", bouncyCastle + ":" + j.dir, "Judge"}, args...)...)
	cmd.Dir = a.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("judge %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// claim is that a record proves objects, and whether it does.
type claim struct {
	name   string
	record []byte
	list   [][]byte
	hashes [][32]byte
	holds  bool
}

// hear has the claims judged, all at once since a Java machine is slow to start.
func (j judge) hear(t *testing.T, a *tsa, claims []claim) {
	t.Helper()
	args := []string{"verify", "tsa.der"}
	for i, c := range claims {
		record := fmt.Sprintf("record%d", i)
		a.write(t, record, c.record)
		args = append(append(append(args, record), store(t, a, record, c.list)...), "--")
	}
	verdicts := strings.Split(strings.TrimSpace(j.ask(t, a, args...)), "\n")
	if len(verdicts) != len(claims) {
		t.Fatalf("%d verdicts on %d claims: %q", len(verdicts), len(claims), verdicts)
	}
	for i, c := range claims {
		if accepted := verdicts[i] == "accepted"; accepted != c.holds {
			t.Errorf("%s: Bouncy Castle: %s", c.name, verdicts[i])
		}
		if err := parsed(t, c.record).Verify(c.hashes, a.check); (err == nil) != c.holds {
			t.Errorf("%s: we: %v", c.name, err)
		}
	}
}

func store(t *testing.T, a *tsa, prefix string, list [][]byte) (names []string) {
	t.Helper()
	for i, object := range list {
		names = append(names, fmt.Sprintf("%s-object%d", prefix, i))
		a.write(t, names[i], object)
	}
	return names
}

func TestBouncyCastleAgreesOnOurRecords(t *testing.T) {
	a, j := newTSA(t), newJudge(t)
	deposit, hashes := objects("deposit", 6)
	single, lone := objects("single", 1)
	twins, twinHashes := objects("twin", 3)
	twins[1], twinHashes[1] = twins[0], twinHashes[0]
	_, other := objects("other", 5)
	_, third := objects("third", 7)
	r := a.round(t, other, hashes, lone, third, twinHashes)

	claims := []claim{
		{"a group among groups", r.record(t, 1), deposit, hashes, true},
		{"an object among groups", r.record(t, 2), single, lone, true},
		{"a group with the same object twice", r.record(t, 4), twins, twinHashes, true},
		{"an object alone", a.round(t, lone).record(t, 0), single, lone, true},
		{"a group alone", a.round(t, hashes).record(t, 0), deposit, hashes, true},
		{"timestamp renewed", renewTimestamp(t, a, r.record(t, 1)), deposit, hashes, true},
		{"timestamp renewed twice", renewTimestamp(t, a, renewTimestamp(t, a, r.record(t, 1))), deposit, hashes, true},
		{"hash tree renewed", renewHashTree(t, a, r.record(t, 1), hashes), deposit, hashes, true},
		{"both renewed", renewTimestamp(t, a, renewHashTree(t, a, renewTimestamp(t, a, r.record(t, 1)), hashes)), deposit, hashes, true},
		{"an object's hash tree renewed", renewHashTree(t, a, r.record(t, 2), lone), single, lone, true},
	}
	for _, c := range claims {
		c.name += ", an object altered"
		c.list = append([][]byte{append([]byte("not "), c.list[0]...)}, c.list[1:]...)
		c.hashes = append([][32]byte{sha256.Sum256(c.list[0])}, c.hashes[1:]...)
		c.holds = false
		claims = append(claims, c)
	}
	path := r.tree.Path(1)
	path[0][0][0] ^= 1
	altered, err := NewRecord(hashes, path, r.token)
	if err != nil {
		t.Fatal(err)
	}
	claims = append(claims, claim{"another path", altered, deposit, hashes, false})
	j.hear(t, a, claims)
}

func TestWeReadBouncyCastlesRecords(t *testing.T) {
	a, j := newTSA(t), newJudge(t)
	deposit, hashes := objects("deposit", 6)
	names := store(t, a, "deposit", deposit)
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
