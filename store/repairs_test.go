package store

import (
	"testing"
	"time"

	"casemate/raid"
	"casemate/store/proof"
)

// attestations are the repair attestations that the journal names, in its order.
func (r *rig) attestations() (list []repairAttestation) {
	r.t.Helper()
	for _, e := range r.acts("repair-attested") {
		id, err := proof.ParseDocumentID(e.Refs["attestation"])
		if err != nil {
			r.t.Fatalf("%+v: %v", e, err)
		}
		var a repairAttestation
		if err := proof.ParseStrict(r.read(id, 1), &a); err != nil {
			r.t.Fatal(err)
		}
		list = append(list, a)
	}
	return list
}

// TestRepairIsAttestedOnce: what is attested is the repair, not the moment: whoever does not know whether
// an attestation was deposited deposits the same bytes, which are one document.
func TestRepairIsAttestedOnce(t *testing.T) {
	r := newRig(t)
	d := r.deposit([]byte("repaired"))
	volume := r.mirror.Status().Volumes[0]
	one := func() *repaired {
		return repaired{volume: volume.ID, dir: volume.Dir, values: 1, at: time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC),
			keys: [][]byte{placeKey(d.ID)}}.split()[0]
	}
	for range 2 {
		if err := r.safe.attestRepair(t.Context(), one()); err != nil {
			t.Fatal(err)
		}
		r.deposit(randomBytes(100)) // and the mirror's sequence goes on
	}
	told := r.acts("repair-attested")
	if len(told) != 2 || told[0].Refs["attestation"] != told[1].Refs["attestation"] || told[0].Refs["sha256"] != told[1].Refs["sha256"] {
		t.Errorf("two attestations of one repair: %+v", told)
	}
	// Tried again, it goes on behind what the journal has already.
	again := one()
	if err := r.safe.attestRepair(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	before := len(r.acts("repair"))
	if err := r.safe.attestRepair(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if n := len(r.acts("repair")); n != before {
		t.Errorf("%d entries in lives more", n-before)
	}
}

// TestManyRepairsAreFollowed: beyond what one attestation follows there are further ones, which together
// name every document and count every value.
func TestManyRepairsAreFollowed(t *testing.T) {
	r := newRig(t)
	volume := r.mirror.Status().Volumes[1]
	a, b := r.deposit([]byte("first")), r.deposit([]byte("second"))
	var keys [][]byte
	for _, d := range []Document{a, b} {
		for i := range maxTouched + 50 {
			keys = append(keys, segmentKey(d.ID, 1, uint32(i)))
		}
	}
	r.safe.VolumeEvent(raid.Event{Kind: raid.EventRepaired, Volume: 1, ID: volume.ID, Dir: volume.Dir, Count: len(keys) + 7, Keys: keys})
	var got []repairAttestation
	r.until("attested", func() bool { got = r.attestations(); return len(got) == 3 })
	values, followed, named := uint64(0), uint64(0), map[string]bool{}
	for i, one := range got {
		values, followed = values+one.Values, followed+one.Followed
		for _, d := range one.Documents {
			named[d] = true
		}
		if one.Part != uint64(i+1) || one.Parts != 3 || one.V != repairV {
			t.Errorf("%+v", one)
		}
	}
	if values != uint64(len(keys)+7) || followed != uint64(len(keys)) || len(named) != 2 || !named[a.ID.String()] || !named[b.ID.String()] {
		t.Errorf("%d values, %d followed, documents %v", values, followed, named)
	}
	// There is an end to what is followed and to what waits; the values count all the same.
	flood := repaired{volume: volume.ID, values: 2 * maxKeys, keys: make([][]byte, maxKeys)}
	waiting := &teller{}
	dropped := 0
	for range 20 {
		dropped += waiting.attest(flood)
	}
	kept := 0
	for _, one := range waiting.repairs {
		kept += one.values
	}
	if len(waiting.repairs) != repairsKept || kept+dropped != 20*flood.values || dropped == 0 {
		t.Errorf("%d wait, with %d values, %d dropped", len(waiting.repairs), kept, dropped)
	}
}
