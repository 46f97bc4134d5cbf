package appliance_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"casemate/appliance/client"
)

// backed is a box with a recovery certificate, whose key only the test has.
func backed(t *testing.T) *disks {
	t.Helper()
	return (&disks{box: newBox(t)}).withRecovery()
}

// withRecovery makes a recovery key and names its certificate in the configuration.
func (d *disks) withRecovery() *disks {
	d.t.Helper()
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-subj", "/CN=recovery", "-days", "30",
		"-addext", "keyUsage=critical,keyEncipherment", "-keyout", d.in("recovery.key"), "-out", d.in("recovery.pem")).CombinedOutput()
	if err != nil {
		d.t.Fatalf("making a recovery certificate: %v\n%s", err, out)
	}
	d.configure(`[backup]
recipients = "recovery.pem"
`)
	return d
}

// configure adds tables to the configuration.
func (d *disks) configure(text string) {
	d.t.Helper()
	old, err := os.ReadFile(d.in("casemate.toml"))
	d.must(err)
	d.must(os.WriteFile(d.in("casemate.toml"), append(old, text...), 0o600))
}

// TestBackupAndRestore is the life of a backup: taken under load, then what was changed since, of the running
// safe and of a stopped one; verified with and without keys; drilled; all volumes lost; restored, decided by two
// officers since the token knows better, and what it held proved to outsiders.
func TestBackupAndRestore(t *testing.T) {
	d := backed(t)
	medium := d.in("stick")
	d.start()
	d.vault()
	for range 3 {
		d.deposit()
	}
	d.waitProved(d.client("depositor"), d.kept[0].doc)

	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for range 2 {
		load.Go(func() { d.depositUntil(ctx) })
	}
	d.has(d.do("backup", "--same-disk", medium), "Backup 1 (whole)", "SHA-256 of its manifest")
	before := len(d.kept)
	d.deposit()
	d.has(d.do("backup", "--same-disk", medium), "Backup 2 (increment)", "files of keys")

	out, code := d.said("restore", "--verify", medium)
	if code != 0 {
		t.Fatalf("verified without a key: %d\n%s", code, out)
	}
	d.has(out, "Every file is there", "Not looked at: what is enciphered", "Not looked at: whether this safe made it")
	d.has(d.do("restore", "--verify", medium, "--recovery-key", d.in("recovery.key")), "All of it deciphers", "This safe made it")
	d.has(d.do("backup", "drill", medium, "--recovery-key", d.in("recovery.key"), "--documents", "4"), "4 documents were read and proved")
	stop()
	load.Wait()
	if d.journaled("backup") != 2 || d.journaled("backup-drill") != 1 {
		t.Errorf("%d backups and %d drills are in the journal", d.journaled("backup"), d.journaled("backup-drill"))
	}

	d.deposit()
	inBackup := len(d.kept)
	d.stop()
	d.has(d.do("backup", "--same-disk", medium), "Backup 3 (increment)")
	d.start()
	d.deposit() // and is lost with the volumes
	_, err := d.client("auditor").Checkpoint(t.Context())
	d.must(err)
	out, code = d.said("restore", medium, "--recovery-key", d.in("recovery.key"))
	if code == 0 || !strings.Contains(out, "the safe is running") {
		t.Errorf("restored under a running safe: %d\n%s", code, out)
	}
	d.stop()
	if out, code := d.said("restore", medium, "--recovery-key", d.in("recovery.key")); code == 0 {
		t.Errorf("restored over volumes that are there:\n%s", out)
	}

	d.must(os.RemoveAll(d.in("volumes")))
	d.must(os.RemoveAll(d.in("state/mirror"))) // the token alone remembers
	d.has(d.do("restore", medium, "--recovery-key", d.in("recovery.key")), "Backup 3", "two officers decide")
	if out, code := d.said("serve"); code != 78 {
		t.Fatalf("an older state opened by itself: %d\n%s", code, out)
	}
	s := d.status()
	if len(s.Choices) != 1 || s.Choices[0].Dir != d.in("volumes/a") {
		t.Fatalf("the choices: %+v", s.Choices)
	}
	statement := d.statement(s.Choices[0].ID)
	d.do("raid", "decide", "--signature", d.sign(statement, "officer-1"), "--signature", d.sign(statement, "officer-2"))
	d.start()
	d.kept = d.kept[:inBackup]
	d.readAll()
	c := d.client("depositor")
	d.verify(t.Context(), c, d.kept[0].doc, d.kept[0].body, true)
	d.verify(t.Context(), c, d.kept[before].doc, d.kept[before].body, false)
	d.awaitHealthy() // the other volume is filled by itself
	d.toldOfRestore()
	d.deposit()
	d.has(d.do("backup", "--same-disk", medium), "Backup 4 (increment)")
	d.has(d.do("backup", "drill", medium, "--recovery-key", d.in("recovery.key")), "documents were read and proved")
	d.stop()
	d.start()
	d.toldOfRestore() // and not again
	d.stop()
	d.fsck()
	d.restoredToBefore(medium)
}

