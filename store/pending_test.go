package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"casemate/raid"
	"casemate/store/journal"
	"casemate/store/proof"
)

// TestPendingFoundAgain: what no round covers is found by reading the journal's pages, whatever lies
// between, and the next round covers just that.
func TestPendingFoundAgain(t *testing.T) {
	r := newRig(t)
	r.deposit([]byte("covered"))
	if err := r.safe.Stamp(t.Context()); err != nil {
		t.Fatal(err)
	}
	var waiting []Document
	for i := range 40 {
		d := r.deposit(fmt.Appendf(nil, "waiting %d", i))
		waiting = append(waiting, d)
		r.read(d.ID, 1) // entries of other acts
	}
	before := r.safe.pendingDocuments()
	r.close()
	r.open()
	got := r.safe.pendingDocuments()
	if len(got) != len(waiting) || len(before) != len(waiting) {
		t.Fatalf("%d wait after opening, %d before, %d were deposited", len(got), len(before), len(waiting))
	}
	for i, p := range got {
		if p.id != waiting[i].ID || p.leaf != before[i].leaf || p.vault.ID != waiting[i].Vault || p.at.Sub(before[i].at).Abs().Milliseconds() > 0 {
			t.Errorf("%+v, want document %s at %+v", p, waiting[i].ID, before[i])
		}
	}
	if err := r.safe.Stamp(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, d := range waiting {
		if report := r.mustPass(d.ID); report.Provisional {
			t.Errorf("document %s has no proof yet", d.ID)
		}
	}
	r.fsck()
}

// TestPendingAcrossDamage: an entry damaged on one volume is read on the other, one that is missing or
// another's on both keeps the safe shut, and a place that is gone costs its own document the round.
func TestPendingAcrossDamage(t *testing.T) {
	r := newRig(t)
	var all []Document
	verbose := alice
	verbose.From = strings.Repeat("127.0.0.1 ", 150) // so that entries are long enough for the value log
	for i := range 20 {
		d, err := r.safe.Deposit(t.Context(), verbose, DepositRequest{Vault: "archives"}, parts(fmt.Appendf(nil, "document %d", i)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	leaf := r.safe.pendingDocuments()[7].leaf
	r.spoil(0, journalKey(leaf))
	if err := r.safe.Close(); err != nil {
		t.Fatal(err)
	}
	r.reopen()
	if n := len(r.safe.pendingDocuments()); n != len(all) {
		t.Fatalf("%d of %d wait", n, len(all))
	}
	was, err := r.mirror.Get(t.Context(), journalKey(leaf))
	if err != nil {
		t.Fatal(err)
	}
	other, err := r.mirror.Get(t.Context(), journalKey(leaf+2))
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []raid.Op{{Key: journalKey(leaf), Delete: true}, {Key: journalKey(leaf), Value: other}, {Key: journalKey(leaf), Value: []byte("x")}} {
		if err := r.safe.commitBatch([]raid.Op{op}); err != nil {
			t.Fatal(err)
		}
		if err := r.safe.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(t.Context(), r.settings()); !errors.Is(err, ErrIntegrity) {
			t.Fatalf("%v, %v", s, err)
		}
		if _, err := r.mirror.Write(t.Context(), []raid.Op{{Key: journalKey(leaf), Value: was}}); err != nil {
			t.Fatal(err)
		}
		r.reopen()
	}
	if err := r.safe.commitBatch([]raid.Op{{Key: placeKey(all[3].ID), Delete: true}, {Key: placeKey(all[4].ID), Value: place(proof.NewVaultID(), 5)}}); err != nil {
		t.Fatal(err)
	}
	if err := r.safe.Close(); err != nil {
		t.Fatal(err)
	}
	r.reopen()
	if err := r.safe.Stamp(t.Context()); err != nil {
		t.Fatal(err)
	}
	alarms := 0
	for _, e := range r.entries("") {
		if e.Act == "timestamp-round" && e.Result == journal.Failed {
			alarms++
		}
	}
	if alarms != 2 {
		t.Errorf("%d alarms, want one for each document that is not found", alarms)
	}
	if report := r.mustPass(all[5].ID); report.Provisional {
		t.Error("the others have no proof")
	}
}

// reopen opens the safe alone again, on the mirror as it runs.
func (r *rig) reopen() {
	r.t.Helper()
	s, err := Open(r.t.Context(), r.settings())
	if err != nil {
		r.t.Fatal(err)
	}
	r.safe = s
	r.t.Cleanup(func() { _ = s.Close() })
}

// TestJournaledToItsEnd: a walk to an entry that the volumes do not have, behind all that they have, is none.
func TestJournaledToItsEnd(t *testing.T) {
	r := newRig(t)
	r.deposit([]byte("one"))
	size := r.safe.log.Size()
	for _, to := range []uint64{size, size + 1} {
		seen := uint64(0)
		err := r.safe.journaled(t.Context(), 0, to, func(journal.Stored) error { seen++; return nil })
		if seen != size || errors.Is(err, ErrIntegrity) != (to > size) {
			t.Errorf("%d of %d entries to %d: %v", seen, size, to, err)
		}
	}
}
