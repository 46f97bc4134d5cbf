package module

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"casemate/hsm"
	"casemate/store/proof"
)

// about is a verifier of decisions that takes one statement, about one checkpoint.
func about(size uint64, root [32]byte) func(hsm.Decision, time.Time) (uint64, [32]byte, error) {
	return func(d hsm.Decision, _ time.Time) (uint64, [32]byte, error) {
		if string(d.Statement) != "decided" {
			return 0, root, errors.New("signed by nobody")
		}
		return size, root, nil
	}
}

func TestResumeJournal(t *testing.T) {
	cfg := setUp(t)
	ctx := context.Background()
	e := open(t, cfg)
	decision := hsm.Decision{Statement: []byte("decided"), Signatures: [][]byte{{1}, {2}}}
	lost, other := [32]byte{1}, [32]byte{2}
	old, err := e.checkpoints.sign(ctx, hsm.CheckpointRequest{Size: 181, Root: lost[:]})
	check(t, err)
	request := hsm.ResumeRequest{Size: 178, Root: other[:], Decision: decision}
	wrong := func(change func(*hsm.ResumeRequest)) hsm.ResumeRequest { r := request; change(&r); return r }
	for name, c := range map[string]struct {
		request hsm.ResumeRequest
		decided func(hsm.Decision, time.Time) (uint64, [32]byte, error)
	}{
		"nobody can decide":       {request, nil},
		"not signed by officers":  {wrong(func(r *hsm.ResumeRequest) { r.Decision.Statement = []byte("forged") }), about(181, lost)},
		"about another size":      {request, about(180, lost)},
		"about another root":      {request, about(181, other)},
		"one signature":           {wrong(func(r *hsm.ResumeRequest) { r.Decision.Signatures = [][]byte{{1}} }), about(181, lost)},
		"no statement":            {wrong(func(r *hsm.ResumeRequest) { r.Decision.Statement = nil }), about(181, lost)},
		"a statement without end": {wrong(func(r *hsm.ResumeRequest) { r.Decision.Statement = make([]byte, hsm.MaxStatement+1) }), about(181, lost)},
		"too much signature":      {wrong(func(r *hsm.ResumeRequest) { r.Decision.Signatures = [][]byte{make([]byte, hsm.MaxDecision), {1}} }), about(181, lost)},
		"no journal":              {wrong(func(r *hsm.ResumeRequest) { r.Size = 0 }), about(181, lost)},
		"half a root":             {wrong(func(r *hsm.ResumeRequest) { r.Root = r.Root[:16] }), about(181, lost)},
	} {
		if _, err := e.checkpoints.resume(ctx, c.request, c.decided); !errors.Is(err, hsm.ErrRefused) {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
	if last := e.checkpoints.get(); !bytes.Equal(last.Note, old.Note) {
		t.Fatal("a refusal changed the last checkpoint")
	}

	// The verifier is told up to when documents were sealed, and what it says against it counts.
	e.sealer.until = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	told := time.Time{}
	if _, err := e.checkpoints.resume(ctx, request, func(_ hsm.Decision, after time.Time) (uint64, [32]byte, error) {
		told = after
		return 181, lost, errors.New("it is older")
	}); !errors.Is(err, hsm.ErrRefused) || !told.Equal(e.sealer.until) {
		t.Errorf("an older statement: %v, told %v", err, told)
	}

	reply, err := e.checkpoints.resume(ctx, request, about(181, lost))
	check(t, err)
	c, err := proof.ParseCheckpointNote(reply.Note, e.vkey)
	if err != nil || c.Size != 178 || c.Root != other {
		t.Fatalf("signed %+v: %v", c, err)
	}
	again, err := e.checkpoints.resume(ctx, request, about(181, lost))
	if err != nil || !bytes.Equal(again.Note, reply.Note) {
		t.Errorf("the same again: another note: %v", err)
	}
	// Spent: it gives up nothing else, nor the same journal once more.
	third := [32]byte{3}
	if _, err := e.checkpoints.resume(ctx, wrong(func(r *hsm.ResumeRequest) { r.Root = third[:] }), about(181, lost)); !errors.Is(err, hsm.ErrRefused) {
		t.Errorf("a decision used again: %v, want a refusal", err)
	}
	if _, err := e.checkpoints.sign(ctx, hsm.CheckpointRequest{Size: 181, Root: lost[:]}); !errors.Is(err, hsm.ErrRefused) {
		t.Errorf("the journal given up is signed again: %v", err)
	}
	check(t, e.close())

	size, root, err := LastSigned(cfg.StateDir)
	if err != nil || size != 178 || root != other {
		t.Errorf("without the token, the last is %d %x: %v", size, root, err)
	}
	e = open(t, cfg)
	if last := e.checkpoints.get(); !bytes.Equal(last.Note, reply.Note) {
		t.Error("after a restart it is another checkpoint")
	}
	kept, err := filepath.Glob(filepath.Join(cfg.StateDir, "resumed-*.json"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept: %q, %v", kept, err)
	}
	var r resumption
	if err := readJSON(kept[0], &r); err != nil || !bytes.Equal(r.GivenUp.Note, old.Note) || string(r.Decided.Statement) != "decided" || r.Size != 178 {
		t.Errorf("kept %+v: %v", r, err)
	}
}

// A write that fails, on disk or not, at either of the two files.
func TestResumeJournalWriteFails(t *testing.T) {
	original := setUp(t)
	lost, other := [32]byte{1}, [32]byte{2}
	request := hsm.ResumeRequest{Size: 5, Root: other[:], Decision: hsm.Decision{Statement: []byte("decided"), Signatures: [][]byte{{1}, {2}}}}
	for name, c := range map[string]struct {
		nth       int
		persisted bool
	}{"decision not kept": {1, false}, "decision kept": {1, true}, "note not kept": {2, false}, "note kept": {2, true}} {
		t.Run(name, func(t *testing.T) {
			cfg := copyOf(t, original)
			ctx := context.Background()
			e, err := openEngine(ctx, cfg, newGuard(cfg.Timeout, cfg.Sessions, cfg.Log))
			check(t, err)
			_, err = e.checkpoints.sign(ctx, hsm.CheckpointRequest{Size: 9, Root: lost[:]})
			check(t, err)
			n := 0
			e.checkpoints.write = func(path string, v any) error {
				if n++; n != c.nth {
					return writeJSON(path, v)
				}
				if c.persisted {
					check(t, writeJSON(path, v))
				}
				return os.ErrClosed
			}
			if _, err := e.checkpoints.resume(ctx, request, about(9, lost)); !errors.Is(err, hsm.ErrUnavailable) {
				t.Errorf("%v, want ErrUnavailable", err)
			}
			check(t, e.close())
			e = open(t, cfg)
			want := uint64(9)
			if c.nth == 2 && c.persisted {
				want = 5
			}
			if last := e.checkpoints.get(); last.Size != want {
				t.Errorf("found %d, want %d", last.Size, want)
			}
			if reply, err := e.checkpoints.resume(ctx, request, about(9, lost)); err != nil || reply.Size != 5 {
				t.Errorf("the same again: %v", err)
			}
		})
	}
}
