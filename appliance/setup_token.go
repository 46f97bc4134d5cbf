package appliance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"casemate/appliance/setup"
	"casemate/hsm/module"
)

// A vendor's library may crash, hang, or do what it likes with its files: whatever the set-up wants of a
// token is done by a child of its own, as the user that will have the token. PINs come to it in memory, as
// files that have no name.

// TokenCommand is the command of casemated that is the child's side; only a set-up starts it.
const TokenCommand = "token-setup"

// What the child is asked to do.
const (
	tokenProbed = "probe" // say whether a token can be set up
	tokenMade   = "make"
	tokenServed = "serve" // until its standard input ends
	tokenLeft   = "leave" // remove what was made in a token that others initialised
)

// tokenJob is what the child is to do, one line on its standard input.
type tokenJob struct {
	Act    string         `json:"act"`
	Token  module.Token   `json:"token"`            // of probe
	Given  bool           `json:"given,omitempty"`  // others initialised it
	Config string         `json:"config,omitempty"` // of the others: the configuration's file
	Names  []string       `json:"names,omitempty"`  // of make: for the TLS certificate
	ID     module.SetupID `json:"id,omitzero"`      // of make and leave: what is made is known by it
}

// tokenAnswer is what came of it, one line on the child's standard output. Of a child that says nothing, nobody
// knows what it made.
type tokenAnswer struct {
	setup.Problem      // of no code: it went well
	Made          bool `json:"made,omitempty"` // the keys are in the token
	Back          bool `json:"back,omitempty"` // it failed, and nothing of it is in a token that others initialised
}

// Where the child finds the PINs: the files of no name that it inherits.
const (
	inheritedPIN   = "/proc/self/fd/3"
	inheritedSOPIN = "/proc/self/fd/4"
)

// tokenJobPatience bounds what a library may take to be looked at, and to make keys.
const tokenJobPatience = 3 * time.Minute

// RunTokenJob is the child's side of a set-up. What went wrong stands on its standard output.
func RunTokenJob(ctx context.Context, in io.Reader, out io.Writer, log *slog.Logger) error {
	d := json.NewDecoder(in)
	var job tokenJob
	if err := d.Decode(&job); err != nil {
		return fmt.Errorf("only a set-up starts this: %w", err)
	}
	var c Config
	var answer tokenAnswer
	var err error
	if job.Act != tokenProbed {
		if c, err = LoadConfig(job.Config); err != nil {
			return err
		}
	}
	c.HSM.PINFile, c.HSM.SOPINFile = inheritedPIN, inheritedSOPIN
	switch job.Act {
	case tokenProbed:
		err = module.Probe(module.SetupConfig{Token: job.Token, Initialised: job.Given})
	case tokenMade:
		_, err = module.Setup(ctx, module.SetupConfig{Token: c.moduleToken(), Initialised: job.Given, Origin: c.Origin, Demonstration: c.Demonstration,
			PINFile: inheritedPIN, SOPINFile: inheritedSOPIN, StateDir: c.HSM.State, TLSNames: job.Names, ID: job.ID})
		answer.Made, answer.Back = err == nil, job.Given && err != nil && !errors.Is(err, module.ErrLeft)
	case tokenLeft:
		err = module.Withdraw(ctx, module.SetupConfig{Token: c.moduleToken(), PINFile: inheritedPIN, ID: job.ID})
		answer.Back = err == nil
	case tokenServed:
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		go func() { _, _ = io.Copy(io.Discard, in); stop() }() // it ends when the set-up does
		return serveToken(ctx, c, log, true)
	default:
		return fmt.Errorf("no such act: %q", job.Act)
	}
	if err != nil {
		answer.Problem = setup.Problem{Key: "token", Code: tokenCode(err), Detail: strings.TrimPrefix(err.Error(), module.ErrModule.Error()+": ")}
	}
	return json.NewEncoder(out).Encode(answer)
}

// tokenCode names what a token or its library does not do.
func tokenCode(err error) string {
	switch {
	case errors.Is(err, module.ErrLeft): // before what it comes with
		return setup.BadLeft
	case errors.Is(err, module.ErrModule):
		return setup.BadModule
	case errors.Is(err, module.ErrNoGiven):
		return setup.BadGiven
	case errors.Is(err, module.ErrHolds):
		return setup.BadHolds
	case errors.Is(err, module.ErrNoBlank):
		return setup.BadNoToken
	case errors.Is(err, fs.ErrExist):
		return setup.BadTokenHere
	case module.RefusesPIN(err):
		return setup.BadPIN
	}
	return setup.BadToken
}

// pins are the token's PINs while a set-up lasts.
type pins struct{ pin, soPIN *os.File }

