package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"casemate/raid"
	"casemate/store/journal"
)

// TestBackupsRemembered: what a backup and a drill came to is in the journal and remembered over a restart;
// restoring is told once.
func TestBackupsRemembered(t *testing.T) {
	r := newRig(t)
	r.deposit([]byte("one"))
	done := BackedUp{ID: "b1", Series: "b1", Number: 1, Whole: true, At: time.Now().UTC().Truncate(time.Second), Sequence: 3, Manifest: "ab"}
	if err := r.safe.Backup(t.Context(), alice, "/media/stick", func(context.Context) (BackedUp, error) {
		if e := r.lastEntry(ActBackup); e.Result != journal.Intent {
			t.Errorf("before it begins the journal says %q", e.Result)
		}
		return done, nil
	}); err != nil {
		t.Fatal(err)
	}
	if e := r.lastEntry(ActBackup); e.Result != journal.Done || e.Object != "/media/stick" || e.Refs["detail"] == "" {
		t.Errorf("the journal says %+v", e)
	}
	broke := errors.New("the stick was pulled")
	if err := r.safe.Backup(t.Context(), alice, "/media/stick", func(context.Context) (BackedUp, error) { return BackedUp{}, broke }); !errors.Is(err, broke) {
		t.Errorf("a failed backup: %v", err)
	}
	if e := r.lastEntry(ActBackup); e.Result != "failed" || e.Reason == "" {
		t.Errorf("the journal says %+v", e)
	}
	if err := r.safe.Backup(t.Context(), mallory, "/media/stick", nil); err == nil {
		t.Error("a depositor takes backups")
	}
	held, release := r.safe.Hold()
	release()
	drill := func(h Held, d Drilled) error {
		return r.safe.Drill(t.Context(), alice, "/media/stick", func(context.Context) (Drilled, Held, error) { return d, h, nil })
	}
	if err := drill(held, Drilled{Backup: "b1", OK: true, Documents: 1}); err != nil {
		t.Errorf("a drill: %v", err)
	}
	forged := held
	forged.Root = "00" + forged.Root[2:]
	longer := held
	longer.Entries += 1000
	for name, h := range map[string]Held{"another journal": forged, "a longer one": longer, "none": {}} {
		if err := drill(h, Drilled{Backup: "b1", OK: true}); !errors.Is(err, ErrDrillFailed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	note := Restored{Backup: "b1", Number: 1, Sequence: 3, Manifest: "ab", By: "local user 0", Taken: done.At, At: done.At}
	for range 2 {
		if err := r.safe.NoteRestored(t.Context(), note); err != nil {
			t.Fatal(err)
		}
	}
	r.close()
	r.open()
	if err := r.safe.NoteRestored(t.Context(), note); err != nil {
		t.Fatal(err)
	}
	b := r.safe.Backups()
	if b.Last == nil || *b.Last != done || b.Drill == nil || b.Drill.OK || b.Restored == nil || *b.Restored != note {
		t.Errorf("remembered: %+v", b)
	}
	n := 0
	for _, e := range r.entries("") {
		if e.Act == ActRestore {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the journal says %d times that it was restored", n)
	}
}

// TestSeriesTakeTurns: what increments need is kept for the last series, few of them.
func TestSeriesTakeTurns(t *testing.T) {
	var b Backups
	for i, series := range []string{"a", "b", "a", "c", "d", "e", "a"} {
		b.took(BackedUp{Series: series, Sequence: uint64(10 * i)})
	}
	if got, want := fmt.Sprint(b.Series), "[{a 60} {e 50} {d 40} {c 30}]"; got != want {
		t.Errorf("kept: %s, want %s", got, want)
	}
	if !slices.Equal(b.since(), []uint64{60, 50, 40, 30}) {
		t.Errorf("manifests are kept since %v", b.since())
	}
}

// TestInspect proves documents of a safe that nobody serves, changes nothing, and sees what is wrong.
func TestInspect(t *testing.T) {
	r := newRig(t)
	for i := range 3 {
		r.deposit([]byte(fmt.Sprint("document ", i)))
	}
	d := r.deposit([]byte("the fourth"))
	held, release := r.safe.Hold()
	release()
	if err := r.safe.Close(); err != nil {
		t.Fatal(err)
	}
	before := r.mirror.Status().Sequence
	got, err := Inspect(t.Context(), r.settings(), 3, nil)
	if err != nil || got.Documents != 3 || len(got.Findings) > 0 || got.Held.Documents != 4 || got.Held.Entries < held.Entries {
		t.Fatalf("inspected: %+v, %v", got, err)
	}
	if after := r.mirror.Status().Sequence; after != before {
		t.Errorf("%d batches were written by looking", after-before)
	}
	if _, err := r.mirror.Write(t.Context(), []raid.Op{{Key: segmentKey(d.ID, 1, 0), Delete: true}}); err != nil {
		t.Fatal(err)
	}
	got, err = Inspect(t.Context(), r.settings(), 100, nil)
	if err != nil || got.Documents != 4 || len(got.Findings) != 1 {
		t.Errorf("with a segment lost: %+v, %v", got, err)
	}
}
