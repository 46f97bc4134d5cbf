package hsmtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"casemate/hsm"
	"casemate/hsm/module"
	"casemate/systemd"
)

// jobVariable names the file that says what a child is to do.
const jobVariable = "CASEMATE_HSMTEST_JOB"

// job is the work of one child process.
type job struct {
	Setup  *setupJob
	Serve  *serveJob
	Result string // file for a SetupResult
}

type setupJob struct {
	Token         module.Token
	Origin        string
	Demonstration bool
	PINFile       string
	SOPINFile     string
	StateDir      string
	TLSNames      []string
	WrapMethods   []string
}

type serveJob struct {
	Token     module.Token
	PINFile   string
	StateDir  string
	Socket    string
	Timeout   time.Duration
	Sessions  int
	Tolerance time.Duration
	AllowUIDs []uint32
}

// init turns a copy of the test's binary into the token process.
func init() {
	path := os.Getenv(jobVariable)
	if path == "" {
		return
	}
	if err := runJob(path); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1) //nolint:forbidigo // this is the main of a test's child
	}
	os.Exit(0) //nolint:forbidigo // as above
}

func runJob(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var j job
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if j.Setup != nil {
		return runSetup(ctx, *j.Setup, j.Result, log)
	}
	// The test holds the other end of standard input: when it dies, however it
	// dies, so does this process.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3) //nolint:forbidigo // as above
	}()
	return runServe(ctx, *j.Serve, log)
}

func runSetup(ctx context.Context, s setupJob, result string, log *slog.Logger) error {
	r, err := module.Setup(ctx, module.SetupConfig{
		Token: s.Token, Origin: s.Origin, Demonstration: s.Demonstration, PINFile: s.PINFile, SOPINFile: s.SOPINFile,
		StateDir: s.StateDir, TLSNames: s.TLSNames, WrapMethods: s.WrapMethods, Log: log,
	})
	if err != nil {
		return err
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(result, b, 0o600)
}

func runServe(ctx context.Context, s serveJob, log *slog.Logger) error {
	l, err := systemd.ListenUnix(s.Socket, 0o600)
	if err != nil {
		return err
	}
	return module.Serve(ctx, module.Config{
		Token: s.Token, PINFile: s.PINFile, StateDir: s.StateDir, Timeout: s.Timeout, Sessions: s.Sessions,
		Tolerance: s.Tolerance, AllowUIDs: s.AllowUIDs, Log: log, Decided: decided,
	}, l)
}

// decided takes for a decision of two officers what Decision made.
func decided(d hsm.Decision, _ time.Time) (size uint64, root [32]byte, err error) {
	var b []byte
	if _, err := fmt.Sscanf(string(d.Statement), "give up %d %x", &size, &b); err != nil || len(b) != len(root) {
		return 0, root, fmt.Errorf("no decision: %q", d.Statement)
	}
	copy(root[:], b)
	return size, root, nil
}

// Decision is one that the process of this package believes; officers and their signatures are tested
// where they are verified.
func Decision(size uint64, root [32]byte) hsm.Decision {
	return hsm.Decision{Statement: fmt.Appendf(nil, "give up %d %x", size, root), Signatures: [][]byte{{1}, {2}}}
}
