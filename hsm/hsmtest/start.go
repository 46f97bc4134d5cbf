package hsmtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"casemate/hsm"
	"casemate/hsm/module"
)

// Start sets up a SoftHSM token for a safe of this origin and starts its
// process. Both end with the test.
func Start(t testing.TB, origin string) *Token {
	t.Helper()
	return StartWith(t, Options{Origin: origin})
}

// StartWith is Start with options.
func StartWith(t testing.TB, o Options) *Token {
	t.Helper()
	k := Prepare(t, o)
	if out, err := k.Setup(); err != nil {
		t.Fatalf("setting up a token: %v\n%s", err, out)
	}
	k.Restart()
	return k
}

// Prepare makes the directories, PINs and SoftHSM's configuration, and no more.
func Prepare(t testing.TB, o Options) *Token {
	t.Helper()
	o.defaults()
	// Not t.TempDir: a unix socket's path has at most 107 bytes.
	dir, err := os.MkdirTemp("", "hsm-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	k := &Token{
		Dir: dir, Socket: filepath.Join(dir, "s"), StateDir: filepath.Join(dir, "state"),
		PINFile: filepath.Join(dir, "pin"), SOPINFile: filepath.Join(dir, "so-pin"),
		SoftHSMConf: filepath.Join(dir, "softhsm2.conf"), t: t, options: o,
	}
	must(t, os.Mkdir(filepath.Join(dir, "tokens"), 0o700))
	conf := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n", filepath.Join(dir, "tokens"))
	must(t, os.WriteFile(k.SoftHSMConf, []byte(conf), 0o600))
	must(t, module.NewPIN(k.PINFile))
	must(t, module.NewPIN(k.SOPINFile))
	k.Client = hsm.NewClient(k.Socket)
	k.process = &supervisor{command: k.serveCommand, log: k.logFile()}
	t.Cleanup(k.stop)
	return k
}

func (o *Options) defaults() {
	if o.Origin == "" {
		o.Origin = "casemate.example/test"
	}
	if o.Module == "" {
		o.Module = SoftHSM
	}
	if o.Label == "" {
		o.Label = "casemate"
	}
	if o.TLSNames == nil {
		o.TLSNames = []string{"localhost", "127.0.0.1"}
	}
}

func (k *Token) where() module.Token {
	return module.Token{Module: k.options.Module, Label: k.options.Label, SoftHSMConf: k.SoftHSMConf}
}

// Through has the process use another library from its next start on, one that
// leads to the same token, with more of an environment.
func (k *Token) Through(module string, environment ...string) {
	k.options.Module = module
	k.options.Environment = append(k.options.Environment, environment...)
}

// Setup runs the setup in a child and gives back what it wrote to its log.
func (k *Token) Setup() (string, error) {
	result := filepath.Join(k.Dir, "setup-result.json")
	cmd, err := k.command("setup", job{Result: result, Setup: &setupJob{
		Token: k.where(), Origin: k.options.Origin, Demonstration: !k.options.Real, PINFile: k.PINFile, SOPINFile: k.SOPINFile,
		StateDir: k.StateDir, TLSNames: k.options.TLSNames, WrapMethods: k.options.WrapMethods,
	}})
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("setup: %w", err)
	}
	b, err := os.ReadFile(result)
	if err != nil {
		return out.String(), err
	}
	return out.String(), json.Unmarshal(b, &k.SetupResult)
}

func (k *Token) serveCommand() (*exec.Cmd, error) {
	return k.command("serve", job{Serve: &serveJob{
		Token: k.where(), PINFile: k.PINFile, StateDir: k.StateDir, Socket: k.Socket,
		Timeout: k.options.Timeout, Tolerance: k.options.Tolerance, Sessions: k.options.Sessions, AllowUIDs: k.options.AllowUIDs,
	}})
}

// RunOnce runs the process in the foreground, for a start that must fail.
func (k *Token) RunOnce() (string, error) {
	cmd, err := k.serveCommand()
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	stdin, err := cmd.StdinPipe() // open as long as it runs
	if err != nil {
		return "", err
	}
	patience := time.AfterFunc(time.Minute, func() { _ = stdin.Close() })
	err = cmd.Run()
	patience.Stop()
	_ = stdin.Close()
	return out.String(), err
}

func (k *Token) command(name string, j job) (*exec.Cmd, error) {
	b, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(k.Dir, name+".job")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(append(os.Environ(), k.options.Environment...), jobVariable+"="+path)
	return cmd, nil
}

func (k *Token) logFile() string { return filepath.Join(k.Dir, "process.log") }

// Log is what the process has written so far.
func (k *Token) Log() string {
	b, err := os.ReadFile(k.logFile())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Kill ends the process with SIGKILL and leaves it down.
func (k *Token) Kill() { k.process.end(syscall.SIGKILL) }

// Stop ends the process with SIGTERM and leaves it down.
func (k *Token) Stop() { k.process.end(syscall.SIGTERM) }

// Starts counts how often the process was started.
func (k *Token) Starts() int { return k.process.count() }

// PID is the process's number.
func (k *Token) PID() int {
	k.process.mu.Lock()
	defer k.process.mu.Unlock()
	return k.process.cmd.Process.Pid
}

// Restart starts the process, after ending one that runs, and waits until it
// answers: with its token, or with why it never will.
func (k *Token) Restart() {
	k.t.Helper()
	k.process.end(syscall.SIGTERM)
	must(k.t, k.process.start())
	if err := k.WaitReady(time.Minute); errors.Is(err, hsm.ErrUnavailable) {
		k.t.Fatalf("the token process is not ready: %v\n%s", err, k.Log())
	}
}

// WaitReady waits until the process answers something else than ErrUnavailable.
func (k *Token) WaitReady(within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for {
		err := k.Client.Ping(ctx)
		if !errors.Is(err, hsm.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (k *Token) stop() {
	k.process.end(syscall.SIGTERM)
	k.Client.Close()
	if k.t.Failed() {
		k.t.Logf("the token process wrote:\n%s", k.Log())
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
