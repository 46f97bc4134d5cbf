package store

import (
	"bytes"
	"errors"
	"testing"

	"casemate/raid"
)

// TestStageThatCameBack: a stage record that shows again beside its document, since a disk lost in silence that
// it was removed, takes nothing from the document.
func TestStageThatCameBack(t *testing.T) {
	r := newRig(t)
	body := bytes.Repeat([]byte("large"), 200_000)
	d := r.deposit(body)
	stage := stageRecord{Vault: d.Vault, Number: d.Number, Segments: []uint32{8}}
	if err := r.safe.commitBatch([]raid.Op{{Key: stageKey(d.ID, 0), Value: stage.value()}}); err != nil {
		t.Fatal(err)
	}
	if err := r.safe.Close(); err != nil {
		t.Fatal(err)
	}
	r.reopen()
	if !bytes.Equal(r.read(d.ID, 1), body) {
		t.Error("the document is not what it was")
	}
	if _, err := r.mirror.Get(t.Context(), stageKey(d.ID, 0)); !errors.Is(err, raid.ErrNotFound) {
		t.Errorf("the stage record is still there: %v", err)
	}
	for _, e := range r.entries("") {
		if e.Act == ActDeposit && e.Result == "abandoned" {
			t.Errorf("the journal calls the deposit abandoned: %+v", e)
		}
	}
	r.fsck()
}
