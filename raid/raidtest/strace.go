package raidtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// planned makes the test binary a volume that starts under strace if that was planned, see Plan.
const planned = "casemate-raidtest-planned"

// CommandPlanned is what Config.Command must be for Plan.
func CommandPlanned() []string { return []string{"/proc/self/exe", planned} }

// plan is where the arguments for strace stand until a volume starts.
func plan(dir string) string { return filepath.Clean(dir) + ".strace" }

// Plan makes the next process of the volume in dir, and no later one, run under strace with these
// arguments, and gives the file its words go to.
func Plan(t testing.TB, dir string, args ...string) (log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), "strace")
	// -D: the volume stays the mirror's own child, strace is the one beside it.
	args = append([]string{"strace", "-D", "-f", "-qq", "-o", log}, args...)
	if err := os.WriteFile(plan(dir), []byte(strings.Join(args, "\x00")), 0o600); err != nil {
		t.Fatal(err)
	}
	return log
}

// startPlanned goes on as the volume, under strace if that is planned. It returns only errors.
func startPlanned(dir string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{exe, argument, dir}
	b, err := os.ReadFile(plan(dir))
	if err == nil {
		args = append(strings.Split(string(b), "\x00"), args...)
		err = os.Remove(plan(dir))
	}
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	return unix.Exec(path, args, os.Environ())
}

// Strace is a strace attached to a running volume.
type Strace struct {
	t   testing.TB
	cmd *exec.Cmd
	log string
}

// Attach attaches strace to a process and all its threads, with these arguments.
func Attach(t testing.TB, pid int, args ...string) *Strace {
	t.Helper()
	s := &Strace{t: t, log: filepath.Join(t.TempDir(), "strace")}
	s.cmd = exec.Command("strace", append([]string{"-f", "-o", s.log, "-p", strconv.Itoa(pid)}, args...)...)
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("strace: %v", err)
	}
	t.Cleanup(s.Detach)
	buf := make([]byte, 4096)
	if n, err := stderr.Read(buf); err != nil || !bytes.Contains(buf[:n], []byte("attached")) {
		t.Fatalf("strace did not attach to %d: %v %s", pid, err, buf[:n])
	}
	go func() { // whatever else it says
		for {
			if _, err := stderr.Read(buf); err != nil {
				return
			}
		}
	}()
	return s
}

// Detach ends it; the process goes on undisturbed. A second call does nothing.
func (s *Strace) Detach() {
	if s.cmd.ProcessState != nil {
		return
	}
	_ = s.cmd.Process.Signal(os.Interrupt)
	// strace at times waits for ever for a thread that was killed under it.
	end := time.AfterFunc(3*time.Second, func() { _ = s.cmd.Process.Kill() })
	_ = s.cmd.Wait()
	end.Stop()
}

// End ends it once the process that it was attached to is dead: nothing is left that could go on undisturbed.
func (s *Strace) End() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// Log gives what strace wrote.
func (s *Strace) Log() string { return ReadLog(s.t, s.log) }

// ReadLog gives what a strace wrote to its log, nothing if it never began.
func ReadLog(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(b)
}

// Calls gives the system calls of a log in the order in which they were begun, names alone.
func Calls(log string) (names []string) {
	for line := range strings.Lines(log) {
		if _, rest, ok := strings.Cut(line, " "); ok {
			rest = strings.TrimLeft(rest, " ")
			if name, _, ok := strings.Cut(rest, "("); ok && name != "" && !strings.ContainsAny(name, " <+-") {
				names = append(names, name)
			}
		}
	}
	return names
}

// Fail is the argument that makes the nth call of a name fail with an error ("EIO").
func Fail(call, errno string, nth int) []string {
	return []string{"-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:error=%s:when=%d", call, errno, nth)}
}

// FailAll makes them all fail.
func FailAll(call, errno string) []string {
	return []string{"-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:error=%s", call, errno)}
}

// Kill is the argument that kills the process when it is about to make its nth call of a name, which
// is not carried out.
func Kill(call string, nth int) []string {
	return []string{"-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", call, nth)}
}
