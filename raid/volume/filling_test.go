package volume

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A copy cut off is gone on with: what it wrote and the cursor noted last are there, and only there.
func TestFillingSurvivesRestart(t *testing.T) {
	dir := newVolume(t)
	v := serving(t, dir).hello()
	base := Head{Epoch: 1, Sequence: 7, Digest: Digest{7}}
	for name, r := range map[string]Request{
		"going on with nothing": {Act: ActResume},
		"a cursor of nothing":   {Act: ActCursor, Filling: &Filling{Base: base, Cursor: []byte("a")}},
	} {
		if _, err := v.control(r); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := v.control(Request{Act: ActRebuild, Reason: "a test", Head: base}); err != nil {
		t.Fatal(err)
	}
	if err := v.c.Refill(t.Context(), []Op{{Key: []byte("a"), Value: []byte("v")}}, 0); err != nil {
		t.Fatal(err)
	}
	at := &Filling{Base: base, Cursor: []byte("a"), Bytes: 2, MAC: Digest{1}}
	if st, err := v.control(Request{Act: ActCursor, Filling: at}); err != nil || st.Filling.Bytes != 2 {
		t.Fatalf("%+v, %v", st.Filling, err)
	}
	other := *at
	other.Base.Sequence++
	for name, f := range map[string]*Filling{"of another copy": &other, "without a cursor": nil, "too long": {Base: base, Cursor: make([]byte, MaxKey+1)}} {
		if _, err := v.control(Request{Act: ActCursor, Filling: f}); err == nil {
			t.Errorf("a cursor %s is taken", name)
		}
	}
	v.stop()
	// Killed while it closes, Badger leaves a write-ahead log that it cut to nothing.
	if err := os.WriteFile(filepath.Join(dir, "db.2", "00099.mem"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	v = serving(t, dir).hello()
	if f := v.st.Filling; v.st.Opened || f == nil || f.Base != base || string(f.Cursor) != "a" || f.MAC != (Digest{1}) {
		t.Fatalf("after a restart: %+v", v.st)
	}
	if st, err := v.control(Request{Act: ActResume}); err != nil || !st.Opened || st.Head.Sequence != 0 {
		t.Fatalf("%+v, %v", st, err)
	}
	if _, err := v.control(Request{Act: ActResume}); !errors.Is(err, ErrRefused) {
		t.Errorf("going on twice: %v", err)
	}
	if got, err := v.c.Get(t.Context(), []byte("a")); err != nil || string(got) != "v" {
		t.Errorf("what was copied: %q, %v", got, err)
	}
	for _, r := range []Request{{Act: ActHead, Head: base}, {Act: ActFinish}} {
		if st, err := v.control(r); err != nil {
			t.Fatal(err)
		} else if r.Act == ActFinish && st.Filling != nil {
			t.Error("a cursor is left behind")
		}
	}
}

// What is being filled does not open: the copy begins again, the volume does not stay shut.
func TestFillingThatDoesNotOpen(t *testing.T) {
	dir := newVolume(t)
	v := serving(t, dir).hello()
	if _, err := v.control(Request{Act: ActRebuild, Reason: "a test"}); err != nil {
		t.Fatal(err)
	}
	if _, err := v.control(Request{Act: ActCursor, Filling: &Filling{Cursor: []byte("a")}}); err != nil {
		t.Fatal(err)
	}
	v.stop()
	if err := os.WriteFile(filepath.Join(dir, "db.2", "MANIFEST"), []byte("not a manifest"), 0o600); err != nil {
		t.Fatal(err)
	}
	v = serving(t, dir).hello()
	if _, err := v.control(Request{Act: ActResume}); !errors.Is(err, ErrWillNotOpen) {
		t.Errorf("a manifest that is none: %v", err)
	}
	if st, err := v.control(Request{Act: ActRebuild, Reason: "again"}); err != nil || !st.Opened {
		t.Errorf("begun again: %+v, %v", st, err)
	}
}

// Troubles are told without a write: the directory is elsewhere, the disk takes no byte.
func TestTrouble(t *testing.T) {
	dir := newVolume(t)
	v := serving(t, dir).hello()
	if st, err := v.control(Request{Act: ActStatus}); err != nil || st.Trouble != "" {
		t.Fatalf("all is well: %q %q, %v", st.Trouble, st.Detail, err)
	}
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if st, err := v.control(Request{Act: ActStatus}); err != nil || st.Trouble != TroubleUnmounted {
		t.Errorf("moved away: %q %q, %v", st.Trouble, st.Detail, err)
	}
	if err := v.write(next(Head{}), 1, 0, 0, "k"); !errors.Is(err, ErrUnmounted) || OutcomeOf(err) != No {
		t.Errorf("a write into a directory that is elsewhere: %v", err)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	if st, err := v.control(Request{Act: ActStatus}); err != nil || st.Trouble != "" {
		t.Errorf("back again: %q, %v", st.Trouble, err)
	}
}

// The ballast goes when others fill the disk and comes back when there is room, while the volume runs.
func TestBallastIsTended(t *testing.T) {
	dir := newVolume(t)
	v := serving(t, dir).hello()
	ballast := func() bool { _, err := os.Stat(filepath.Join(dir, "ballast")); return err == nil }
	if !ballast() {
		t.Fatal("no ballast was set aside")
	}
	for _, full := range []bool{true, false} { // a floor above all there is stands for a disk that is full
		floor := int64(1 << 20)
		if full {
			floor = 1 << 60
		}
		if _, err := v.c.Hello(t.Context(), floor, false); err != nil {
			t.Fatal(err)
		}
		if _, err := v.control(Request{Act: ActStatus}); err != nil {
			t.Fatal(err)
		}
		if ballast() == full {
			t.Errorf("full %v: ballast %v", full, ballast())
		}
	}
}

func TestReclaimRefused(t *testing.T) {
	v := serving(t, newVolume(t)).hello()
	if _, err := v.control(Request{Act: ActMark, Mark: Syncing, Reason: "a test"}); err != nil {
		t.Fatal(err)
	}
	if _, err := v.control(Request{Act: ActReclaim}); !errors.Is(err, ErrRefused) {
		t.Errorf("of a volume that is not in service: %v", err)
	}
	if st, err := v.control(Request{Act: ActMeasure}); err != nil || st.Used <= 0 {
		t.Errorf("measured: %d, %v", st.Used, err)
	}
}
