package store

import (
	"bytes"
	"errors"
	"testing"

	"casemate/raid"
	"casemate/raid/raidtest"
)

// TestValuesMissingOnOneVolume: what one volume lost in silence, of a document that is stored long since,
// is read from the other, found as missing on the one alone, written again when that is asked for, and
// attested.
func TestValuesMissingOnOneVolume(t *testing.T) {
	r := newRig(t)
	body := randomBytes(5 << 20)
	d, whole := r.deposit(body), r.deposit(randomBytes(300))
	segments, place := r.segmentsOf(d), placeKey(d.ID)
	record := recordKey(r.safe.vaults["archives"].ID, d.Number)
	for range 300 { // and it is beyond the tail, which every opening looks at
		if _, err := r.mirror.Write(t.Context(), []raid.Op{{Key: singleKey("later"), Value: []byte("1")}}); err != nil {
			t.Fatal(err)
		}
	}
	r.close()
	lost := [][]byte{segments[1], segments[3], place, record}
	raidtest.Lose(t, r.config.Dirs[1], lost...)
	r.open()
	for _, key := range lost {
		if _, err := r.mirror.GetFrom(t.Context(), 1, key); !errors.Is(err, raid.ErrNotFound) {
			t.Fatalf("%q was to be missing: %v", key, err)
		}
	}

	report, err := r.safe.Fsck(t.Context(), FsckOptions{Volumes: []int{1}}, nil)
	if err != nil || report.OK() {
		t.Fatalf("%+v, %v", report, err)
	}
	missing := 0
	for _, f := range report.Findings {
		if f.Code == CodeMissing && f.Remedy == remedyRepair && f.Volume == r.config.Dirs[1] {
			missing++
		} else if f.Code != CodeVault { // the tally counts the document whose record is missing
			t.Errorf("another finding: %+v", f)
		}
	}
	if missing == 0 {
		t.Error("nothing is missing")
	}
	if twin, err := r.safe.Fsck(t.Context(), FsckOptions{Volumes: []int{0}}, nil); err != nil || !twin.OK() {
		t.Errorf("the whole one: %+v, %v", twin.Findings, err)
	}

	for range 4 { // whichever volume is asked first
		if got := r.read(d.ID, 1); !bytes.Equal(got, body) {
			t.Fatal("other bytes were read")
		}
	}
	if report, err := r.safe.Fsck(t.Context(), FsckOptions{Repair: true}, nil); err != nil || !report.OK() {
		t.Fatalf("%+v, %v", report.Findings, err)
	}
	for _, key := range lost {
		if _, err := r.mirror.GetFrom(t.Context(), 1, key); err != nil {
			t.Errorf("%q is still missing: %v", key, err)
		}
	}
	r.until("attested", func() bool {
		r.safe.tellGathered(true)
		r.safe.teller.nudge()
		values, named := uint64(0), false
		for _, a := range r.attestations() {
			values += a.Values
			for _, id := range a.Documents {
				named = named || id == d.ID.String()
				if id == whole.ID.String() {
					t.Fatal("a document that lost nothing is attested as repaired")
				}
			}
		}
		return values >= uint64(len(lost)) && named
	})
	r.mustPass(d.ID)
	r.fsck()
}