// restoredToBefore restores an older number than the newest: what the newer ones hold is given up, counts for nothing,
// and stays where it lies.
func (d *disks) restoredToBefore(medium string) {
	d.t.Helper()
	d.must(os.RemoveAll(d.in("volumes")))
	d.must(os.RemoveAll(d.in("state/mirror")))
	d.do("restore", medium, "--number", "3", "--recovery-key", d.in("recovery.key"))
	d.asEarlierNote()
	d.acceptOlder()
	d.start()
	d.toldOfRestore()
	before, journaled := d.listed(medium), d.journaled("backup")
	for _, args := range [][]string{{"backup", "--same-disk", medium}, {"backup", "--same-disk", "--full", medium}} {
		out, code := d.said(args...)
		if code == 0 || !strings.Contains(out, "this safe gave up") || !strings.Contains(out, "name another folder") {
			d.t.Errorf("%v over what was given up: %d\n%s", args, code, out)
		}
	}
	if !slices.Equal(before, d.listed(medium)) || d.journaled("backup") != journaled {
		d.t.Errorf("%s was changed, or %d backups more are in the journal", medium, d.journaled("backup")-journaled)
	}
	d.has(d.do("backup", "--same-disk", d.in("another")), "Backup 1 (whole)")
	d.must(os.RemoveAll(d.in("older")))
	d.must(os.CopyFS(d.in("older"), os.DirFS(medium)))
	newer, err := filepath.Glob(d.in("older/000004.*"))
	d.must(err)
	for _, name := range newer {
		d.must(os.Remove(name))
	}
	d.has(d.do("backup", "--same-disk", d.in("older")), "Backup 4 (whole)", "not as it was written") // its keys are in what was given up
	d.stop()
}

// asEarlierNote puts the note of a restoring where an earlier version left it, as that wrote it.
func (d *disks) asEarlierNote() {
	d.t.Helper()
	text, err := os.ReadFile(d.in("volumes/a/restored.json"))
	d.must(err)
	var note struct{ Restored json.RawMessage }
	d.must(json.Unmarshal(text, &note))
	d.must(os.WriteFile(d.in("state/restored.json"), note.Restored, 0o600))
	d.must(os.Remove(d.in("volumes/a/restored.json")))
}

