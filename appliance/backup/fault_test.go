package backup_test

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"casemate/appliance/backup"
	"casemate/raid"
	"casemate/raid/raidtest"
)

// TestMediumFull runs the medium full in the middle, and before anything is written: what was there stands.
func TestMediumFull(t *testing.T) {
	r := newRig(t)
	img := raidtest.MakeImage(t, "ext4", 16<<20)
	r.dir = filepath.Join(img.Dir, "backup")
	r.take()
	for i := range 40 {
		r.put(fmt.Sprintf("k/%d", i), strings.Repeat(fmt.Sprint(i), 150<<10))
	}
	img.Fill(2 << 20)
	if _, err := backup.Take(t.Context(), r.options(), r); !errors.Is(err, backup.ErrFull) {
		t.Fatalf("on a full medium: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(r.dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("it left %v", left)
	}
	r.standing(0, "k/a", "one", "k/3", "")
	img.Empty()
	r.estimate = 1 << 40
	whole := r.options()
	whole.Full = true
	if _, err := backup.Take(t.Context(), whole, r); !errors.Is(err, backup.ErrFull) {
		t.Fatalf("on a medium that is too small: %v", err)
	}
	r.estimate = 0
	r.take()
	r.standing(0, "k/3", strings.Repeat("3", 150<<10))
}

// TestMediumFullAtEachBlock leaves the medium one block more each time, until a backup fits: as long as none does, each
// attempt says that there is no room and leaves nothing behind.
func TestMediumFullAtEachBlock(t *testing.T) {
	r := newRig(t)
	img := raidtest.MakeImage(t, "ext4", 16<<20)
	r.dir = filepath.Join(img.Dir, "backup")
	first := r.take()
	names := func() (list []string) {
		entries, err := os.ReadDir(r.dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			list = append(list, e.Name())
		}
		return list
	}
	before := names()
	two := strings.Repeat("two", 10<<10)
	r.put("k/a", two)
	failed := 0
	for leave := int64(0); ; leave += 4096 {
		img.Fill(leave)
		_, err := backup.Take(t.Context(), r.options(), r)
		img.Empty()
		if err == nil {
			break
		}
		failed++
		if got := names(); !errors.Is(err, backup.ErrFull) || !slices.Equal(got, before) {
			t.Fatalf("with room for %d bytes: %v; it left %v", leave, err, got)
		}
		if e := r.ended[len(r.ended)-1]; e.Failed == "" {
			t.Errorf("with room for %d bytes: the safe was told %+v", leave, e)
		}
	}
	if failed < 6 {
		t.Errorf("it failed %d times only", failed)
	}
	r.standing(first.Number, "k/a", "one")
	r.standing(0, "k/a", two)
}

// TestNameTaken: a file that cannot get its name leaves nothing of its backup.
func TestNameTaken(t *testing.T) {
	r := newRig(t)
	r.take()
	inTheWay := filepath.Join(r.dir, "000002.box-001")
	r.before = func(string) {
		if err := os.MkdirAll(filepath.Join(inTheWay, "full"), 0o700); err != nil {
			t.Error(err)
		}
	}
	if _, err := backup.Take(t.Context(), r.options(), r); !errors.Is(err, backup.ErrMedium) {
		t.Fatalf("with something in the way of a name: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(r.dir, "*000002.*"))
	if err != nil || len(left) != 1 {
		t.Errorf("it left %v, %v", left, err)
	}
	r.before = nil
	if err := os.RemoveAll(inTheWay); err != nil {
		t.Fatal(err)
	}
	if got := r.take(); got.Number != 2 || got.Whole {
		t.Errorf("the next one: %+v", got)
	}
}

// TestMediumPulled takes the medium away under a backup: the earlier one is whole when it is back.
func TestMediumPulled(t *testing.T) {
	r := newRig(t)
	img := raidtest.MakeImage(t, "ext4", 64<<20)
	r.dir = filepath.Join(img.Dir, "backup")
	r.take()
	r.put("k/a", "two", "k/big", strings.Repeat("x", 400<<10))
	r.before = func(string) { img.Die() }
	if _, err := backup.Take(t.Context(), r.options(), r); !errors.Is(err, backup.ErrMedium) {
		t.Fatalf("its medium was pulled: %v", err)
	}
	if n := len(r.ended); n != 2 || r.ended[1].Failed == "" {
		t.Errorf("the safe was told %+v", r.ended)
	}
	r.before = nil
	img.Revive()
	img.Remount()
	r.standing(0, "k/a", "one")
	r.take()
	r.standing(0, "k/a", "two")
}

// takerArgument makes the test binary one that takes a backup when told to.
const takerArgument = "casemate-backup-taker"

func taker(state, dir, certificate string, dirs []string) error {
	runtime.LockOSThread() // whoever kills it counts the calls of one thread
	r := &rig{dir: dir}
	r.c.Command, r.c.StateDir, r.c.Dirs, r.c.MinFree = raidtest.Command(), state, dirs, 32<<20
	copy(r.c.Key[:], raidtest.Key)
	r.mac = backup.MACKey(r.c.Key)
	text, err := os.ReadFile(certificate)
	if err != nil {
		return err
	}
	recipients, err := backup.Recipients(text)
	if err != nil {
		return err
	}
	if r.m, err = raid.Open(context.Background(), r.c); err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	_, err = backup.Take(context.Background(), backup.Options{Dir: dir, Recipients: recipients, Version: "test", Now: time.Now}, r)
	return err
}

// TestKilledAtEachStep kills the program that takes a backup at its renames, its removals and its syncs:
// either the earlier backup is the newest, or the new one is, and it restores; then the next one is made.
func TestKilledAtEachStep(t *testing.T) {
	r := newRig(t)
	r.take()
	_, c := recovery()
	certificate := r.file("recovery.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})))
	for i, step := range []struct {
		call string
		nth  int
		made bool // the new one is there
	}{
		{"fsync", 2, false}, {"renameat", 2, false}, {"fsync", 6, false}, {"renameat", 5, false}, {"fsync", 7, true}, {"unlinkat", 1, true},
	} {
		r.put("k/n", fmt.Sprint(i))
		if err := r.m.Close(); err != nil {
			t.Fatal(err)
		}
		before := r.last
		r.killTaker(step.call, step.nth, certificate)
		r.m = raidtest.Open(t, r.c)
		chain, err := backup.OpenChain(r.dir, 0)
		if err != nil {
			t.Fatalf("killed at %s %d: %v", step.call, step.nth, err)
		}
		if made := chain.Last().Number > before; made != step.made {
			t.Errorf("killed at %s %d: number %d after %d", step.call, step.nth, chain.Last().Number, before)
		}
		if err := drain(chain, false); err != nil {
			t.Errorf("killed at %s %d: %v", step.call, step.nth, err)
		}
		if got := r.take(); got.Number != chain.Last().Number+1 || got.Whole {
			t.Errorf("killed at %s %d: the next is number %d, %s", step.call, step.nth, got.Number, got.Why)
		}
		if slices.Contains(r.adopted, chain.Digest()) != step.made {
			t.Errorf("killed at %s %d: counted later: %v", step.call, step.nth, r.adopted)
		}
	}
	r.standing(0, "k/n", "5")
	left, err := filepath.Glob(filepath.Join(r.dir, ".*"))
	if keys, err2 := filepath.Glob(filepath.Join(r.dir, "*.keys-001")); errors.Join(err, err2) != nil || len(left) > 0 || len(keys) != 1 {
		t.Errorf("left over: %v, keys: %v", left, keys)
	}
}

// killTaker has another process take a backup, and kills it as it is about to make its nth call.
func (r *rig) killTaker(call string, nth int, certificate string) {
	r.t.Helper()
	cmd := exec.Command("/proc/self/exe", append([]string{takerArgument, r.c.StateDir, r.dir, certificate}, r.c.Dirs...)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		r.t.Fatalf("the taker said %q", lines.Text())
	}
	trace := raidtest.Attach(r.t, cmd.Process.Pid, raidtest.Kill(call, nth)...)
	if _, err := io.WriteString(in, "go\n"); err != nil {
		r.t.Fatal(err)
	}
	for lines.Scan() {
		r.t.Logf("the taker: %s", lines.Text())
	}
	if err := cmd.Wait(); err == nil {
		r.t.Errorf("%s %d: it was not killed", call, nth)
	}
	trace.End()
}
