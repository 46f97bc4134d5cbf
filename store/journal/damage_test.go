package journal

import (
	"context"
	"errors"
	"testing"

	"casemate/store/proof"
)

// Every byte of every record matters: flipped, an audit names the journal
// broken, and so does Open or Entry where they come across it.
func TestAuditFindsEveryFlippedByte(t *testing.T) {
	ctx := context.Background()
	m := newMemory()
	grow(t, m, open(t, m), 9)
	for key, value := range m.keys {
		for i := range value {
			bad := m.clone()
			flipped := append([]byte(nil), value...)
			flipped[i] ^= 0x20
			bad.keys[key] = flipped
			l, err := Open(ctx, bad, prefix, Options{})
			if err == nil {
				err = l.Audit(ctx, 0, l.Size(), nil)
			}
			if !errors.Is(err, ErrBroken) {
				t.Fatalf("record %x, byte %d: %v", key, i, err)
			}
		}
	}
}

func TestOpenRefusesWhatDoesNotChain(t *testing.T) {
	ctx := context.Background()
	m, other := newMemory(), newMemory()
	grow(t, m, open(t, m), 8)
	grow(t, other, open(t, other), 8)
	l := open(t, m)
	at := func(seq uint64) string { return string(l.key(seq)) }
	for name, damage := range map[string]func(keys map[string][]byte){
		"a record lost in the middle": func(k map[string][]byte) { delete(k, at(5)) },
		"the first record lost":       func(k map[string][]byte) { delete(k, at(0)) },
		"the last from another":       func(k map[string][]byte) { k[at(7)] = other.keys[at(7)] },
		"a record moved":              func(k map[string][]byte) { k[at(7)] = k[at(3)] },
		"a record cut":                func(k map[string][]byte) { k[at(7)] = k[at(7)][:40] },
		"an empty record":             func(k map[string][]byte) { k[at(7)] = nil },
		"an entry far beyond":         func(k map[string][]byte) { k[at(8+4096)] = k[at(7)] },
	} {
		bad := m.clone()
		damage(bad.keys)
		if _, err := Open(ctx, bad, prefix, Options{}); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAuditFindsAnEntryOfAnotherHistory(t *testing.T) {
	ctx := context.Background()
	m, other := newMemory(), newMemory()
	grow(t, m, open(t, m), 8)
	grow(t, other, open(t, other), 8)
	l := open(t, m)
	m.keys[string(l.key(2))] = other.keys[string(l.key(2))] // well formed, elsewhere
	if err := l.Audit(ctx, 0, 8, nil); !errors.Is(err, ErrBroken) {
		t.Fatal(err)
	}
	stop := errors.New("enough")
	seen := 0
	err := l.Audit(ctx, 4, 8, func(e Entry) error {
		if seen++; e.Seq == 5 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || seen != 2 {
		t.Fatalf("the visitor's error: %v after %d", err, seen)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := l.Audit(cancelled, 4, 8, nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// A crash leaves either nothing or all of a transaction; both reopen cleanly.
func TestCrashBeforeAndAfterTheTransaction(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	grow(t, m, l, 6)
	before := m.clone()
	tx := batch{}
	if _, err := l.Append(tx, draft(6), draft(7), draft(8)); err != nil {
		t.Fatal(err)
	}
	m.apply(tx) // durable, but the process dies before Commit
	if got := open(t, before).Size(); got != 6 {
		t.Fatalf("before: %d", got)
	}
	after := open(t, m)
	if err := after.Audit(context.Background(), 0, 9, nil); err != nil || after.Size() != 9 {
		t.Fatalf("after: %d, %v", after.Size(), err)
	}
}

func FuzzParseEntry(f *testing.F) {
	e, err := draft(1).entry(1, [32]byte{1}).marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(e)
	f.Add([]byte(`{"typ":"casemate/journal-entry","v":"1","seq":"01"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEntry(b)
		if err != nil {
			return
		}
		again, err := e.marshal()
		if err != nil || string(again) != string(b) {
			t.Fatalf("%q read and written is %q, %v", b, again, err)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	salted := append(make([]byte, proof.SaltSize), "{}"...)
	f.Add(uint64(0), record{hashes: [][32]byte{proof.LeafHash(salted)}, salted: salted}.marshal())
	f.Add(uint64(7), []byte{4})
	f.Fuzz(func(t *testing.T, seq uint64, b []byte) {
		r, err := parseRecord(seq, b)
		if err != nil {
			return
		}
		if string(r.marshal()) != string(b) || proof.LeafHash(r.salted) != r.hashes[0] {
			t.Fatalf("%x read and written is %x", b, r.marshal())
		}
	})
}
