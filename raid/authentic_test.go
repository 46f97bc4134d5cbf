package raid_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"casemate/raid"
)

// forge changes a record file and gives it a right checksum: what a thief with an editor does.
func forge(t testing.TB, path string, change func(body string) string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := bytes.Cut(b, []byte("\n"))
	text := change(string(body))
	if text == string(body) {
		t.Fatalf("nothing to change in %s", b)
	}
	sum := sha256.Sum256([]byte(text))
	name, _, _ := strings.Cut(string(head), " ")
	if err := os.WriteFile(path, []byte(name+" "+hex.EncodeToString(sum[:])+"\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A superblock that the mirror did not write is not believed, however right its checksum.
func TestForgedSuperblock(t *testing.T) {
	r := newRig(t)
	r.stale() // the second alone, left behind
	sb := filepath.Join(r.c.Dirs[1], "superblock")
	right, err := os.ReadFile(sb)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(string) string{
		"base":   func(s string) string { return strings.Replace(s, `"base": 0`, `"base": 1`, 1) },
		"number": func(s string) string { return strings.Replace(s, `"number": 1`, `"number": 2`, 1) },
		"spare":  func(s string) string { return strings.Replace(s, `"dir":`, `"spare": true, "dir":`, 1) },
	} {
		forge(t, sb, change)
		if _, err := raid.Open(t.Context(), r.c); !errors.Is(err, raid.ErrCorrupt) || !strings.Contains(err.Error(), "not authentic") {
			t.Errorf("%s forged: %v", name, err)
		}
		s, err := raid.Examine(t.Context(), r.c)
		if err != nil || s.State != raid.Refused {
			t.Errorf("%s forged, examined: %+v, %v", name, s, err)
		}
		if err := os.WriteFile(sb, right, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	// What is the volume's own may be forged, and makes no truth of it.
	forge(t, sb, func(s string) string { return strings.Replace(s, `"open": false`, `"open": true`, 1) })
	r.refused(raid.ErrNotWitnessed)

	// With the truth beside it, it is out, and said to be foreign, until it is replaced.
	forge(t, sb, func(s string) string { return strings.Replace(s, `"base": 0`, `"base": 1`, 1) })
	move(t, r.c.Dirs[0]+".away", r.c.Dirs[0])
	m := r.open()
	want(t, m, "k/2", "the first alone")
	if v := volumeAt(m, r.c.Dirs[1]); v.State == raid.InSync || v.Cause != raid.CauseForeign {
		t.Errorf("the forged one: %+v", v)
	}
	if _, err := m.Replace(t.Context(), raid.Ref(r.c.Dirs[1]), r.sibling("new")); err != nil {
		t.Fatal(err)
	}
	insync(t, m)
	onEach(t, m, 2, "k/2", "the first alone")
}

// The mirror's own record, damaged or forged, is as good as lost: the volumes are each other's
// witnesses if they are all there, and it is made anew.
func TestForgedRecord(t *testing.T) {
	r := newRig(t)
	r.stale()
	path := filepath.Join(r.c.StateDir, "mirror.state")
	right, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damages := map[string]func(){
		"forged": func() {
			forge(t, path, func(s string) string { return strings.Replace(s, `"epoch": 2`, `"epoch": 1`, 1) })
		},
		"damaged": func() { flip(t, path, 300) },
		"cut off": func() { _ = os.Truncate(path, 100) },
		"empty":   func() { _ = os.Truncate(path, 0) },
	}
	for name, damage := range damages {
		if err := os.WriteFile(path, right, 0o600); err != nil {
			t.Fatal(err)
		}
		damage()
		t.Log(name)
		r.refused(raid.ErrNotWitnessed) // the stale one is no truth for that
	}
	r2 := newRig(t)
	m := r2.open()
	put(t, m, "k/1", "one")
	r2.close(m)
	flip(t, filepath.Join(r2.c.StateDir, "mirror.state"), 300)
	want(t, r2.open(), "k/1", "one")
}

func TestExamine(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "one")
	spare, third := r.sibling("spare"), r.sibling("third")
	if _, err := m.Add(t.Context(), spare, true); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Add(t.Context(), third, false); err != nil {
		t.Fatal(err)
	}
	insync(t, m)
	if err := m.Remove(t.Context(), raid.Ref(third)); err != nil {
		t.Fatal(err)
	}
	live := m.Status()
	r.close(m)
	look := raid.Config{Dirs: []string{r.c.Dirs[0], third}}
	for _, state := range []string{r.c.StateDir, ""} {
		look.StateDir = state
		s, err := raid.Examine(t.Context(), look)
		if err != nil || s.State != raid.Healthy || s.Set != live.Set || s.Sequence != 1 || s.Epoch != live.Epoch || len(s.Volumes) != 4 {
			t.Fatalf("examined: %+v, %v", s, err)
		}
		for i, v := range s.Volumes[:3] {
			if w := live.Volumes[i]; v.ID != w.ID || v.Dir != w.Dir || v.State != w.State || v.Size == 0 {
				t.Errorf("volume %d: %+v, when it was open %+v", i, v, w)
			}
		}
		if v := s.Volumes[3]; v.Slot != -1 || v.Dir != third || v.Cause != raid.CauseForeign {
			t.Errorf("the one retired: %+v", v)
		}
	}
	move(t, r.c.Dirs[1], r.c.Dirs[1]+".away")
	s, err := raid.Examine(t.Context(), r.c)
	if err != nil || s.State != raid.Degraded || s.Volumes[1].State != raid.Missing || s.Volumes[1].ID != live.Volumes[1].ID {
		t.Errorf("one missing: %+v, %v", s, err)
	}
	move(t, r.c.Dirs[0], r.c.Dirs[0]+".away")
	for _, dir := range []string{spare, third} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	s, err = raid.Examine(t.Context(), r.c)
	if err != nil || s.State != raid.Refused || len(s.Volumes) != 3 || s.Volumes[0].Sequence != 1 {
		t.Errorf("all missing: %+v, %v", s, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(spare), "*", "*.new")); err != nil || len(left) != 0 {
		t.Errorf("looking wrote: %v, %v", left, err)
	}
}

func FuzzMark(f *testing.F) {
	key := [32]byte{1}
	good := raid.SampleMark(key)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := raid.Remark(key, b)
		if err == nil && !bytes.Equal(again, b) {
			t.Errorf("% x is read as % x", b, again)
		}
		if err == nil && !bytes.Equal(b, good) {
			t.Errorf("% x passes for authentic", b)
		}
	})
}

// FuzzNotes reads the files of a state directory: nothing in them may do more than fail.
func FuzzNotes(f *testing.F) {
	names := []string{"mirror.state", "mirror.decision", "mirror.refused"}
	for name, text := range map[string]string{
		"casemate-mirror-2":   `{"mark":{},"roster":{"number":1,"seats":[]},"seen":[]}`,
		"casemate-decision-1": `{"choice":"a","by":"b","at":"2026-01-01T00:00:00Z","plan":{}}`,
		"casemate-refused-1":  `{"at":"2026-01-01T00:00:00Z","why":"c","choices":[{"ID":"d"}]}`,
	} {
		f.Add(name, text)
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		dir := t.TempDir()
		sum := sha256.Sum256([]byte(text))
		for _, file := range names {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(name+" "+hex.EncodeToString(sum[:])+"\n"+text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		raid.ReadNotes(dir)
		if _, err := raid.Examine(t.Context(), raid.Config{StateDir: dir, Dirs: []string{filepath.Join(dir, "none")}}); err == nil {
			return // what it makes of it is shown to a person, no more
		}
	})
}

func TestMarkRefused(t *testing.T) {
	key := [32]byte{1}
	good := raid.SampleMark(key)
	if len(good) > 1024 || good[7] != 7 {
		t.Errorf("a mark of %d bytes does not begin with its order: % x", len(good), good[:8])
	}
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		if _, err := raid.Remark(key, bad); err == nil {
			t.Errorf("byte %d flipped: accepted", at)
		}
	}
	if _, err := raid.Remark([32]byte{2}, good); err == nil {
		t.Error("another mirror's key: accepted")
	}
}
