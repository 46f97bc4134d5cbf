package raid_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"casemate/raid"
	"casemate/raid/raidtest"
)

// actorArgument makes the test binary the owner of a mirror that does one act on it and closes it:
// state directory, two volumes, the act, and the directory of a third volume.
const actorArgument = "casemate-raid-actor"

func actor(args []string) error {
	c := raid.Config{Command: raidtest.Command(), StateDir: args[0], Dirs: args[1:3], MinFree: 32 << 20}
	copy(c.Key[:], raidtest.Key)
	m, err := raid.Open(context.Background(), c)
	if err != nil {
		return err
	}
	fmt.Println("open")
	return errors.Join(act(m, args[3], c.Dirs, args[4]), m.Close())
}

// act does one act on the roster; one that a crash cut short may have been done already.
func act(m *raid.Mirror, name string, dirs []string, third string) (err error) {
	ctx := context.Background()
	switch name {
	case "add":
		_, err = m.Add(ctx, third, false)
	case "spare":
		_, err = m.Add(ctx, third, true)
	case "replace":
		_, err = m.Replace(ctx, raid.Ref(dirs[0]), third)
	case "remove":
		err = m.Remove(ctx, raid.Ref(dirs[0]))
	case "detach":
		if err = m.Detach(ctx, raid.Ref(dirs[0])); err == nil {
			err = m.Resilver(ctx, raid.Ref(dirs[0]), false)
		}
	}
	return err
}

// TestActsCutShort kills the owner or a volume at each step of each act on the roster that makes
// something durable. Whatever was done of it, the mirror opens by itself, nothing is lost, and the act
// done again comes to what was wanted.
func TestActsCutShort(t *testing.T) {
	var template *rig
	every := os.Getenv("CASEMATE_LONG") != ""
	template = newRig(t)
	m := template.open()
	put(t, m, "k/1", "one", "k/2", big("two"))
	template.close(m)
	for _, name := range []string{"add", "spare", "replace", "remove", "detach"} {
		for _, call := range []string{"renameat", "fsync"} {
			first, last := 1, 12
			if !every { // one of the early ones and one of the late ones, others each time
				first = 1 + rand.IntN(6)
			}
			for n := first; n <= last; n++ {
				t.Run(fmt.Sprintf("%s, %s %d", name, call, n), func(t *testing.T) { cutShort(t, template, name, call, n) })
				if !every {
					n += 5
				}
			}
		}
	}
}

// straced has an actor do an act; whichever of its processes makes its nth call of a name is killed.
// It gives what the actor said.
func straced(t *testing.T, r *rig, call string, n int, name, third string, only ...string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append(only, "-f", "-qq", "-o", "/dev/null", "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", call, n),
		exe, actorArgument, r.c.StateDir, r.c.Dirs[0], r.c.Dirs[1], name, third)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "strace", args...).CombinedOutput()
	t.Logf("%v: %s", err, out)
	if ctx.Err() != nil {
		t.Fatal("it hung")
	}
	return string(out)
}

func cutShort(t *testing.T, template *rig, name, call string, n int) {
	r := bareRig(t, 2)
	for i, dir := range append(template.c.Dirs, template.c.StateDir) {
		copyDir(t, dir, append(r.c.Dirs, r.c.StateDir)[i])
	}
	third := r.sibling("third")
	straced(t, r, call, n, name, third)
	m := r.open()
	want(t, m, "k/2", big("two"))
	put(t, m, "k/3", "three")
	err := act(m, name, r.c.Dirs, third)
	seated := errors.Is(err, raid.ErrDirectory) && strings.Contains(err.Error(), "of this mirror, or a copy")
	if err != nil && !seated && !errors.Is(err, raid.ErrNoVolume) {
		t.Fatalf("doing it again: %v", err)
	}
	volumes := map[string]int{"add": 3, "spare": 3, "replace": 2, "remove": 1, "detach": 2}[name]
	t.Logf("doing it again: %v", err)
	eventually(t, "as it was wanted", func() bool { s := m.Status(); return s.State == raid.Healthy && len(s.Volumes) == volumes })
	copies := map[string]int{"add": 3, "spare": 2, "replace": 2, "remove": 1, "detach": 2}[name]
	onEach(t, m, copies, "k/2", big("two"))
	onEach(t, m, copies, "k/3", "three")
	clean2(t, m)
	r.close(m)
	if _, err := os.Stat(filepath.Join(r.c.StateDir, "mirror.refused")); err == nil {
		t.Error("it was refused once")
	}
}

// TestDecisionCutShort kills the owner or a volume at each step of carrying a decision out that makes
// something durable: the next opening goes on with it.
func TestDecisionCutShort(t *testing.T) {
	template := newRig(t)
	template.stale()
	template.choose(template.refused(raid.ErrNotWitnessed), template.c.Dirs[1])
	for _, call := range []string{"renameat", "fsync"} {
		first, step := 1, 1
		if os.Getenv("CASEMATE_LONG") == "" {
			first, step = 1+rand.IntN(6), 6
		}
		for n := first; n <= 12; n += step {
			t.Run(fmt.Sprintf("%s %d", call, n), func(t *testing.T) { decisionCutShort(t, template, "", call, n) })
		}
	}
	for _, file := range []string{"mirror.decision", "mirror.state", "mirror.decided"} {
		t.Run(file, func(t *testing.T) { decisionCutShort(t, template, file, "renameat", 1) })
	}
	t.Run("forgetting it", func(t *testing.T) { decisionCutShort(t, template, "mirror.decision", "unlinkat", 1) })
}

// decisionCutShort kills at the nth call; with a file of the state directory, at the nth on that.
func decisionCutShort(t *testing.T, template *rig, file, call string, n int) {
	r := bareRig(t, 2)
	copyDir(t, template.c.Dirs[0]+".away", r.c.Dirs[0]+".away")
	copyDir(t, template.c.Dirs[1], r.c.Dirs[1])
	copyDir(t, template.c.StateDir, r.c.StateDir)
	var only []string
	if file != "" {
		only = []string{"-P", filepath.Join(r.c.StateDir, file)}
	}
	said := straced(t, r, call, n, "nothing", r.sibling("third"), only...)
	if file != "" && said != "" {
		t.Errorf("it was not killed: %s", said)
	}
	m := r.open()
	want(t, m, "k/1", "both")
	if _, err := m.Get(t.Context(), []byte("k/2")); !errors.Is(err, raid.ErrNotFound) {
		t.Errorf("what was given up is there: %v", err)
	}
	if strings.HasPrefix(said, "open\n") && r.ev.count(raid.EventDecided) != 0 {
		t.Error("it was decided twice")
	}
	put(t, m, "k/3", "three")
	move(t, r.c.Dirs[0]+".away", r.c.Dirs[0])
	insync(t, m)
	onEach(t, m, 2, "k/3", "three")
	clean(t, m)
}
