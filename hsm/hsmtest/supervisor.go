package hsmtest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// supervisor does what systemd does for the real process: start it, and start
// it again when it ends by itself.
type supervisor struct {
	command func() (*exec.Cmd, error)
	log     string // file that every run's output is added to

	mu     sync.Mutex
	wanted bool
	cmd    *exec.Cmd
	gone   chan struct{} // closed when cmd has ended
	starts int
}

func (s *supervisor) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = true
	return s.launch()
}

// launch runs with mu held.
func (s *supervisor) launch() error {
	cmd, err := s.command()
	if err != nil {
		return err
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the child has it now
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the token process: %w", err)
	}
	gone := make(chan struct{})
	s.cmd, s.gone = cmd, gone
	s.starts++
	go s.watch(cmd, stdin, gone)
	return nil
}

func (s *supervisor) watch(cmd *exec.Cmd, stdin io.Closer, gone chan struct{}) {
	_ = cmd.Wait() // how it ended is in its log
	_ = stdin.Close()
	close(gone)
	time.Sleep(50 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted && s.cmd == cmd {
		if err := s.launch(); err != nil {
			fmt.Fprintln(os.Stderr, "hsmtest:", err)
		}
	}
}

// end sends a signal and waits until the process is gone.
func (s *supervisor) end(signal syscall.Signal) {
	s.mu.Lock()
	s.wanted = false
	cmd, gone := s.cmd, s.gone
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(signal) // it may have ended by itself
	select {
	case <-gone:
	case <-time.After(time.Minute):
		_ = cmd.Process.Kill()
		<-gone
	}
}

func (s *supervisor) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.starts
}
