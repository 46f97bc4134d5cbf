package store

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"casemate/store/journal"
)

// TestSurveyCutAnywhere cuts a survey off at one reading after the other and takes it up where it says
// it was: nothing is found wanting, nothing is counted twice or left out.
func TestSurveyCutAnywhere(t *testing.T) {
	r := newRig(t)
	const documents = 3
	for range documents {
		r.deposit(randomBytes(300), randomBytes(10))
	}
	if err := r.safe.Stamp(t.Context()); err != nil {
		t.Fatal(err)
	}
	phases := map[phase]int{}
	for cut := 1; ; cut += 2 {
		var report FsckReport
		y := r.safe.newSurvey(0, position{}, true, &report)
		y.stride = 4
		ctx, halt := context.WithCancel(t.Context())
		var n atomic.Int64 // readers ahead pay too
		y.pace = func(ctx context.Context, _ int) error {
			if n.Add(1) == int64(cut) {
				halt()
			}
			return ctx.Err()
		}
		err := y.run(ctx)
		halt()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) || len(report.Findings) > 0 {
			t.Fatalf("cut %d: %v, %+v", cut, err, report.Findings)
		}
		phases[y.at.Phase]++
		again := r.safe.newSurvey(0, y.at, true, &report)
		again.mine = y.mine
		if err := again.run(t.Context()); err != nil {
			t.Fatalf("cut %d, taken up: %v", cut, err)
		}
		if len(report.Findings) > 0 || again.mine.Documents != documents || again.mine.Journal != y.snap.size && again.mine.Journal != again.snap.size {
			t.Fatalf("cut %d in %s: %+v, %+v", cut, y.at.Phase, report.Findings, again.mine)
		}
	}
	for _, p := range []phase{phaseJournal, phaseRounds, phaseDocuments} {
		if phases[p] == 0 {
			t.Errorf("never cut off in %s: %v", p, phases)
		}
	}
}

// TestSnapshotIsOfOneInstant: journal and tallies of a snapshot tell the same, whatever is being written.
func TestSnapshotIsOfOneInstant(t *testing.T) {
	r := newRig(t)
	load := r.load(4)
	var taken []snapshot
	for len(r.safe.pendingDocuments()) < 200 {
		taken = append(taken, r.safe.snapshot())
		time.Sleep(100 * time.Microsecond)
	}
	load.end()
	all := r.entries("")
	for _, snap := range taken {
		var given, done uint64
		for _, e := range all[:snap.size] {
			if e.Act == ActDeposit && e.Result == journal.Intent {
				given++
			} else if e.Act == ActDeposit && e.Result == journal.Done {
				done++
			}
		}
		if v := snap.vaults[0]; v.Last != given || v.Documents != done {
			t.Fatalf("at %d entries: %d numbers given and %d documents, the tally says %d and %d", snap.size, given, done, v.Last, v.Documents)
		}
	}
}

func (s *Safe) pendingDocuments() []pendingSeal {
	batch, _, _ := s.pendingSeals(roundDocuments)
	return batch
}

// TestSurveyBesideADepositUnderWay: a number whose deposit has not ended when a survey begins is no gap,
// and its document, should it end meanwhile, is nobody's yet.
func TestSurveyBesideADepositUnderWay(t *testing.T) {
	r := newRig(t)
	r.deposit([]byte("before"))
	reached, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error)
	r.safe.token = &interposed{Token: r.safe.token, beforeSeal: func() error { close(reached); <-goOn; return nil }}
	go func() {
		_, err := r.safe.Deposit(context.Background(), alice, DepositRequest{Vault: "archives"}, parts([]byte("under way")))
		done <- err
	}()
	<-reached
	if report, err := r.safe.Fsck(t.Context(), FsckOptions{}, nil); err != nil || !report.OK() || report.Documents != 1 {
		t.Errorf("under way: %+v, %v", report, err)
	}
	var report FsckReport
	y := r.safe.newSurvey(0, position{}, true, &report)
	close(goOn)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := y.run(t.Context()); err != nil || len(report.Findings) > 0 || y.mine.Documents != 1 {
		t.Errorf("ended since: %+v, %+v, %v", y.mine, report.Findings, err)
	}
}