// inMemory makes a file of no name, which the token's user alone may read.
func inMemory(text []byte, owner setup.Account) (*os.File, error) {
	fd, err := unix.MemfdCreate("casemate", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("a file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "memory") //nolint:gosec // a descriptor fits
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o600))
	if owner.Set {
		err = errors.Join(err, f.Chown(owner.UID, owner.GID))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (p pins) close() { _ = errors.Join(p.pin.Close(), p.soPIN.Close()) } // memory alone

// tokenChild makes the child; as its own user, with an environment that holds nothing. It holds the lock
// of the set-up's record while it lives.
func (s *Setup) tokenChild(ctx context.Context, p pins, lock *os.File) (*exec.Cmd, error) {
	self := s.Program
	if self == "" {
		var err error
		if self, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(ctx, self, TokenCommand) // #nosec G204 -- ourselves
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	cmd.ExtraFiles = []*os.File{p.pin, p.soPIN}
	if lock != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, lock)
	}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if a := s.Layout.Token; a.Set {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	return cmd, nil
}

// tokenAsk has one thing done by a child and gives its answer, also one that it gave when it was interrupted.
func (s *Setup) tokenAsk(ctx context.Context, p pins, lock *os.File, job tokenJob) (tokenAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenJobPatience)
	defer cancel()
	runtime.LockOSThread() // the child is killed when the thread that started it ends
	defer runtime.UnlockOSThread()
	cmd, err := s.tokenChild(ctx, p, lock)
	if err != nil {
		return tokenAnswer{}, err
	}
	line, err := json.Marshal(job)
	if err != nil {
		return tokenAnswer{}, err
	}
	var said, words bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(line), &said, &words
	ended := cmd.Run()
	var answer tokenAnswer
	err = json.Unmarshal(said.Bytes(), &answer)
	if err == nil && (ended == nil || ctx.Err() != nil) {
		if ended != nil {
			return answer, ctx.Err()
		}
		return answer, nil
	}
	// It crashed, or hung, or could not begin: what it said last is all there is.
	detail := strings.TrimSpace(words.String())
	if lines := strings.Split(detail, "\n"); len(lines) > 3 {
		detail = strings.Join(lines[:3], " ")
	}
	return tokenAnswer{Problem: setup.Problem{Key: "token.module", Code: setup.BadModule, Detail: fmt.Sprintf("%v %s", errors.Join(ended, err), detail)}}, ctx.Err()
}

// checkToken looks at PINs, and has the library looked at.
func (s *Setup) checkToken(ctx context.Context, p *problems) {
	for key, file := range map[string]string{"token.pin_file": s.Answers.Token.PINFile, "token.so_pin_file": s.Answers.Token.SOPINFile} {
		if file == "" {
			continue
		}
		if _, err := module.ReadPIN(file); err != nil {
			p.add(key, setup.BadPIN, "%v", err)
		}
	}
	if s.Answers.Token.Initialised && s.Answers.Token.PINFile == "" {
		p.add("token.pin_file", setup.BadPIN, "there is none, and an initialised token has a PIN already")
	}
	if _, err := os.Stat(s.Answers.Token.Module); err != nil {
		p.add("token.module", setup.BadModule, "%v", err)
		return
	}
	answer, err := s.probeToken(ctx)
	if err != nil {
		p.add("token", setup.BadToken, "%v", err)
	} else if answer.Code != "" {
		*p = append(*p, answer.Problem)
	}
}

// probeToken has a child look at the token. SoftHSM looks into a folder that is thrown away: its own is not
// there yet.
func (s *Setup) probeToken(ctx context.Context) (tokenAnswer, error) {
	dir, err := os.MkdirTemp("", "casemate-setup-")
	if err != nil {
		return tokenAnswer{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // nothing of worth
	t := module.Token{Module: s.Answers.Token.Module, Label: s.label(), Serial: s.Answers.Token.Serial}
	t.SoftHSMConf = s.Answers.Token.SoftHSMConf
	if s.inSoftware() {
		tokens := filepath.Join(dir, "tokens")
		t.SoftHSMConf = filepath.Join(dir, "softhsm2.conf")
		err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(tokens, 0o700), s.Layout.Token.Own(tokens), //nolint:gosec // nothing secret is in it
			os.WriteFile(t.SoftHSMConf, softHSMConf(tokens), 0o644)) //nolint:gosec // read by the child
		if err != nil {
			return tokenAnswer{}, err
		}
	}
	none, err := inMemory(nil, s.Layout.Token)
	if err != nil {
		return tokenAnswer{}, err
	}
	defer func() { _ = none.Close() }() // memory alone
	return s.tokenAsk(ctx, pins{none, none}, nil, tokenJob{Act: tokenProbed, Token: t, Given: s.Answers.Token.Initialised})
}

// softHSMConf is SoftHSM's own configuration.
func softHSMConf(tokens string) []byte {
	return fmt.Appendf(nil, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n", tokens)
}
