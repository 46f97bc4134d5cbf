package store

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"casemate/raid"
	"casemate/store/identity"
	"casemate/store/journal"
)

// marks counts the acts whose end is not journaled.
func (r *rig) marks() (n int) {
	r.t.Helper()
	if err := r.safe.scan(r.t.Context(), []byte{typeOpen}, func(_, _ []byte) error { n++; return nil }); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// TestActsUnderWayEnd: an act that outlives its caller is waited for by Close, and the journal tells how
// it ended; one that does not end in time, or whose process dies, is journaled as interrupted by the next
// opening, once.
func TestActsUnderWayEnd(t *testing.T) {
	r := newRig(t)
	begun, ended := make(chan struct{}), make(chan struct{})
	gone, leave := context.WithCancel(t.Context())
	go func() {
		defer close(ended)
		_ = r.safe.Maintenance(gone, identity.Local(0), "volume-detach", "quick", func(ctx context.Context) (string, error) {
			close(begun)
			<-ctx.Done()
			return "", ctx.Err()
		})
	}()
	<-begun
	leave()
	r.close()
	<-ended
	r.open()
	if e := r.acts("volume-detach"); len(e) != 2 || e[1].Result != journal.Failed {
		t.Errorf("an act that was given up: %+v", e)
	}

	stuck, release := make(chan struct{}), make(chan struct{})
	late := make(chan error, 1)
	safe := r.safe
	go func() {
		late <- safe.Maintenance(t.Context(), alice, "volume-replace", "slow", func(context.Context) (string, error) {
			close(stuck)
			<-release
			return "", nil
		})
	}()
	<-stuck
	if n := r.marks(); n != 1 {
		t.Errorf("%d marks of one act", n)
	}
	r.close() // as SIGTERM does, though the act goes on
	close(release)
	if err := <-late; err != nil {
		t.Errorf("what the caller hears of an act that succeeded: %v", err)
	}
	for range 2 { // opening again tells nothing new
		r.open()
		e := r.acts("volume-replace")
		if len(e) != 2 || e[1].Result != journal.Abandoned || !strings.HasPrefix(e[1].Reason, "interrupted") || e[1].Object != "slow" ||
			e[1].Actor.Name != self.Name || e[1].Refs["intent"] == "" {
			t.Errorf("an act that outlived its safe: %+v", e)
		}
		if n := r.marks(); n != 0 {
			t.Errorf("%d marks are left", n)
		}
		r.close()
	}
	r.open()
	r.fsck()
}

// TestDecisionIsJournaledOnce: the process that carried a decision out died before its journal was open.
func TestDecisionIsJournaledOnce(t *testing.T) {
	r := newRig(t)
	r.deposit([]byte("before"))
	r.close()
	aside := r.config.Dirs[1] + ".aside"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Rename(r.config.Dirs[1], aside))
	m, err := raid.Open(t.Context(), r.config)
	must(err)
	_, err = m.Write(t.Context(), []raid.Op{{Key: singleKey("test"), Value: []byte("on one alone")}})
	must(errors.Join(err, m.Close()))
	must(os.Rename(aside, r.config.Dirs[1]))
	must(os.Rename(r.config.Dirs[0], r.config.Dirs[0]+".lost"))
	_, err = raid.Open(t.Context(), r.config)
	var u *raid.Undecided
	if !errors.As(err, &u) || len(u.Choices) != 1 {
		t.Fatalf("%v", err)
	}
	must(raid.Decide(t.Context(), r.config, u.Choices[0].ID, "ada and bob (statement 1234)"))
	m, err = raid.Open(t.Context(), r.config) // carries it out, and dies before anybody is told
	must(err)
	must(m.Close())
	for range 2 {
		r.open()
		r.until("journaled", func() bool { return len(r.acts("volume-decided")) > 0 })
		r.close()
	}
	r.open()
	told := r.acts("volume-decided")
	if len(told) != 1 || told[0].Refs["by"] != "ada and bob (statement 1234)" || told[0].Refs["dir"] != r.config.Dirs[1] ||
		!strings.Contains(told[0].Reason, "lost: ") || told[0].Object != u.Choices[0].Volume {
		t.Errorf("%+v", told)
	}
}
