package disk

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"time"
)

// askTimeout is for one drive: one that is ill takes its time over each sector it reads again.
const askTimeout = 20 * time.Second

// Health asks the drives below a directory how they are. It may take seconds, and as root only does
// it learn much. It never fails: what could not be asked is Unknown, with the reason.
func Health(ctx context.Context, d Disk) Report {
	return health(ctx, d, smartctl())
}

// smartctl is the program's path; empty if it is not installed. A service's path may lack sbin.
func smartctl() string {
	for _, name := range []string{"smartctl", "/usr/sbin/smartctl"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func health(ctx context.Context, d Disk, program string) (all Report) {
	if len(d.Drives) == 0 {
		return unknown(NoDrive)
	}
	for _, drive := range d.Drives {
		var r Report
		switch {
		case drive.Virtual:
			r = unknown(NotOffered)
		case program == "":
			r = unknown(NotInstalled)
		default:
			r = ask(ctx, program, drive.Path)
		}
		all.join(r, drive.Path)
	}
	return all
}

// ask runs smartctl on one drive. Its exit status is bits that its answer repeats.
func ask(ctx context.Context, program, device string) Report {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--json=c", "--all", device)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.WaitDelay = time.Second
	out := &limited{}
	cmd.Stdout = out
	// Not waited for beyond the time given: a process that hangs in the kernel, with the drive it
	// asks, does not even die of a signal.
	done := make(chan error, 1)
	go func() { done <- cmd.Run() }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		return unknown(NoAnswer)
	}
	if err != nil && ctx.Err() != nil { // killed for it, just before anybody looked
		return unknown(NoAnswer)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return unknown(NotUnderstood)
	}
	s, err := parseSmart(out.got.Bytes())
	if err != nil {
		return unknown(NotUnderstood)
	}
	return judge(s)
}

// limited takes no more than an answer may have; whoever writes more loses the pipe. (Not an embedded
// buffer: io.Copy would find its ReadFrom and go round the limit.)
type limited struct{ got bytes.Buffer }

func (l *limited) Write(b []byte) (int, error) {
	if l.got.Len()+len(b) > maxSmart {
		return 0, errors.New("more than smartctl has to say")
	}
	return l.got.Write(b)
}

// Line is a drive in a few words for a person: path, model, serial number.
func (d Drive) Line() string {
	words := []string{d.Path}
	for _, w := range []string{d.Model, d.Serial, d.Backing} {
		if w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}
