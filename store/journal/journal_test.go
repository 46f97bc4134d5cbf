package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"
)

// memory is a store of keys: a transaction's keys appear when it is applied.
type memory struct {
	mu   sync.Mutex
	keys map[string][]byte
	fail error
	gets int
}

func newMemory() *memory { return &memory{keys: make(map[string][]byte)} }

func (m *memory) Get(_ context.Context, key []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gets++
	if m.fail != nil {
		return nil, m.fail
	}
	if v, ok := m.keys[string(key)]; ok {
		return append([]byte(nil), v...), nil
	}
	return nil, ErrNotFound
}

func (m *memory) clone() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memory{keys: maps.Clone(m.keys)}
}

func (m *memory) apply(tx batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.Copy(m.keys, tx)
}

type batch map[string][]byte

func (b batch) Put(key, value []byte) { b[string(key)] = value }

var prefix = []byte{'j', 1}

func open(t testing.TB, m *memory) *Log {
	t.Helper()
	l, err := Open(context.Background(), m, prefix, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func draft(n int) Draft {
	return Draft{At: time.Date(2026, 11, 22, 10, 0, n, 123456789, time.UTC), Actor: Actor{Name: "Ada", Serial: "0a"},
		Act: "deposit", Object: fmt.Sprint(n), Result: Done, Refs: map[string]string{"n": fmt.Sprint(n)}}
}

// grow commits entries in transactions of differing lengths until there are n.
func grow(t testing.TB, m *memory, l *Log, n int) {
	t.Helper()
	for step := 1; int(l.Size()) < n; step++ {
		tx := batch{}
		var drafts []Draft
		for i := int(l.Size()); i < n && len(drafts) < step; i++ {
			drafts = append(drafts, draft(i))
		}
		if _, err := l.Append(tx, drafts...); err != nil {
			t.Fatal(err)
		}
		m.apply(tx)
		l.Commit()
	}
}

func TestAppendNumbersAndRollback(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	empty := l.Root()
	tx := batch{}
	a, err := l.Append(tx, draft(0), draft(1))
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Append(tx, draft(2)) // the same transaction goes on
	if err != nil || fmt.Sprint(a, b) != "[0 1] [2]" {
		t.Fatalf("numbers %v %v, %v", a, b, err)
	}
	if l.Size() != 0 || l.Root() != empty {
		t.Fatal("pending entries are visible")
	}
	l.Rollback()
	grow(t, m, l, 3)
	if _, _, err := l.Entry(context.Background(), 3); !errors.Is(err, ErrNotFound) {
		t.Fatalf("entry beyond the end: %v", err)
	}
	e, _, err := l.Entry(context.Background(), 2)
	if err != nil || e.Object != "2" || e.Seq != 2 || e.At.Nanosecond() != 123e6 {
		t.Fatalf("entry %+v, %v", e, err)
	}
	l.Commit() // nothing pending: no effect
	if l.Size() != 3 {
		t.Fatal("commit of nothing changed the journal")
	}
}

func TestAppendRefusesWhatIsNoEntry(t *testing.T) {
	l := open(t, newMemory())
	for name, d := range map[string]Draft{
		"no act":    {At: time.Unix(0, 0), Result: Done},
		"result":    {At: time.Unix(0, 0), Act: "x", Result: "maybe"},
		"zero time": {Act: "x", Result: Done},
		"too large": {At: time.Unix(0, 0), Act: "x", Result: Done, Reason: string(make([]byte, MaxEntry))},
	} {
		tx := batch{}
		if _, err := l.Append(tx, draft(0), d); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if len(tx) != 0 || l.pending != nil {
			t.Errorf("%s: something was put", name)
		}
	}
}

func TestBrokenTextHasOneReading(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	d := draft(0)
	d.Reason, d.Refs = "caf\xe9", map[string]string{"\xff": "\xfe"}
	tx := batch{}
	if _, err := l.Append(tx, d); err != nil {
		t.Fatal(err)
	}
	m.apply(tx)
	l.Commit()
	e, _, err := l.Entry(context.Background(), 0)
	if err != nil || e.Reason != "caf\uFFFD" || e.Refs["\uFFFD"] != "\uFFFD" {
		t.Fatalf("%+v, %v", e, err)
	}
}

func TestOpenFindsEverySize(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	for n := range 70 {
		grow(t, m, l, n)
		again := open(t, m)
		if again.Size() != uint64(n) || again.Root() != l.Root() || again.committed.prev != l.committed.prev {
			t.Fatalf("size %d: reopened as %d", n, again.Size())
		}
	}
	again := open(t, m)
	grow(t, m, again, 80) // and what is reopened goes on
	if err := again.Audit(context.Background(), 0, 80, nil); err != nil {
		t.Fatal(err)
	}
}

func TestOpenReadsFewRecords(t *testing.T) {
	m := newMemory()
	grow(t, m, open(t, m), 3000)
	m.gets = 0
	open(t, m)
	if m.gets > 100 {
		t.Fatalf("opening 3000 entries read %d records", m.gets)
	}
}

func TestReaderTrouble(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	grow(t, m, l, 9)
	boom := errors.New("disk on fire")
	m.fail = boom
	if _, err := Open(context.Background(), m, prefix, Options{}); !errors.Is(err, boom) {
		t.Fatalf("open: %v", err)
	}
	if _, _, err := l.Entry(context.Background(), 3); !errors.Is(err, boom) || errors.Is(err, ErrBroken) {
		t.Fatalf("entry: %v", err)
	}
	absent := errors.New("absent")
	m.fail = absent
	fresh, err := Open(context.Background(), m, prefix, Options{NotFound: func(err error) bool { return errors.Is(err, absent) }})
	if err != nil || fresh.Size() != 0 {
		t.Fatalf("own not-found error: %v", err)
	}
}

// TestOpenAt opens a journal that is being written to at a size known to be committed: what comes in
// beyond it, whole or not yet, is not there for it; what is wrong at its end shows.
func TestOpenAt(t *testing.T) {
	ctx := context.Background()
	m := newMemory()
	l := open(t, m)
	grow(t, m, l, 20)
	delete(m.keys, string(l.key(14))) // 15 on are there, 14 is not: a search for the end would stumble
	for size := uint64(0); size <= 14; size++ {
		at, err := OpenAt(ctx, m, prefix, size, Options{})
		if err != nil {
			t.Fatalf("at %d: %v", size, err)
		}
		want, err := l.RootAt(ctx, size)
		if err != nil || at.Size() != size || at.Root() != want {
			t.Errorf("at %d: size %d, %v", size, at.Size(), err)
		}
		if err := at.Audit(ctx, 0, size, nil); err != nil {
			t.Errorf("at %d: %v", size, err)
		}
		if _, _, err := at.Entry(ctx, size); !errors.Is(err, ErrNotFound) {
			t.Errorf("at %d, an entry beyond: %v", size, err)
		}
	}
	if _, err := OpenAt(ctx, m, prefix, 15, Options{}); !errors.Is(err, ErrBroken) {
		t.Errorf("its last entry is missing: %v", err)
	}
}
