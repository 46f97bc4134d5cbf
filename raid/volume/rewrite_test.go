package volume

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

// giving is a database in a directory of its own, with what a reclaim needs around it.
func giving(t *testing.T, dir string) *giver {
	t.Helper()
	d, err := openDatabase(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := &server{dir: filepath.Dir(dir), log: slog.New(slog.DiscardHandler), db: d, space: space{dir: dir, minFree: 1 << 20}}
	return &giver{s: s, db: d, dir: dir}
}

func largeKeys(n int) (keys [][]byte) {
	for i := range n {
		keys = append(keys, fmt.Appendf(nil, "key-%02d", i))
	}
	return keys
}

// The value log that Badger picked is read before it is written again, whichever was expected: one that is
// damaged stays, and all that lives in it.
func TestRewriteChecksWhatBadgerPicked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db.1")
	g := giving(t, dir)
	keys := largeKeys(20)
	for _, key := range keys {
		if _, err := g.db.commit([]Op{{Key: key, Value: bytes.Repeat(key, 10_000)}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.db.db.Close(); err != nil {
		t.Fatal(err)
	}
	g = giving(t, dir) // its newest log is another now
	for _, key := range keys[:15] {
		if _, err := g.db.commit([]Op{{Key: key, Delete: true}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.settle(); err != nil {
		t.Fatal(err)
	}
	log, err := candidate(dir)
	if err != nil || log != logPath(dir, 1) {
		t.Fatalf("%q is expected to be picked: %v", log, err)
	}
	whole, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	spoil := func(b byte) {
		f, err := os.OpenFile(log, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{b}, 200_000); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	alive := func() {
		t.Helper()
		for _, key := range keys[15:] {
			if v, err := g.db.get(key); err != nil || !bytes.Equal(v, bytes.Repeat(key, 10_000)) {
				t.Fatalf("%s: %d bytes, %v", key, len(v), err)
			}
		}
	}
	spoil(whole[200_000] ^ 1)
	for range 2 { // refused, it can be tried again
		if err := g.step(g.rewrite); !errors.Is(err, ErrRotten) {
			t.Fatalf("behind a flipped byte: %v", err)
		}
		alive()
	}
	if b, err := os.ReadFile(log); err != nil || len(b) != len(whole) {
		t.Fatalf("the damaged log is %d of %d bytes: %v", len(b), len(whole), err)
	}
	spoil(whole[200_000])
	g.s.space.minFree = 1 << 60
	if err := g.step(g.rewrite); !errors.Is(err, ErrNoSpace) {
		t.Errorf("without room: %v", err)
	}
	g.s.space.minFree = 1 << 20
	if err := g.step(g.rewrite); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(log); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log is still there: %v", err)
	}
	alive()
	if err := g.step(g.rewrite); !errors.Is(err, badger.ErrNoRewrite) {
		t.Errorf("with nothing to give: %v", err)
	}
	if err := g.db.db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A volume knows what it removed until a merge of tables has forgotten it; nothing else bears that mark.
func TestMarkOfRemoval(t *testing.T) {
	g := giving(t, filepath.Join(t.TempDir(), "db.1"))
	for _, op := range []Op{{Key: []byte("small"), Value: []byte("v")}, {Key: []byte("large"), Value: make([]byte, 5000)},
		{Key: []byte("gone"), Value: []byte("v")}, {Key: []byte("gone"), Delete: true}, {Key: []byte("back"), Delete: true}, {Key: []byte("back"), Value: []byte("v")}} {
		if _, err := g.db.commit([]Op{op}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for key, want := range map[string]bool{"small": false, "large": false, "gone": true, "back": false, "never": false, "gon": false} {
		if got := g.db.removed([]byte(key)); got != want {
			t.Errorf("%s: removed %v", key, got)
		}
	}
	if err := g.settle(); err != nil {
		t.Fatal(err)
	}
	if g.db.removed([]byte("gone")) {
		t.Error("merged, the mark is still there: what DESIGN.md says of it is no longer true")
	}
	if err := g.db.db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A merge of tables that fails comes as a warning, and is tried again; what it could not write was perhaps
// not synced, and that is never tried again here.
func TestFailedCompactionIsAComplaint(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db.1")
	g := giving(t, dir)
	for _, key := range []string{"k", "l"} { // tables on two levels
		if _, err := g.db.commit([]Op{{Key: []byte(key), Value: []byte("v")}}, nil); err != nil {
			t.Fatal(err)
		}
		if key == "k" {
			if err := g.settle(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := g.db.db.Close(); err != nil {
		t.Fatal(err)
	}
	g = giving(t, dir)
	if err := g.db.complaint(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".away"); err != nil { // no table can be made
		t.Fatal(err)
	}
	err := g.db.db.Flatten(1)
	if doubt := g.db.complaint(); doubt == nil || !strings.Contains(doubt.Error(), "no such file") {
		t.Fatalf("a failed merge of tables (%v) is not taken notice of: %v", err, doubt)
	}
	if before, err := g.db.commit([]Op{{Key: []byte("m"), Value: []byte("v")}}, nil); err == nil || before {
		t.Errorf("the next commit: before %v, %v", before, err)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	_ = g.db.db.Close() // it failed: only its goroutines are to end
}

// Whatever Badger complains of between writes fails the volume for good: it is not taken up again as it was.
func TestComplaintFailsForGood(t *testing.T) {
	dir := newVolume(t)
	s := &server{dir: dir, log: slog.New(slog.DiscardHandler), space: space{dir: dir, minFree: 1 << 20}}
	var err error
	if s.sb, err = ReadSuperblock(dir); err != nil {
		t.Fatal(err)
	}
	if s.hold, err = lockDir(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	look := func() Trouble {
		s.mu.Lock()
		defer s.mu.Unlock()
		trouble, _ := s.trouble()
		return trouble
	}
	if err := s.openDatabase(); err != nil || look() != "" {
		t.Fatal(err)
	}
	s.db.hook.Warningf("[Compactor: %d] LOG Compact FAILED with error: %+v: %+v", 1, os.ErrClosed, "")
	if look() != TroubleDisk || s.stopped() == nil {
		t.Errorf("%q, %v", look(), s.stopped())
	}
	if sb, err := ReadSuperblock(dir); err != nil || sb.Mark != Failed {
		t.Errorf("marked %q, %v", sb.Mark, err)
	}
	if err := errors.Join(s.db.db.Close(), s.hold.close()); err != nil {
		t.Fatal(err)
	}
}
