// Package raidtest lets tests run mirrors on real volumes: the test binary starts itself as the
// volumes' process.
package raidtest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"casemate/raid"
	"casemate/raid/volume"
)

// argument makes the test binary a volume.
const argument = "casemate-raidtest-volume"

// Key is the secret of mirrors made by Config.
const Key = "a key for tests and nothing else"

// Main is the body of TestMain in a package whose tests use mirrors:
//
//	func TestMain(m *testing.M) { raidtest.Main(m) }
func Main(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == argument {
		if err := volume.Main(context.Background(), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "volume:", err)
		}
		return
	}
	if len(os.Args) == 3 && os.Args[1] == planned {
		fmt.Fprintln(os.Stderr, "volume:", startPlanned(os.Args[2]))
		return
	}
	m.Run() // its status is the process's when TestMain returns
}

// Command is what Config.Command must be in such a test.
func Command() []string { return []string{"/proc/self/exe", argument} }

// Config is a mirror of n volumes in the test's own directory, not created yet, with a low floor of free space and
// deadlines that a starved machine keeps. What it logs is shown if the test fails.
func Config(t testing.TB, n int) raid.Config {
	t.Helper()
	dir := t.TempDir()
	c := raid.Config{
		Command: Command(), StateDir: filepath.Join(dir, "state"), WriteDeadline: 10 * time.Second,
		MinFree: 32 << 20,
	}
	c.Log = slog.New(slog.NewTextHandler(logOf(t), &slog.HandlerOptions{Level: slog.LevelDebug}))
	copy(c.Key[:], Key)
	for i := range n {
		c.Dirs = append(c.Dirs, filepath.Join(dir, "volume-"+string(rune('a'+i))))
	}
	return c
}

// testLog is a test's own log until the test ends; processes that die later have nowhere to say so.
type testLog struct {
	mu  sync.Mutex
	out io.Writer
}

func logOf(t testing.TB) *testLog {
	l := &testLog{out: t.Output()}
	if testing.Verbose() && os.Getenv("CASEMATE_LOG") == "" { // it would be shown of every test
		l.out = io.Discard
	}
	t.Cleanup(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.out = io.Discard
	})
	return l
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

// New creates and opens a mirror of two volumes; it is closed when the test ends.
func New(t testing.TB) *raid.Mirror {
	t.Helper()
	c := Config(t, 2)
	if err := raid.Create(t.Context(), c); err != nil {
		t.Fatalf("creating a mirror: %v", err)
	}
	return Open(t, c)
}

// Open opens a mirror; it is closed when the test ends, if it was not before.
func Open(t testing.TB, c raid.Config) *raid.Mirror {
	t.Helper()
	m, err := raid.Open(t.Context(), c)
	if err != nil {
		t.Fatalf("opening a mirror: %v", err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}
