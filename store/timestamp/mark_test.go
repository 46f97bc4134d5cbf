package timestamp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/beevik/ntp"
)

// After a restart nothing is attested below what was; with any policy.
func TestMarkWentBack(t *testing.T) {
	for _, policy := range []Policy{PolicyRefuse, PolicyFlag} {
		m := newMachine()
		servers, names := m.liars(t, 3)
		c := m.config(t, names...)
		c.Policy = policy
		g := newGuard(t, c)
		sample(t, g)
		trusted(t, g)
		// Everything is set back an hour and the safe is started again.
		m.set(-time.Hour)
		for _, s := range servers {
			s.set(func(l *liar) { l.offset = -time.Hour })
		}
		g = newGuard(t, c)
		if _, err := g.Read(); !errors.Is(err, ErrTimeWentBack) {
			t.Errorf("%s: before any comparison: error %v", policy, err)
		}
		sample(t, g)
		if _, err := g.Read(); !errors.Is(err, ErrTimeWentBack) {
			t.Errorf("%s: servers agree: error %v", policy, err)
		}
		m.set(time.Hour)
		for _, s := range servers {
			s.set(func(l *liar) { l.offset = 0 })
		}
		g = newGuard(t, c)
		sample(t, g)
		trusted(t, g)
	}
}

// The journal may know of later times than a mark that was lost.
func TestMarkNotBefore(t *testing.T) {
	m := newMachine()
	_, names := m.liars(t, 3)
	c := m.config(t, names...)
	c.NotBefore = m.truth().Add(time.Hour)
	g := newGuard(t, c)
	sample(t, g)
	if _, err := g.Read(); !errors.Is(err, ErrTimeWentBack) {
		t.Errorf("error %v", err)
	}
}

// Right after a crash the mark may be ahead of the time by its reserve: time
// is held there, never turned back, and says how wrong it may be.
func TestMarkHolds(t *testing.T) {
	m := newMachine()
	c := m.config(t, "a", "b")
	c.Query = m.honest
	now := m.truth()
	for gap, want := range map[time.Duration]error{
		0: nil, reserve / 2: nil, reserve: nil, reserve + minDistance: nil,
		reserve + minDistance + 1: ErrTimeWentBack, time.Hour: ErrTimeWentBack,
	} {
		ahead := now.Add(gap).UTC()
		if err := os.WriteFile(c.MarkFile, formatMark(ahead), 0o600); err != nil {
			t.Fatal(err)
		}
		g := newGuard(t, c)
		sample(t, g)
		for range 2 {
			r, err := g.Read()
			if !errors.Is(err, want) {
				t.Fatalf("%s behind: error %v, want %v", gap, err, want)
			}
			if err == nil && (!r.Time.Equal(ahead) || r.Clock.RootDistance != minDistance+gap) {
				t.Errorf("%s behind: %s, %s", gap, r.Time, r.Clock.RootDistance)
			}
		}
	}
}

// honest is what any server says that tells the truth.
func (m *machine) honest(string, ntp.QueryOptions) (*ntp.Response, error) {
	now := m.truth()
	return &ntp.Response{Version: 4, Stratum: 1, Time: now, ReferenceTime: now.Add(-time.Second)}, nil
}

// The mark is written once a reserve, not once a reading, and only trusted
// time moves it.
func TestMarkWrites(t *testing.T) {
	m := newMachine()
	_, names := m.liars(t, 3)
	c := m.config(t, names...)
	c.Policy = PolicyFlag
	g := newGuard(t, c)
	if _, err := g.Read(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.MarkFile); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("an untrusted time made a mark: %v", err)
	}
	sample(t, g)
	trusted(t, g)
	before := readFile(t, c.MarkFile)
	for range 100 {
		m.pass(reserve / 100)
		trusted(t, g)
		if !bytes.Equal(readFile(t, c.MarkFile), before) {
			t.Fatal("written again within the reserve")
		}
	}
	m.pass(time.Millisecond)
	trusted(t, g)
	if bytes.Equal(readFile(t, c.MarkFile), before) {
		t.Error("not written after the reserve")
	}
}

func TestMarkDamaged(t *testing.T) {
	c := newMachine().config(t, "a", "b")
	good := formatMark(time.Now())
	for name, b := range map[string][]byte{
		"empty": {}, "cut": good[:len(good)-1], "flipped": bytes.Replace(good, []byte("20"), []byte("19"), 1),
		"longer": append(append([]byte{}, good...), '\n'), "other": []byte("hello\n"), "zeros": make([]byte, len(good)),
	} {
		if err := os.WriteFile(c.MarkFile, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := NewGuard(c); !errors.Is(err, ErrMark) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if err := os.WriteFile(c.MarkFile, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewGuard(c); err != nil {
		t.Error(err)
	}
}

// No time is attested that the mark cannot cover.
func TestMarkNotWritable(t *testing.T) {
	m := newMachine()
	_, names := m.liars(t, 3)
	c := m.config(t, names...)
	c.MarkFile = filepath.Join(t.TempDir(), "missing", "mark")
	g := newGuard(t, c)
	sample(t, g)
	if r, err := g.Read(); !errors.Is(err, ErrMark) || r.Clock.Trusted {
		t.Errorf("reading %+v, error %v", r, err)
	}
}

// step is how much time passes from one reading of TestMarkChild to the next.
const step = time.Millisecond

// A process is killed while it attests as fast as it can, ten times: what it
// attested last is never above the mark, nor far below.
func TestMarkSurvivesKill(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mark")
	last := time.Now()
	for round := range 10 {
		// The first guard stands here: the child goes on where it is.
		c := exec.Command(os.Args[0], "-test.run=^TestMarkChild$")
		c.Env = append(os.Environ(), "CASEMATE_MARK="+file, "CASEMATE_NOW="+last.Format(time.RFC3339Nano))
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		read := 0
		lines := bufio.NewReader(out)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
					t.Log(err)
				}
				break
			}
			at, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(line))
			if err != nil {
				t.Fatalf("the child said %q", line)
			}
			if at.Before(last) {
				t.Fatalf("%s attested after %s", at, last)
			}
			last = at
			if read++; read == 200+round*300 {
				_ = c.Process.Kill()
			}
		}
		_ = c.Wait()
		m, err := openMark(file)
		if err != nil {
			t.Fatal(err)
		}
		// One more may have been attested, whose words the kill cut off.
		if m.reserved.Before(last) || m.reserved.Sub(last) > reserve+step {
			t.Fatalf("reserved %s, attested %s", m.reserved, last)
		}
	}
}

// TestMarkChild is the process that is killed; by itself it checks nothing
// but that it is not started by hand.
func TestMarkChild(t *testing.T) {
	file := os.Getenv("CASEMATE_MARK")
	if file == "" {
		file = filepath.Join(t.TempDir(), "mark")
		m, err := openMark(file)
		if err != nil || !m.reserved.IsZero() {
			t.Fatalf("no mark: %v, %v", m, err)
		}
		return
	}
	m := newMachine()
	var err error
	if m.start, err = time.Parse(time.RFC3339Nano, os.Getenv("CASEMATE_NOW")); err != nil {
		t.Fatal(err)
	}
	c := m.config(t, "a", "b")
	c.Query, c.MarkFile = m.honest, file
	g := newGuard(t, c)
	sample(t, g)
	for {
		m.pass(step)
		fmt.Println(trusted(t, g).Time.Format(time.RFC3339Nano))
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