// listed are the names in a folder.
func (d *disks) listed(dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	d.must(err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// depositUntil deposits from a client of its own until it is told to stop. What it deposits is not kept.
func (d *disks) depositUntil(ctx context.Context) {
	c := d.client("depositor")
	for body := make([]byte, 20<<10); ctx.Err() == nil; {
		_, _ = rand.Read(body)
		if _, err := c.Deposit(ctx, deposit(body)); err != nil && ctx.Err() == nil {
			d.t.Errorf("a deposit under load: %v", err)
			return
		}
	}
}

// toldOfRestore demands that the journal says once that the safe was restored, from what and by whom.
func (d *disks) toldOfRestore() {
	d.t.Helper()
	n := 0
	for e, err := range d.client("auditor").Journal(d.t.Context(), client.Query{}) {
		d.must(err)
		if e.Act == "restore" {
			n++
			if e.Refs["number"] != "3" || e.Refs["backup"] == "" || !strings.HasPrefix(e.Refs["by"], "local user") {
				d.t.Errorf("the journal says of restoring: %+v", e.Refs)
			}
		}
	}
	if n != 1 {
		d.t.Errorf("the journal says %d times that the safe was restored", n)
	}
}

// TestRestoredElsewhere restores on another machine, with the token: the state folder and all configuration
// come from the backup; the recovery key stayed with openssl.
func TestRestoredElsewhere(t *testing.T) {
	d := backed(t)
	d.start()
	d.vault()
	d.deposit()
	medium := d.in("stick")
	d.do("backup", "--same-disk", medium)
	d.stop()
	d.must(os.Mkdir(d.in("opened"), 0o700))
	if out, err := exec.Command("openssl", "cms", "-decrypt", "-inform", "DER", "-in", filepath.Join(medium, "000001.recipients"),
		"-inkey", d.in("recovery.key"), "-out", d.in("opened/000001.key")).CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	d.must(os.Chmod(d.in("opened/000001.key"), 0o644)) // as openssl writes it, often
	if out, code := d.said("restore", "--verify", medium, "--opened", d.in("opened")); code == 0 || !strings.Contains(out, "chmod 0600") {
		t.Errorf("an opened key that others may read: %d\n%s", code, out)
	}
	d.must(os.Chmod(d.in("opened/000001.key"), 0o600))
	verify := d.command("restore", "--verify", medium)
	verify = exec.Command("bash", append([]string{"-c", `key=$1; shift; "$@" --recovery-key <(cat "$key")`, "bash", d.in("recovery.key")}, verify.Args...)...)
	if out, err := verify.CombinedOutput(); err != nil || !strings.Contains(string(out), "All of it deciphers") {
		t.Errorf("with a recovery key from a pipe: %v\n%s", err, out)
	}
	elsewhere := func(args ...string) (string, int) { // on a machine that knows no safe
		cmd := exec.Command(program(t, "casemate/appliance/cmd/casemated"), append([]string{"restore", medium, "--config", d.in("none.toml"),
			"--opened", d.in("opened")}, args...)...)
		out, _ := cmd.CombinedOutput() // its code tells
		return string(out), cmd.ProcessState.ExitCode()
	}
	out, code := elsewhere("--files", d.in("unproved"))
	if code == 0 || !strings.Contains(out, "nothing proves that this safe made the backup") {
		t.Errorf("files that nobody vouches for: %d\n%s", code, out)
	}
	if out, code := elsewhere("--files", d.in("unproved"), "--digest", strings.Repeat("ab", 32)); code == 0 {
		t.Errorf("files of another digest:\n%s", out)
	}
	manifest, err := os.ReadFile(filepath.Join(medium, "000001.manifest"))
	d.must(err)
	if out, code := elsewhere("--files", d.in("proved"), "--digest", fmt.Sprintf("%x", sha256.Sum256(manifest))); code != 0 {
		t.Errorf("files of the digest that was printed: %s", out)
	}
	if out, code := elsewhere("--files", d.in("unproved"), "--unproved"); code != 0 {
		t.Errorf("files that a person insists on: %s", out)
	}
	d.has(d.do("restore", medium, "--opened", d.in("opened"), "--files", d.in("files")), "files are in")
	for _, name := range []string{"config/casemate.toml", "config/callers.toml", "token/setup.json", "token/checkpoint.json", "state/volumes.key"} {
		if _, err := os.Stat(d.in("files/" + name)); err != nil {
			t.Errorf("not in the backup: %v", err)
		}
	}
	if out, err := exec.Command("grep", "-rlF", "PRIVATE KEY", d.in("files")).CombinedOutput(); err == nil {
		t.Errorf("a private key in the backup: %s", out)
	}
	pin, err := os.ReadFile(d.in("secrets/pin"))
	d.must(err)
	if out, err := exec.Command("grep", "-rlF", strings.TrimSpace(string(pin)), d.in("files")).CombinedOutput(); err == nil {
		t.Errorf("the PIN in the backup: %s", out)
	}
	d.must(os.RemoveAll(d.in("volumes")))
	d.must(os.RemoveAll(d.in("state/mirror")))
	d.must(os.Remove(d.in("state/volumes.key")))
	d.do("restore", medium, "--opened", d.in("opened"), "--to", d.in("volumes/b"))
	d.acceptOlder()
	d.start()
	d.readAll()
}

// TestBackupGivenUp kills the command, and the safe, in the middle: the medium has what it had, the journal an
// end for each intent, and the next backup is made.
func TestBackupGivenUp(t *testing.T) {
	d := backed(t)
	d.start()
	d.vault()
	for range 4 {
		d.deposit()
	}
	medium := d.in("stick")
	d.do("backup", "--same-disk", medium)
	d.deposit()
	cmd, ended, tries := d.backupHalfway(medium)
	begun := 1 + tries
	d.kill()
	d.must(cmd.Process.Signal(syscall.SIGCONT))
	if err := <-ended; err == nil {
		t.Error("a backup of a safe that died is taken for whole")
	}
	d.start()
	d.do("restore", "--verify", medium)

	cmd, ended, tries = d.backupHalfway(medium)
	begun += tries
	d.must(cmd.Process.Kill())
	<-ended
	d.do("restore", "--verify", medium)
	d.do("backup", "--same-disk", medium)
	begun++
	if left, err := filepath.Glob(filepath.Join(medium, ".*")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	intents, ends := 0, 0
	for e, err := range d.client("auditor").Journal(t.Context(), client.Query{}) {
		d.must(err)
		switch {
		case e.Act != "backup":
		case e.Result == "intent":
			intents++
		default:
			ends++
		}
	}
	if intents != begun || ends != begun {
		t.Errorf("%d intents and %d ends of %d backups in the journal", intents, ends, begun)
	}
}

// backupHalfway is a whole backup that stands still (SIGSTOP) while its data are being written. One that was
// faster than the hand is taken to its end, and another begun; tries counts all of them.
func (d *disks) backupHalfway(medium string) (cmd *exec.Cmd, ended <-chan error, tries int) {
	d.t.Helper()
	halfway := func() bool {
		unfinished, err := filepath.Glob(filepath.Join(medium, ".*data*"))
		d.must(err)
		return len(unfinished) > 0
	}
	for tries = 1; tries <= 50; tries++ {
		cmd := d.command("backup", "--full", "--same-disk", medium)
		d.must(cmd.Start())
		result, done := make(chan error, 1), make(chan struct{})
		go func() { result <- cmd.Wait(); close(done) }()
		for !halfway() && !closed(done) {
			time.Sleep(100 * time.Microsecond)
		}
		if !closed(done) && stopped(cmd.Process, done) && halfway() {
			return cmd, result, tries
		}
		_ = cmd.Process.Signal(syscall.SIGCONT) // it may have ended
		d.must(<-result)
	}
	d.t.Fatal("a backup is always over before it can be stopped")
	return nil, nil, 0
}

func closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// stopped stops a process and waits until each of its threads stands still, or it has ended.
func stopped(p *os.Process, done <-chan struct{}) bool {
	_ = p.Signal(syscall.SIGSTOP)
	for !closed(done) {
		running := false
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.Pid))
		for _, task := range tasks {
			text, _ := os.ReadFile(task)
			_, state, _ := strings.Cut(string(text), ") ")
			running = running || !strings.HasPrefix(state, "T")
		}
		if len(tasks) > 0 && !running {
			return true
		}
		time.Sleep(100 * time.Microsecond)
	}
	return false
}
