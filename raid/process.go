package raid

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"casemate/raid/volume"
)

// memoryLimit is the Go memory limit of a volume's process.
const memoryLimit = "GOMEMLIMIT=224MiB"

// process is a running volume.
type process struct {
	client *volume.Client
	cmd    *exec.Cmd
	exited chan struct{}
}

// start runs the process of the volume in dir. It ends when its socket closes, and with this
// process in any case.
func start(command []string, dir string, log *slog.Logger) (*process, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("making a socket pair: %w", err)
	}
	for _, fd := range fds {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<20) // only speed
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "volume"), os.NewFile(uintptr(fds[1]), "mirror")
	defer func() { _ = theirs.Close() }()
	conn, err := net.FileConn(ours)
	_ = ours.Close() // conn has its own
	if err != nil {
		return nil, err
	}
	// #nosec G204 -- the configured command, by default this very program
	cmd := exec.Command(command[0], append(append([]string(nil), command[1:]...), dir)...)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Env = append(os.Environ(), memoryLimit, "GOTRACEBACK=none")
	// A group of its own: an interrupt at the terminal is the mirror's to handle. Killed with its
	// parent, so that a stopped process does not hold the lock for ever.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second
	logs, err := cmd.StderrPipe()
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	p := &process{client: volume.NewClient(conn), cmd: cmd, exited: make(chan struct{})}
	started := make(chan error)
	go p.run(started, logs, log.With("volume", dir))
	if err := <-started; err != nil {
		p.client.Close()
		return nil, fmt.Errorf("starting the volume %q: %w", dir, err)
	}
	return p, nil
}

// run starts the process and waits for its end on one thread: the kernel sends the parent's death
// signal when the thread that started it ends.
func (p *process) run(started chan<- error, logs io.Reader, log *slog.Logger) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.exited)
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	go func() {
		for in := bufio.NewScanner(logs); in.Scan(); {
			log.Debug("volume says", "line", in.Text())
		}
	}()
	<-p.client.Done()
	if err := p.cmd.Wait(); err != nil {
		log.Debug("volume process ended", "error", err)
	}
}

// stop asks the volume to close Badger and waits for the process to end; then it is killed.
func (p *process) stop(ctx context.Context) error {
	_, err := p.client.Control(ctx, volume.Request{Act: volume.ActClose})
	p.client.Close()
	select {
	case <-p.exited:
	case <-ctx.Done():
		p.kill()
	}
	return err
}

// kill closes the socket and kills the process as far as it can be: one in the D state stays.
func (p *process) kill() {
	p.client.Close()
	_ = p.cmd.Process.Kill()
}

// ended waits for the end of every process there was, those killed long ago too: whoever closed a mirror finds
// nobody at work in its directories. One that a dead disk holds is left when ctx has ended, and a second has passed
// for one that was killed only then.
func (m *Mirror) ended(ctx context.Context) {
	all := make(chan struct{})
	go func() { m.running.Wait(); close(all) }()
	select {
	case <-all:
		return
	case <-ctx.Done():
	}
	select {
	case <-all:
	case <-time.After(time.Second):
		m.c.Log.Error("a volume's process was killed and does not end")
	}
}
