package journal

import (
	"errors"
	"testing"
	"time"

	"casemate/store/proof"
)

// TestStored: what a stored entry tells in short is what it tells in full, and which entries are worth
// reading is told without reading, whatever words stand in the others.
func TestStored(t *testing.T) {
	var h head
	for seq, d := range []Draft{
		{Act: "deposit", Result: Done, Vault: "v", Object: "o"},
		{Act: "deposit", Result: Intent, Vault: "v", Object: "o", Reason: `"result":"done"`},
		{Act: "deposit-x", Result: Done},
		{Act: `read`, Result: Done, Object: `{"act":"deposit",`},
		{Act: "deposit", Result: Failed, Reason: `\"result\":\"done\"`, Refs: map[string]string{"n": `"result":"done"`}},
	} {
		d.At = time.Date(2026, 5, 4, 3, 2, 1, 7e6, time.UTC)
		e := d.entry(uint64(seq), h.prev)
		b, err := e.marshal()
		if err != nil {
			t.Fatal(err)
		}
		r := record{salted: append(make([]byte, 16), b...)}
		r.hashes = h.add(proof.LeafHash(r.salted))
		stored, err := ParseStored(uint64(seq), r.marshal())
		if err != nil {
			t.Fatal(err)
		}
		got, err := stored.Brief()
		if want := (Brief{e.Seq, e.At, e.Act, e.Vault, e.Object, e.Result}); err != nil || got != want {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
		if tells := stored.Tells("deposit", Done); tells != (e.Act == "deposit" && e.Result == Done) {
			t.Errorf("entry %d: %v", seq, tells)
		}
		for at, value := 0, r.marshal(); at < len(value); at++ {
			value[at] ^= 1
			if _, err := ParseStored(uint64(seq), value); !errors.Is(err, ErrBroken) && at != 0 && (at < 33 || at >= 1+32*len(r.hashes)) {
				t.Fatalf("altered at %d: %v", at, err)
			}
			value[at] ^= 1
		}
		if _, err := ParseStored(uint64(seq)+1, r.marshal()); !errors.Is(err, ErrBroken) {
			t.Errorf("entry %d in another's place: %v", seq, err)
		}
	}
	for _, words := range []string{"", "{", `{"at":"yesterday","seq":"0"}`, `{"at":"2026-05-04T03:02:01.007Z","seq":"7"}`} {
		r := record{salted: append(make([]byte, 16), words...)}
		r.hashes = new(head).add(proof.LeafHash(r.salted))
		stored, err := ParseStored(0, r.marshal())
		if err == nil {
			_, err = stored.Brief()
		}
		if !errors.Is(err, ErrBroken) {
			t.Errorf("%q: %v", words, err)
		}
	}
}
