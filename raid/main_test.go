package raid_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"casemate/raid"
	"casemate/raid/raidtest"
)

// writerArgument makes the test binary the owner of a mirror that is written to until killed.
const writerArgument = "casemate-raid-writer"

func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == writerArgument {
		if err := writer(os.Args[2], os.Args[3:]); err != nil {
			fmt.Println("error", err)
		}
		return
	}
	if len(os.Args) == 7 && os.Args[1] == actorArgument {
		if err := actor(os.Args[2:]); err != nil {
			fmt.Println("error", err)
		}
		return
	}
	raidtest.Main(m)
}

// writer opens a mirror and writes from four callers, saying each key once it is acknowledged.
func writer(state string, dirs []string) error {
	c := raid.Config{Command: raidtest.Command(), StateDir: state, Dirs: dirs, MinFree: 32 << 20}
	copy(c.Key[:], raidtest.Key)
	m, err := raid.Open(context.Background(), c)
	if err != nil {
		return err
	}
	errs := make(chan error)
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				k := fmt.Sprintf("k/%d/%d/%06d/end", os.Getpid(), w, i)
				if _, err := m.Write(context.Background(), []raid.Op{{Key: []byte(k), Value: []byte(value(k))}}); err != nil {
					errs <- err
					return
				}
				fmt.Println(k)
			}
		}()
	}
	return <-errs
}

// TestOwnerKilled kills the process that owns the mirror, at random: its volumes end by
// themselves, and everything it ever said was acknowledged is there.
func TestOwnerKilled(t *testing.T) {
	r := newRig(t)
	acked := map[string]bool{}
	times := 6
	if os.Getenv("CASEMATE_LONG") != "" {
		times = 60
	}
	for range times {
		cmd := exec.Command("/proc/self/exe", append([]string{writerArgument, r.c.StateDir}, r.c.Dirs...)...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewScanner(out)
		var after <-chan time.Time
		for in.Scan() {
			if strings.HasPrefix(in.Text(), "error") {
				t.Fatal(in.Text())
			}
			acked[in.Text()] = true
			if after == nil { // it is at work
				after = time.After(time.Duration(20+len(acked)%130) * time.Millisecond)
				go func() { <-after; _ = cmd.Process.Signal(syscall.SIGKILL) }()
			}
		}
		_ = cmd.Wait()
	}
	m := r.open()
	for k := range acked {
		for slot := range 2 {
			if v, err := m.GetFrom(t.Context(), slot, []byte(k)); err != nil || string(v) != value(k) {
				t.Fatalf("volume %d: %q was acknowledged and reads %.20q, %v", slot, k, v, err)
			}
		}
	}
	clean(t, m)
	if len(acked) < times {
		t.Errorf("only %d keys were ever acknowledged", len(acked))
	}
}

// anonymous gives a process's memory that is no file's, in MiB.
func anonymous(t testing.TB, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "RssAnon:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

// TestMemoryIsBounded writes a stream and watches what the processes keep in memory.
func TestMemoryIsBounded(t *testing.T) {
	m := raidtest.New(t)
	batches := 24
	if os.Getenv("CASEMATE_LONG") != "" {
		batches = 640
	}
	data := []byte(strings.Repeat("sixteen bytes...", 1<<16))
	debug.FreeOSMemory() // what the tests before this one left behind
	most := 0
	for i := range batches {
		ops := make([]raid.Op, 16)
		for j := range ops {
			ops[j] = raid.Op{Key: fmt.Appendf(nil, "k/%06d/%02d", i, j), Value: data}
		}
		if _, err := m.Write(t.Context(), ops); err != nil {
			t.Fatal(err)
		}
		sum := anonymous(t, os.Getpid())
		for _, v := range m.Status().Volumes {
			sum += anonymous(t, v.PID)
		}
		most = max(most, sum)
	}
	t.Logf("%d MiB written, at most %d MiB of anonymous memory in three processes", 16*batches, most)
	if most > 400 {
		t.Errorf("%d MiB of anonymous memory", most)
	}
}
