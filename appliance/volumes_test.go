package appliance_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"casemate/appliance/client"
	"casemate/appliance/wire"
	"casemate/raid/raidtest"
)

// disks is a box on disks of its own, which a test may hurt, and what was deposited in it.
type disks struct {
	*box
	kept []keptDocument
}

type keptDocument struct {
	doc  wire.Document
	body []byte
}

const diskSize = 400 << 20

func newDisks(t *testing.T, images ...*raidtest.Image) *disks {
	t.Helper()
	var dirs []string
	for _, image := range images {
		dirs = append(dirs, image.Dir)
	}
	d := &disks{box: newBoxOn(t, dirs...)}
	text, err := os.ReadFile(d.in("casemate.toml"))
	d.must(err)
	d.must(os.WriteFile(d.in("casemate.toml"), bytes.Replace(text, []byte(`min_free = "64MiB"`), []byte("min_free = \"16MiB\"\nspare_after = \"1s\""), 1), 0o600))
	return d
}

// deposit puts a document in, and demands that it is taken.
func (d *disks) deposit() {
	d.t.Helper()
	body := make([]byte, 100<<10)
	_, _ = rand.Read(body)
	doc, err := d.client("depositor").Deposit(d.t.Context(), deposit(body))
	if err != nil {
		d.t.Fatalf("a deposit: %v\n%s", err, d.words)
	}
	d.kept = append(d.kept, keptDocument{doc, body})
}

// readAll demands that everything deposited comes back as it was.
func (d *disks) readAll() {
	d.t.Helper()
	c := d.client("depositor")
	for _, k := range d.kept {
		var back bytes.Buffer
		if err := c.ReadFile(d.t.Context(), k.doc, 1, &back); err != nil || !bytes.Equal(back.Bytes(), k.body) {
			d.t.Fatalf("document %s: %v", k.doc.ID, err)
		}
	}
}

// said is one run of the command: its words, and its exit code.
func (d *disks) said(args ...string) (out string, code int) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(d.t, "casemate/appliance/cmd/casemated"), append(args, "--config", d.in("casemate.toml"))...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	b, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		d.t.Fatalf("casemated %q: %v\n%s", args, err, b)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

// do demands that a command succeeds.
func (d *disks) do(args ...string) string {
	d.t.Helper()
	out, code := d.said(args...)
	if code != 0 {
		d.t.Fatalf("casemated %q ends with %d:\n%s\nthe daemon says:\n%s", args, code, out, d.words)
	}
	return out
}

// status is what a program reads of raid status.
func (d *disks) status() (s wire.Storage) {
	d.t.Helper()
	cmd := d.command("raid", "status", "--json")
	out, _ := cmd.Output() // its code tells what the state tells
	if err := json.Unmarshal(out, &s); err != nil {
		d.t.Fatalf("raid status says %q: %v", out, err)
	}
	return s
}

