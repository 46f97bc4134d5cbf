package volume

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

func TestFrameRefused(t *testing.T) {
	good := frameBytes(t, Frame{Kind: KindGet, Lane: LaneRead, ID: 7, Payload: []byte("key")})
	if f, err := readBytes(good); err != nil || string(f.Payload) != "key" || f.ID != 7 {
		t.Fatalf("a good frame: %+v, %v", f, err)
	}
	for at := range good { // any single byte
		bad := bytes.Clone(good)
		bad[at] ^= 0x40
		if _, err := readBytes(bad); err == nil {
			t.Errorf("byte %d flipped: accepted", at)
		}
	}
	for n := range good {
		if _, err := readBytes(good[:n]); err == nil {
			t.Errorf("cut at %d: accepted", n)
		}
	}
}

func TestRecordRefused(t *testing.T) {
	good, err := sample().Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseSuperblock(good); err != nil {
		t.Fatal(err)
	}
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 0x01
		if _, err := ParseSuperblock(bad); !errors.Is(err, ErrSuperblock) {
			t.Fatalf("byte %d flipped: %v", at, err)
		}
	}
	for name, change := range map[string]func(*Superblock){
		"no set":        func(s *Superblock) { s.Set = ID{} },
		"no generation": func(s *Superblock) { s.Generation = 0 },
		"mark":          func(s *Superblock) { s.Mark = "odd" },
		"no epochs":     func(s *Superblock) { s.History = nil },
		"epoch gap":     func(s *Superblock) { s.History[1].Number = 9 },
		"no members":    func(s *Superblock) { s.History[1].Members = nil },
		"member twice":  func(s *Superblock) { s.History[1].Members = []ID{{2}, {2}} },
		"no roster":     func(s *Superblock) { s.Roster = Roster{} },
		"a seat twice":  func(s *Superblock) { s.Roster.Seats = append(s.Roster.Seats, s.Roster.Seats[0]) },
		"spares only":   func(s *Superblock) { s.Roster.Seats[0].Spare = true },
		"a path":        func(s *Superblock) { s.Roster.Seats[0].Dir = "/a/../b" },
	} {
		s := sample()
		change(&s)
		if _, err := s.Encode(); !errors.Is(err, ErrSuperblock) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "heads")
	r, err := createRing(path)
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= 200; seq++ {
		if err := r.put(Head{Epoch: 1, Sequence: seq, Digest: Digest{byte(seq)}}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if h, err := ParseRing(b); err != nil || h.Sequence != 200 {
		t.Fatalf("newest head %d, %v", h.Sequence, err)
	}
	b[200%ringSlots*ringSlot+20] ^= 1 // torn: the one before stands
	if h, err := ParseRing(b); err != nil || h.Sequence != 199 {
		t.Errorf("newest head after a torn slot %d, %v", h.Sequence, err)
	}
	if _, err := ParseRing(b[1:]); err == nil {
		t.Error("a short ring is accepted")
	}
	if err := errors.Join(r.clear(), r.close()); err != nil {
		t.Fatal(err)
	}
	r, h, err := openRing(path)
	if err != nil || h.Sequence != 0 {
		t.Fatalf("a cleared ring: %d, %v", h.Sequence, err)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
}

func TestHistory(t *testing.T) {
	a := History{{Number: 1, ID: ID{1}, Members: []ID{{1}, {2}}}}
	b := a.With(Epoch{Number: 2, ID: ID{2}, Members: []ID{{1}}})
	c := a.With(Epoch{Number: 2, ID: ID{3}, Members: []ID{{2}}})
	if e := b.Common(c); e.ID != a[0].ID {
		t.Errorf("what two histories share: %+v", e)
	}
	for _, tt := range []struct {
		name      string
		long, sub History
		want      bool
	}{
		{"itself", a, a, true}, {"beginning", b, a, true}, {"longer", a, b, false}, {"fork", b, c, false},
	} {
		if got := tt.long.Contains(tt.sub); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	for n := uint64(3); n < 3*MaxHistory; n++ {
		b = b.With(Epoch{Number: n, ID: ID{9}, Members: []ID{{1}}})
	}
	if err := b.check(); err != nil || len(b) != MaxHistory {
		t.Errorf("a long history: %d epochs, %v", len(b), err)
	}
}

// Badger reports a failed sync of the value log nowhere but in its log.
func TestLogHookTellsReadsFromWrites(t *testing.T) {
	h := &logHook{log: slog.New(slog.DiscardHandler)}
	h.Errorf("Unable to read: Key: %v", "k")
	h.Warningf("%s might be too small", "x")
	if h.writes.Load() != 0 || h.reads.Load() != 1 {
		t.Errorf("after a bad read: %d writes, %d reads", h.writes.Load(), h.reads.Load())
	}
	for _, msg := range []string{"Error while curlf sync: %v\n", "writeRequests: %v", "something nobody knows: %v"} {
		before := h.writes.Load()
		if h.Errorf(msg, io.ErrUnexpectedEOF); h.writes.Load() != before+1 {
			t.Errorf("%q is not counted", msg)
		}
	}
}

func TestCommitNoticesComplaint(t *testing.T) {
	d, err := openDatabase(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ops := []Op{{Key: []byte("k"), Value: bytes.Repeat([]byte("v"), 2000)}}
	if _, err := d.commit(ops, nil); err != nil {
		t.Fatal(err)
	}
	d.hook.Errorf("error flushing memtable to disk: %v, retrying", io.ErrShortWrite) // between two commits
	if before, err := d.commit(ops, nil); err == nil || before {
		t.Errorf("a commit after a complaint: before %v, %v", before, err)
	}
	if err := d.db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A disk taken away right behind a write is not a full one.
func TestLeftAfterAWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "v")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &server{log: slog.New(slog.DiscardHandler), space: space{dir: dir}}
	before := s.left()
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if after := s.left(); before <= 0 || after != before {
		t.Errorf("%d bytes are left, then %d", before, after)
	}
}

func TestSpaceFloor(t *testing.T) {
	s := space{dir: t.TempDir(), minFree: 1 << 20}
	if err := s.admit(1 << 20); err != nil {
		t.Fatalf("with room: %v", err)
	}
	free, _, err := s.statfs()
	if err != nil {
		t.Fatal(err)
	}
	s.minFree = free + 1<<50 // whatever others give back meanwhile
	if err := s.admit(1); !errors.Is(err, ErrNoSpace) {
		t.Errorf("below the floor: %v", err)
	}
	s.minFree = 4 << 20
	if err := s.keepBallast(); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(s.ballast())
	if err != nil || fi.Size() != 1<<20 {
		t.Fatalf("ballast: %v", err)
	}
	s.minFree = 4 * free
	if dropped, err := s.dropBallast(); err != nil || !dropped {
		t.Errorf("ballast not given back: %v, %v", dropped, err)
	}
}

func TestLockAndMount(t *testing.T) {
	dir := t.TempDir()
	h, err := lockDir(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.same(); err != nil {
		t.Errorf("the same directory: %v", err)
	}
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := h.same(); err == nil {
		t.Error("a directory moved away is not noticed")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.same(); err == nil {
		t.Error("another directory in its place is not noticed")
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
}

func TestPreserve(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, "db.1")
	if err := os.Mkdir(db, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"00001.mem": "m", "000001.vlog": "old", "000002.vlog": "new"} {
		f, err := os.Create(filepath.Join(db, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte(text), 1<<20); err != nil { // behind a hole
			t.Fatal(err)
		}
		if err := errors.Join(f.Truncate(8<<20), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if copied, err := preserve(dir, db); err != nil || !copied {
		t.Fatalf("preserve: %v, %v", copied, err)
	}
	for _, name := range []string{"00001.mem", "000002.vlog"} {
		a, err1 := os.ReadFile(filepath.Join(db, name))
		b, err2 := os.ReadFile(filepath.Join(dir, beforeDir, name))
		if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("%s is not copied as it was: %v, %v", name, err1, err2)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, beforeDir, "000001.vlog")); err == nil {
		t.Error("a sealed value log was copied")
	}
	if copied, err := preserve(dir, db); err != nil || copied {
		t.Errorf("the first copies were not kept: %v, %v", copied, err)
	}
	if err := dropCopies(dir); err != nil {
		t.Fatal(err)
	}
}
