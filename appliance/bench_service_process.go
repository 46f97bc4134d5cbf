package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// service is a casemated that serves, as systemd would start it.
type service struct {
	cmd   *exec.Cmd
	ready float64 // seconds from its start to READY=1
	work  float64 // seconds of processor time that all its processes took for that
	ended chan error
	said  *bytes.Buffer // read after it has ended
}

var errNotReady = errors.New("the service ended before it was ready")

// start starts this very program as the service and waits until it says that it is ready.
func (b *benchService) start(ctx context.Context) (*service, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-") // short: a socket's path has at most 107 bytes
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // nothing but the socket
	address := filepath.Join(dir, "notify")
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	defer func() { _ = told.Close() }() // whatever is said later is for nobody
	s := &service{said: &bytes.Buffer{}, ended: make(chan error, 1)}
	s.cmd = exec.CommandContext(ctx, self, "serve", "--config", b.file) // #nosec G204 -- ourselves
	s.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+address)
	s.cmd.Stderr = s.said
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = time.Minute
	begin := clock()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		s.ended <- s.cmd.Wait()
		_ = told.Close() // whoever waits for a word learns that none comes
	}()
	message := make([]byte, 4096)
	for {
		n, _, err := told.ReadFromUnix(message)
		if err != nil {
			_ = s.cmd.Process.Kill() // it has ended, or nobody listens any more
			return nil, fmt.Errorf("%w: %s", errors.Join(errNotReady, <-s.ended), s.said)
		}
		if strings.Contains("\n"+string(message[:n]), "\nREADY=1") {
			s.ready = since(begin)
			for _, pid := range family(s.cmd.Process.Pid) {
				s.work += processor(pid)
			}
			return s, nil
		}
	}
}

// stop asks it to end, as systemd does, and gives the seconds that took; an end that is not a good one is
// an error.
func (s *service) stop() (float64, error) {
	begin := clock()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	err := <-s.ended
	s.ended <- err
	if err != nil {
		return 0, fmt.Errorf("the service did not end well: %w: %s", err, s.said)
	}
	return since(begin), nil
}

// end sees to it that nothing stays, whatever failed.
func (s *service) end() {
	_ = s.cmd.Process.Kill() // it has ended already, mostly
	s.ended <- <-s.ended
}

// descriptors is how many files a process has open.
func descriptors(pid int) int {
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return 0
	}
	return len(list)
}

// processor is the seconds of processor time that a process has taken (proc(5), stat: utime and stime, in
// hundredths on Linux whatever the architecture).
func processor(pid int) float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64) // 0 when the kernel says otherwise
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100
}