// await polls raid status until a condition holds.
func (d *disks) await(what string, ok func(wire.Storage) bool) wire.Storage {
	d.t.Helper()
	for end := time.Now().Add(3 * time.Minute); ; {
		s := d.status()
		if ok(s) {
			return s
		}
		if time.Now().After(end) {
			d.t.Fatalf("waited for %s in vain: %+v\n%s", what, s, d.words)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (d *disks) awaitHealthy() wire.Storage {
	d.t.Helper()
	return d.await("a healthy mirror", func(s wire.Storage) bool { return s.State == "healthy" })
}

func (d *disks) awaitVolume(dir string, states ...string) wire.Volume {
	d.t.Helper()
	s := d.await(fmt.Sprintf("the volume in %s to be %v", dir, states), func(s wire.Storage) bool {
		for _, state := range states {
			if at(s, dir).State == state {
				return true
			}
		}
		return false
	})
	return at(s, dir)
}

func at(s wire.Storage, dir string) wire.Volume {
	for _, v := range s.Volumes {
		if v.Dir == dir {
			return v
		}
	}
	return wire.Volume{}
}

// journaled counts the entries of an act that ended well.
func (d *disks) journaled(act string) (n int) {
	d.t.Helper()
	for e, err := range d.client("auditor").Journal(d.t.Context(), client.Query{}) {
		d.must(err)
		if e.Act == act && e.Result == "done" {
			n++
		}
	}
	return n
}

// has demands words of an output.
func (d *disks) has(out string, all ...string) {
	d.t.Helper()
	for _, words := range all {
		if !strings.Contains(out, words) {
			d.t.Errorf("no %q in\n%s", words, out)
		}
	}
}

// TestDeadDiskReplaced is what an administrator meets on a Monday: a disk died, deposits went on, raid
// status says what to do, and doing it makes the mirror healthy.
func TestDeadDiskReplaced(t *testing.T) {
	a, b, fresh := raidtest.MakeImage(t, "xfs", diskSize), raidtest.MakeImage(t, "xfs", diskSize), raidtest.MakeImage(t, "ext4", diskSize)
	d := newDisks(t, a, b)
	manager := notified(t)
	d.start()
	d.vault()
	d.deposit()
	out, code := d.said("raid", "status")
	if code != 0 {
		t.Errorf("a healthy mirror ends with %d:\n%s", code, out)
	}
	d.has(out, "mirror healthy", a.Dir, "in sync", "deposits are taken, on 2 volumes")

	b.Cut()
	for range 3 {
		d.deposit()
	}
	dead := d.awaitVolume(b.Dir, "faulted", "missing")
	out, code = d.said("raid", "status")
	if code != 5 {
		t.Errorf("a mirror with a dead disk ends with %d", code)
	}
	d.has(out, "DEGRADED since", "casemated raid replace "+dead.ID[:8]+" NEWDIR")
	out, _ = d.said("raid", "status", "--lang", "fr")
	d.has(out, "miroir DÉGRADÉ depuis le", "à faire :", "casemated raid replace "+dead.ID[:8]+" NEWDIR")

	manager("STATUS=volumes degraded, " + b.Dir)
	for _, c := range []struct{ dir, words string }{
		{t.TempDir(), "No disk is mounted there"}, {a.Dir, "not empty"}, {"/nowhere", "cannot become a volume"},
	} {
		out, code := d.said("raid", "replace", dead.ID[:8], c.dir, "--yes")
		if code != 1 {
			t.Errorf("replacing by %s ends with %d:\n%s", c.dir, code, out)
		}
		d.has(out, c.words, "hint: ")
	}
	if out, code := d.said("raid", "replace", dead.ID[:8], fresh.Dir); code != 2 {
		t.Errorf("without a terminal and --yes it ends with %d:\n%s", code, out)
	}
	d.has(d.do("raid", "replace", dead.ID[:8], fresh.Dir, "--yes"), "is replaced by", "dirs = [")
	d.awaitHealthy()
	manager("STATUS=volumes healthy;")
	if _, err := os.Stat(fresh.Dir + "/volumes.key"); err != nil {
		t.Errorf("the volumes' wrapped key is not beside the new volume: %v", err)
	}
	if n := d.journaled("volume-replace"); n != 1 {
		t.Errorf("the journal has %d replacements", n)
	}
	d.deposit()
	d.readAll()
	d.stop()
	d.fsck()
	a.Cut() // the new one alone has everything
	d.start()
	d.readAll()
}

// TestDetachedComesBack: a volume is carried away, deposits go on, it is caught up when it is back.
func TestDetachedComesBack(t *testing.T) {
	a, b := raidtest.MakeImage(t, "xfs", diskSize), raidtest.MakeImage(t, "xfs", diskSize)
	d := newDisks(t, a, b)
	d.start()
	d.vault()
	d.deposit()
	d.has(d.do("raid", "detach", b.Dir), "may be taken out")
	d.awaitVolume(b.Dir, "detached")
	b.Remount() // nobody holds it any more
	d.deposit()
	if out, code := d.said("raid", "status"); code != 5 || !strings.Contains(out, "casemated raid resilver "+at(d.status(), b.Dir).ID[:8]) {
		t.Errorf("%d\n%s", code, out)
	}
	out, code := d.said("doctor")
	d.has(out, "mirror         degraded", "is detached", "casemated raid resilver")
	if code != 0 {
		t.Errorf("doctor takes a detached volume for a fault: %d\n%s", code, out)
	}
	out, code = d.said("raid", "detach", a.Dir)
	if code != 1 {
		t.Errorf("the last one in sync was detached:\n%s", out)
	}
	d.do("raid", "resilver", b.Dir)
	d.awaitHealthy()
	if d.journaled("volume-detach") != 1 || d.journaled("volume-resilver") != 1 {
		t.Error("an act is not in the journal")
	}
	d.stop()
	out, code = d.said("raid", "status") // nobody runs: from what the volumes say
	if code != 0 {
		t.Errorf("a healthy mirror that is closed: %d", code)
	}
	d.has(out, "the safe is not running", "mirror healthy", b.Dir)
	id := at(d.status(), b.Dir).ID
	out, _ = d.said("raid", "examine", b.Dir)
	d.has(out, "volume "+id[:8]+"  "+b.Dir)
	if out, code := d.said("raid", "examine", "/nowhere"); code == 0 || strings.Contains(out, "in sync") {
		t.Errorf("an empty place: %d\n%s", code, out)
	}
	d.fsck()
}

// notified listens in place of the service manager, as steadily as it does; what it gives waits for a line
// that begins so, behind the last one waited for.
func notified(t *testing.T) (wait func(line string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	said := make(chan string, 10000)
	go func() {
		defer close(said)
		for b := make([]byte, 4096); ; {
			n, err := l.Read(b)
			if err != nil {
				return
			}
			said <- string(b[:n])
		}
	}()
	return func(line string) {
		t.Helper()
		late, last := time.After(time.Minute), ""
		for !strings.Contains("\n"+last, "\n"+line) {
			select {
			case last = <-said:
			case <-late:
				t.Fatalf("the service manager was not told %q; the last it heard is %q", line, last)
			}
		}
	}
}

// TestRottenValueRepaired: a byte rots on a disk while the safe serves; a scrub finds it, writes it again
// from the other volume, and says so. fsck then has nothing to say of that volume.
func TestRottenValueRepaired(t *testing.T) {
	a, b := raidtest.MakeImage(t, "xfs", diskSize), raidtest.MakeImage(t, "xfs", diskSize)
	d := newDisks(t, a, b)
	d.start()
	d.vault()
	for range 4 {
		d.deposit()
	}
	d.rot(b.Dir)
	d.has(d.do("raid", "scrub", "start"), "the scrub is running")
	s := d.await("the scrub to end", func(s wire.Storage) bool { return s.Scrub.Last != nil && s.Scrub.State == "idle" })
	if last := s.Scrub.Last; last.Findings == 0 || last.Repaired == 0 || last.Unrepaired != 0 {
		t.Errorf("%+v", last)
	}
	d.has(d.do("raid", "scrub"), "the last one ended", "report "+s.Scrub.Last.Report)
	d.has(d.do("raid", "scrub", "--lang", "fr"), "la dernière a fini le")
	if out, code := d.said("raid", "scrub", "pause", "--lang", "fr"); code != 1 || !strings.Contains(out, "aucune relecture n'est en cours") {
		t.Errorf("a scrub that does not run was paused: %d\n%s", code, out)
	}
	d.readAll()
	d.stop()
	d.has(d.do("fsck", "--volume", b.Dir, "--repair"), "volume "+b.Dir, "clean")
	if out, code := d.said("fsck", "--volume", "/nowhere"); code != 1 || !strings.Contains(out, "casemated raid status") {
		t.Errorf("a volume that is none: %d\n%s", code, out)
	}
}

// rot flips a byte in the middle of the oldest value log of a volume.
func (d *disks) rot(dir string) {
	d.t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*", "*.vlog"))
	d.must(err)
	if len(logs) == 0 {
		d.t.Fatalf("no value log below %s", dir)
	}
	slices.Sort(logs)
	f, err := os.OpenFile(logs[0], os.O_RDWR, 0)
	d.must(err)
	defer f.Close() //nolint:errcheck // synced
	one := make([]byte, 1)
	_, err = f.ReadAt(one, 150<<10)
	d.must(err)
	one[0] ^= 1
	_, err = f.WriteAt(one, 150<<10)
	d.must(errors.Join(err, f.Sync()))
}

// TestSparePromoted: a spare takes the place of a dead disk by itself; the same over the API.
func TestSparePromoted(t *testing.T) {
	a, b, spare := raidtest.MakeImage(t, "xfs", diskSize), raidtest.MakeImage(t, "xfs", diskSize), raidtest.MakeImage(t, "xfs", diskSize)
	d := newDisks(t, a, b)
	d.start()
	d.vault()
	d.deposit()
	admin := d.client("admin")
	if _, err := d.client("depositor").AddVolume(t.Context(), wire.NewVolume{Dir: spare.Dir, Spare: true}); !errors.Is(err, client.ErrForbidden) {
		t.Errorf("a depositor added a spare: %v", err)
	}
	if _, err := admin.AddVolume(t.Context(), wire.NewVolume{Dir: spare.Dir, Spare: true}); err != nil {
		t.Fatal(err)
	}
	d.awaitVolume(spare.Dir, "spare")
	if _, code := d.said("raid", "status"); code != 0 {
		t.Errorf("a mirror with a spare ends with %d", code)
	}
	b.Cut()
	d.deposit()
	d.awaitVolume(spare.Dir, "in-sync")
	d.deposit()
	d.readAll()
	// The disk that failed is told of as such, though its volume has the spare's seat now.
	d.awaitVolume(b.Dir, "faulted", "missing")
	if out, code := d.said("raid", "status"); code != 5 || !strings.Contains(out, "raid replace") {
		t.Errorf("a failed disk in the spare's seat asks for nobody: %d\n%s", code, out)
	}
	for end := time.Now().Add(time.Minute); d.journaled("volume-promoted") == 0 || !strings.Contains(d.words.String(), "kind=promoted"); {
		if time.Now().After(end) {
			t.Fatal("the journal, or the log, does not tell of the promotion")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestDecidedByTwoOfficers: a volume that missed deposits is all that is left. The safe does not open;
// two officers decide; it opens with what that volume holds, and the journal says so.
func TestDecidedByTwoOfficers(t *testing.T) {
	a, b := raidtest.MakeImage(t, "xfs", diskSize), raidtest.MakeImage(t, "xfs", diskSize)
	d := newDisks(t, a, b)
	d.start()
	d.vault()
	d.deposit()
	before := len(d.kept)
	b.Cut()
	d.deposit() // on a alone
	d.awaitVolume(b.Dir, "faulted", "missing")
	_, err := d.client("auditor").Checkpoint(t.Context()) // the token has signed what a alone has
	d.must(err)
	d.stop()
	b.Remount()
	a.Unmount() // and a is lost

	out, code := d.said("serve")
	if code != 78 {
		t.Errorf("serve ends with %d:\n%s", code, out)
	}
	d.has(out, "REFUSED", "choice ", "loses:", "casemated raid decide")
	s := d.status()
	if s.State != "refused" || len(s.Choices) != 1 || s.Choices[0].Dir != b.Dir {
		t.Fatalf("%+v", s)
	}
	if out, code := d.said("serve", "--lang", "fr"); code != 78 || !strings.Contains(out, "erreur : les volumes présents ne prouvent pas") || !strings.Contains(out, "conseil : rien n'a été changé") {
		t.Errorf("serve ends with %d:\n%s", code, out)
	}
	if out, code := d.said("raid", "decide"); code != 5 {
		t.Errorf("raid decide ends with %d:\n%s", code, out)
	}

	give := func() { // as it is where the safe has a user of its own, and root hands the decision in
		d.must(exec.Command("chown", "-R", "65534:65534", d.dir, b.Dir).Run())
		d.must(exec.Command("chown", "-R", "65533", d.in("state/hsm")).Run()) // and so has the token process, which does not run
	}
	give()
	statement := d.statement(s.Choices[0].ID[:8])
	one, two := d.sign(statement, "officer-1"), d.sign(statement, "officer-2")
	for _, c := range []struct {
		name string
		args []string
	}{
		{"one officer", []string{"--signature", one}},
		{"one officer twice", []string{"--signature", one, "--signature", one}},
		{"an administrator", []string{"--signature", one, "--signature", d.sign(statement, "admin")}},
	} {
		if out, code := d.said(append([]string{"raid", "decide"}, c.args...)...); code == 0 {
			t.Errorf("%s decided:\n%s", c.name, out)
		}
	}
	if out, code := d.said("serve"); code != 78 {
		t.Errorf("without a decision serve ends with %d:\n%s", code, out)
	}
	give()
	d.has(d.do("raid", "decide", "--signature", one, "--signature", two), "decided by officer-1 and officer-2")
	if out, err := exec.Command("find", d.dir, "!", "-uid", "65534", "!", "-uid", "65533").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("left to root, who is not the safe: %s, %v", out, err)
	}
	if out, code := d.said("raid", "decide", "--signature", one, "--signature", two); code == 0 {
		t.Errorf("the same statement served twice:\n%s", out)
	}
	d.start()
	d.kept = d.kept[:before]
	d.readAll()
	d.deposit()
	for end := time.Now().Add(time.Minute); d.journaled("volume-decided") == 0; {
		if time.Now().After(end) {
			t.Fatal("the journal does not tell of the decision")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if d.journaled("journal-resume") != 1 { // what the token had signed of a's deposit was given up
		t.Error("the journal does not tell that the token went on without what it had signed")
	}
	d.stop()
	d.start() // and needs nobody's decision again
	d.readAll()
}

// statement prints the statement of a choice into a file.
func (d *disks) statement(choice string) string {
	d.t.Helper()
	text, err := d.command("raid", "decide", choice).Output()
	d.must(err)
	name := d.in("decision.txt")
	d.must(os.WriteFile(name, text, 0o600))
	return name
}

// sign is the line that the command itself tells an officer to type.
func (d *disks) sign(statement, who string) string {
	d.t.Helper()
	out := d.in(who + ".p7s")
	cmd := exec.Command("openssl", "cms", "-sign", "-binary", "-in", statement, "-signer", d.in("clients/"+who+".crt"),
		"-inkey", d.in("clients/"+who+".key"), "-outform", "DER", "-out", out)
	if said, err := cmd.CombinedOutput(); err != nil {
		d.t.Fatalf("%v\n%s", err, said)
	}
	return out
}
