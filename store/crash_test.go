package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"casemate/hsm"
	"casemate/raid"
	"casemate/raid/raidtest"
	"casemate/store/journal"
	"casemate/store/proof"
	"casemate/store/verify"
)

// The child of a crash test: this binary again, with a safe on the parent's volumes and token. It
// deposits, tells each acknowledgement on its standard output, and kills itself at a given step.
type crashJob struct {
	Dirs   []string
	State  string
	Key    [32]byte
	Socket string
	VKey   string
	Seal   []byte // PEM
	TSA    []byte // PEM
	Step   string // where to die
	Nth    int    // at which passage
}

const crashVariable = "CASEMATE_STORE_CRASH"

func init() {
	text := os.Getenv(crashVariable)
	if text == "" || len(os.Args) > 1 && os.Args[1] != "crash" {
		return
	}
	var job crashJob
	if err := json.Unmarshal([]byte(text), &job); err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stderr, "crash child:", job.run())
	os.Exit(1)
}

func (j *crashJob) die(step string) func() error {
	return func() error {
		if step != j.Step {
			return nil
		}
		if j.Nth--; j.Nth <= 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	}
}

func (j *crashJob) run() error {
	ctx := context.Background()
	mirror, err := raid.Open(ctx, raid.Config{Command: raidtest.Command(), Dirs: j.Dirs, StateDir: j.State, Key: j.Key,
		WriteDeadline: 10 * time.Second, MinFree: 32 << 20})
	if err != nil {
		return err
	}
	token := &interposed{Token: hsm.NewClient(j.Socket),
		beforeSeal: j.die("before the seal"), afterSeal: j.die("after the seal"),
		beforeSign: j.die("before the checkpoint"), afterSign: j.die("after the checkpoint")}
	trust := verify.Trust{Seal: x509.NewCertPool(), TSA: x509.NewCertPool(), JournalVKey: j.VKey}
	trust.Seal.AppendCertsFromPEM(j.Seal)
	trust.TSA.AppendCertsFromPEM(j.TSA)
	safe, err := Open(ctx, Config{Origin: testOrigin, Demonstration: true, Mirror: mirror, Token: token, Clock: &testClock{},
		Interval: time.Hour, Trust: trust, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if j.Step == "in the scrub" {
		safe.scrub.save = time.Nanosecond
		safe.scrub.hook = func(at position) {
			if at.Phase == phaseDocuments {
				_ = j.die("in the scrub")()
			}
		}
		if err := safe.StartScrub(ctx, alice); err != nil {
			return err
		}
		<-safe.Fatal()
	}
	for i := 0; ; i++ {
		size := 100
		if i%2 == 1 {
			size = 3*stageBytes + 1 // its first batch is durable once its third is on the way
		}
		received := j.die("while receiving")
		next := parts(bytes.Repeat([]byte{byte(i)}, size))
		d, err := safe.Deposit(ctx, alice, DepositRequest{Vault: "archives"}, func() (Part, error) {
			p, err := next()
			if err != nil {
				_ = received() // everything sent and staged, no intent yet
			}
			return p, err
		})
		if err != nil {
			return err
		}
		fmt.Println("acknowledged", d.ID)
		_ = j.die("after the acknowledgement")()
	}
}

// crash runs a child until it kills itself and gives the documents it was acknowledged.
func (r *rig) crash(step string, nth int) []proof.DocumentID {
	r.t.Helper()
	r.close()
	job, err := json.Marshal(crashJob{Dirs: r.config.Dirs, State: r.config.StateDir, Key: r.config.Key,
		Socket: r.token.Socket, VKey: r.token.SetupResult.JournalVKey, Seal: r.token.SetupResult.SealPEM, TSA: r.tsa.pem, Step: step, Nth: nth})
	if err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "crash")
	cmd.Env = append(os.Environ(), crashVariable+"="+string(job))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if state := cmd.ProcessState; state == nil || state.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		r.t.Fatalf("the child did not die as told: %v\n%s", err, errs.String())
	}
	var ids []proof.DocumentID
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "acknowledged "); ok {
			id, err := proof.ParseDocumentID(text)
			if err != nil {
				r.t.Fatal(err)
			}
			ids = append(ids, id)
		}
	}
	r.open()
	return ids
}

// TestCrashAtEveryStep kills the process at each step of the walk. What was acknowledged is there
// and proves itself; what was not left nothing but an entry that says it was abandoned; the token
// signs one history.
func TestCrashAtEveryStep(t *testing.T) {
	r := newRig(t)
	kept := 0
	for _, c := range []struct {
		step         string
		nth          int
		acknowledged int  // -1: any
		abandoned    bool // an entry must say so
		perhaps      int  // documents committed beyond those acknowledged, at most
	}{
		{"while receiving", 2, 1, true, 0},
		{"before the seal", 1, 0, true, 0},
		{"before the seal", 2, 1, true, 0},
		{"after the seal", 1, 0, true, 0},
		{"after the seal", 2, 1, true, 0},
		{"before the checkpoint", 2, -1, false, 1},
		{"after the checkpoint", 2, -1, false, 1},
		{"after the acknowledgement", 3, 3, false, 0},
	} {
		t.Run(fmt.Sprintf("%s %d", c.step, c.nth), func(t *testing.T) {
			before := r.safe.log.Size()
			ids := r.crash(c.step, c.nth)
			if c.acknowledged >= 0 && len(ids) != c.acknowledged {
				t.Errorf("%d acknowledged, want %d", len(ids), c.acknowledged)
			}
			documents, _, err := r.safe.Count(t.Context(), alice, "archives")
			if err != nil {
				t.Fatal(err)
			}
			if n := int(documents) - kept; n < len(ids) || n > len(ids)+c.perhaps {
				t.Errorf("%d documents, %d were acknowledged", n, len(ids))
			}
			kept = int(documents)
			for _, id := range ids {
				r.mustPass(id)
			}
			abandoned := false
			for i := before; i < r.safe.log.Size(); i++ {
				e, _, err := r.safe.log.Entry(t.Context(), i)
				if err != nil {
					t.Fatal(err)
				}
				abandoned = abandoned || e.Result == journal.Abandoned
			}
			if abandoned != c.abandoned && c.perhaps == 0 { // a checkpoint may fall between intent and end
				t.Errorf("abandoned journaled: %v", abandoned)
			}
			if report := r.fsck(); int(report.Documents) != kept {
				t.Errorf("fsck saw %d documents, want %d", report.Documents, kept)
			}
			if err := r.safe.Stamp(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}
