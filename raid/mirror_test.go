package raid_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"casemate/raid"
	"casemate/raid/raidtest"
)

func put(t testing.TB, m *raid.Mirror, kv ...string) uint64 {
	t.Helper()
	var ops []raid.Op
	for i := 0; i < len(kv); i += 2 {
		ops = append(ops, raid.Op{Key: []byte(kv[i]), Value: []byte(kv[i+1])})
	}
	seq, err := m.Write(context.Background(), ops)
	if err != nil {
		t.Fatalf("writing: %v", err)
	}
	return seq
}

func want(t testing.TB, m *raid.Mirror, key, value string) {
	t.Helper()
	v, err := m.Get(context.Background(), []byte(key))
	if err != nil || string(v) != value {
		t.Fatalf("Get(%q) = %.20q, %v; want %.20q", key, v, err, value)
	}
}

func TestWriteReadReopen(t *testing.T) {
	c := raidtest.Config(t, 2)
	if err := raid.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	m := raidtest.Open(t, c)
	big := string(bytes.Repeat([]byte("x"), 600<<10))
	put(t, m, "k/a", "one", "k/b", "two", "k/big", big, "l/empty", "")
	if seq := put(t, m, "k/a", "three"); seq != 2 {
		t.Errorf("sequence %d, want 2", seq)
	}
	if _, err := m.Write(t.Context(), []raid.Op{{Key: []byte("k/b"), Delete: true}}); err != nil {
		t.Fatal(err)
	}
	check := func(m *raid.Mirror) {
		t.Helper()
		want(t, m, "k/a", "three")
		want(t, m, "k/big", big)
		want(t, m, "l/empty", "")
		if _, err := m.Get(t.Context(), []byte("k/b")); !errors.Is(err, raid.ErrNotFound) {
			t.Errorf("a deleted key: %v", err)
		}
		items, err := m.Scan(t.Context(), []byte("k/"), nil, 10)
		if err != nil || len(items) != 2 || string(items[0].Key) != "k/a" || string(items[1].Value) != big {
			t.Errorf("Scan = %d items, %v", len(items), err)
		}
		if items, err = m.Scan(t.Context(), nil, nil, 10); err != nil || len(items) != 3 {
			t.Errorf("Scan of everything = %d items, %v", len(items), err)
		}
		if items, err = m.Scan(t.Context(), []byte("k/"), []byte("k/a"), 10); err != nil || len(items) != 1 {
			t.Errorf("Scan after = %d items, %v", len(items), err)
		}
		for slot := range m.Volumes() {
			if v, err := m.GetFrom(t.Context(), slot, []byte("k/a")); err != nil || string(v) != "three" {
				t.Errorf("GetFrom(%d) = %q, %v", slot, v, err)
			}
		}
	}
	check(m)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	check(raidtest.Open(t, c))
}

func TestManyWriters(t *testing.T) {
	m := raidtest.New(t)
	errs := make(chan error)
	const writers, each = 32, 20
	for w := range writers {
		go func() {
			for i := range each {
				k := fmt.Appendf(nil, "k/%03d/%03d", w, i)
				if _, err := m.Write(context.Background(), []raid.Op{{Key: k, Value: k}}); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range writers {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	var after []byte
	n := 0
	for {
		items, err := m.Scan(t.Context(), []byte("k/"), after, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(items) == 0 {
			break
		}
		for _, it := range items {
			if !bytes.Equal(it.Key, it.Value) {
				t.Fatalf("%q holds %q", it.Key, it.Value)
			}
			after = it.Key
			n++
		}
	}
	if n != writers*each || m.Status().Sequence != writers*each {
		t.Errorf("%d items, %d batches; want %d", n, m.Status().Sequence, writers*each)
	}
}
