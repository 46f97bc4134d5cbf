package raid_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"casemate/raid"
)

// token is a Witness as a token is one: it refuses an older mark, may be away, and may never answer.
type token struct {
	mu   sync.Mutex
	mark []byte
	away error
	hang bool
}

func (w *token) Load(ctx context.Context) ([]byte, error) { return w.speak(ctx, nil) }

func (w *token) Save(ctx context.Context, mark []byte) error {
	_, err := w.speak(ctx, mark)
	return err
}

func (w *token) speak(ctx context.Context, mark []byte) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	switch {
	case w.away != nil:
		return nil, w.away
	case mark == nil:
	case string(mark[:8]) < string(w.mark[:min(8, len(w.mark))]):
		return nil, errors.New("an older mark")
	case len(mark) > 1024:
		return nil, errors.New("a long mark")
	default:
		w.mark = mark
	}
	return w.mark, nil
}

// refused opens the mirror, which must be refused for a reason, and gives the choices.
func (r *rig) refused(why error) []raid.Choice {
	r.t.Helper()
	m, err := raid.Open(r.t.Context(), r.c)
	if err == nil {
		_ = m.Close()
	}
	var u *raid.Undecided
	if !errors.Is(err, why) || !errors.As(err, &u) {
		r.t.Fatalf("opening: %v; want %v", err, why)
	}
	for _, key := range [][32]byte{r.c.Key, {}} { // a person who looks need not have the key
		look := r.c
		look.Key, look.Command = key, nil
		s, err := raid.Examine(r.t.Context(), look)
		if err != nil || s.State != raid.Refused || s.Why != err2text(u) || len(s.Choices) != len(u.Choices) {
			r.t.Errorf("examined: %+v, %v", s, err)
		}
		for i := range s.Choices {
			if s.Choices[i].ID != u.Choices[i].ID || s.Choices[i].Loses == "" {
				r.t.Errorf("choice %d as examined: %+v", i, s.Choices[i])
			}
		}
	}
	return u.Choices
}

func err2text(err error) string { return err.Error() }

// choose decides for the volume in a directory.
func (r *rig) choose(choices []raid.Choice, dir string) raid.Choice {
	r.t.Helper()
	for _, c := range choices {
		if c.Dir == dir {
			if err := raid.Decide(r.t.Context(), raid.Config{StateDir: r.c.StateDir}, c.ID, "two officers"); err != nil {
				r.t.Fatal(err)
			}
			return c
		}
	}
	r.t.Fatalf("%q is not among %+v", dir, choices)
	return raid.Choice{}
}

// decided opens the mirror, which must carry a decision out, and once only.
func (r *rig) decided() *raid.Mirror {
	r.t.Helper()
	before := r.ev.count(raid.EventDecided)
	m := r.open()
	if n := r.ev.count(raid.EventDecided) - before; n != 1 {
		r.t.Fatalf("decided %d times", n)
	}
	for _, name := range []string{"mirror.decision", "mirror.refused"} {
		if _, err := os.Stat(filepath.Join(r.c.StateDir, name)); err == nil {
			r.t.Errorf("%s is still there", name)
		}
	}
	return m
}

// again closes the mirror and opens it once more: nothing is left to decide.
func (r *rig) again(m *raid.Mirror) *raid.Mirror {
	r.t.Helper()
	r.close(m)
	before := r.ev.count(raid.EventDecided)
	m = r.open()
	if r.ev.count(raid.EventDecided) != before {
		r.t.Error("it was decided a second time")
	}
	return m
}

// Volumes and state directory are all older than what the token saw.
func TestDecideRolledBack(t *testing.T) {
	r := newRig(t)
	w := &token{}
	r.c.Witness = w
	m := r.open()
	put(t, m, "k/1", "one")
	r.close(m)
	all := append([]string{r.c.StateDir}, r.c.Dirs...)
	for _, dir := range all {
		copyDir(t, dir, dir+".old")
	}
	m = r.open()
	put(t, m, "k/2", "two")
	put(t, m, "k/3", "three")
	r.close(m)
	for _, dir := range all {
		copyDir(t, dir+".old", dir)
	}
	choices := r.refused(raid.ErrRolledBack)
	if len(choices) != 2 {
		t.Fatalf("choices: %+v", choices)
	}
	for _, c := range choices {
		if c.Missing != 2 || !c.Doubt || !strings.Contains(c.Loses, "batches 2 to 3") || c.Sequence != 1 || c.Written.IsZero() {
			t.Errorf("a choice: %+v", c)
		}
	}
	if err := raid.Decide(t.Context(), r.c, strings.Repeat("0", 32), "x"); !errors.Is(err, raid.ErrNoChoice) {
		t.Errorf("deciding for nothing: %v", err)
	}
	r.choose(choices, r.c.Dirs[1])
	m = r.decided()
	insync(t, m)
	want(t, m, "k/1", "one")
	put(t, m, "k/4", "four")
	m = r.again(m)
	insync(t, m)
	onEach(t, m, 2, "k/4", "four")
	if _, err := m.Get(t.Context(), []byte("k/2")); !errors.Is(err, raid.ErrNotFound) {
		t.Errorf("what was given up is there: %v", err)
	}
	clean(t, m)
}

// stale leaves the second volume alone, behind what the first went on with.
func (r *rig) stale() {
	r.t.Helper()
	m := r.open()
	put(r.t, m, "k/1", "both")
	r.close(m)
	move(r.t, r.c.Dirs[1], r.c.Dirs[1]+".away")
	m = r.open()
	put(r.t, m, "k/2", "the first alone")
	r.close(m)
	move(r.t, r.c.Dirs[0], r.c.Dirs[0]+".away")
	move(r.t, r.c.Dirs[1]+".away", r.c.Dirs[1])
}

func TestDecideStaleVolume(t *testing.T) {
	r := newRig(t)
	r.stale()
	c := r.choose(r.refused(raid.ErrNotWitnessed), r.c.Dirs[1])
	if c.Missing == 0 || !c.Doubt || !strings.Contains(c.Loses, "batches 2 to 2") || !strings.Contains(c.Loses, "unknown number") {
		t.Errorf("the choice: %+v", c)
	}
	m := r.decided()
	want(t, m, "k/1", "both")
	put(t, m, "k/2", "the second alone")
	m = r.again(m)

	// The one decided against comes back, with a history of its own: filled anew, no fork.
	move(t, r.c.Dirs[0]+".away", r.c.Dirs[0])
	insync(t, m)
	if r.ev.count(raid.EventRebuild) != 1 {
		t.Error("it was not filled anew")
	}
	onEach(t, m, 2, "k/2", "the second alone")
	clean(t, m)
	onEach(t, r.again(m), 2, "k/2", "the second alone")
}

// A decision for what is no longer so is not carried out.
func TestDecisionOvertaken(t *testing.T) {
	r := newRig(t)
	r.stale()
	copyDir(t, r.c.Dirs[1], r.c.Dirs[1]+".copy")
	choices := r.refused(raid.ErrNotWitnessed)
	r.choose(choices, r.c.Dirs[1])
	move(t, r.c.Dirs[0]+".away", r.c.Dirs[0])
	m := r.open() // opens by itself: nothing to decide
	insync(t, m)
	onEach(t, m, 2, "k/2", "the first alone")
	if r.ev.count(raid.EventDecided) != 0 {
		t.Error("it was carried out though there was nothing to decide")
	}
	if _, err := os.Stat(filepath.Join(r.c.StateDir, "mirror.decision")); err == nil {
		t.Error("the decision waits for another day")
	}
	r.close(m)
	move(t, r.c.Dirs[1], r.c.Dirs[1]+".away")
	m = r.open()
	put(t, m, "k/3", "three")
	r.close(m)
	move(t, r.c.Dirs[0], r.c.Dirs[0]+".away")
	move(t, r.c.Dirs[1]+".away", r.c.Dirs[1])
	r.choose(r.refused(raid.ErrNotWitnessed), r.c.Dirs[1])
	copyDir(t, r.c.Dirs[1]+".copy", r.c.Dirs[1]) // an older one in its place
	next := r.refused(raid.ErrNotWitnessed)
	r.refused(raid.ErrNotWitnessed) // and the decision is not kept for another day
	r.choose(next, r.c.Dirs[1])
	want(t, r.decided(), "k/1", "both")
}

func TestDecideFork(t *testing.T) {
	for slot, text := range []string{"only a", "only b"} {
		t.Run(text, func(t *testing.T) {
			r := newRig(t)
			r.fork()
			c := r.choose(r.refused(raid.ErrFork), r.c.Dirs[slot])
			if !strings.Contains(c.Loses, "batches 2 to 2 as") || len(c.Anew) != 1 || c.Anew[0] != r.c.Dirs[1-slot] {
				t.Errorf("the choice: %+v", c)
			}
			m := r.decided()
			insync(t, m)
			onEach(t, m, 2, "k/2", text)
			clean(t, m)
			onEach(t, r.again(m), 2, "k/2", text)
		})
	}
}

// The one volume left failed a sync: nobody can say what is on its disk until it is read again.
func TestDecideLoneFailed(t *testing.T) {
	r := newRig(t)
	m := r.open()
	put(t, m, "k/1", "one")
	r.close(m)
	move(t, r.c.Dirs[1], r.c.Dirs[1]+".away")
	m = r.open()
	put(t, m, "k/2", "two")
	detach := inject(t, volumeAt(m, r.c.Dirs[0]).PID, "fdatasync", "when=1+")
	if _, err := m.Write(t.Context(), []raid.Op{{Key: []byte("k/3"), Value: []byte("three")}}); !errors.Is(err, raid.ErrUnknown) {
		t.Errorf("a write whose sync fails: %v", err)
	}
	detach()
	_ = m.Close() // its last volume failed
	choices := r.refused(raid.ErrNotWitnessed)
	c := r.choose(choices, r.c.Dirs[0])
	if !c.Doubt || len(choices) != 1 {
		t.Errorf("the choice: %+v", c)
	}
	m = r.decided()
	want(t, m, "k/2", "two")
	put(t, m, "k/4", "four")
	move(t, r.c.Dirs[1]+".away", r.c.Dirs[1])
	insync(t, m)
	onEach(t, m, 2, "k/4", "four")
	clean(t, m)
}

// All volumes lost the same batches: what is lost is named, and can be given up.
func TestDecideBehindItsRing(t *testing.T) {
	r := newRigOf(t, 1)
	m := r.open()
	put(t, m, "k/1", "one")
	put(t, m, "k/2", "two")
	r.crash(m)
	wal := files(t, r.c.Dirs[0], "*.mem")[0]
	flip(t, wal, 60) // within the first batch: everything behind it goes
	choice := r.choose(r.refused(raid.ErrNotWitnessed), r.c.Dirs[0])
	if choice.Missing != 2 || !strings.Contains(choice.Loses, "batches 1 to 2") {
		t.Errorf("the choice: %+v", choice)
	}
	m = r.decided()
	if _, err := m.Get(t.Context(), []byte("k/2")); !errors.Is(err, raid.ErrNotFound) {
		t.Errorf("a lost value: %v", err)
	}
	put(t, m, "k/3", "three")
	want(t, r.again(m), "k/3", "three")
}

// A state directory restored from a backup, and a token that is away when the mirror opens: its mark
// is above those that follow. It is overtaken where it is of this history, and obeyed where it is not.
func TestWitnessAheadOfTheRecord(t *testing.T) {
	for _, rolledBack := range []bool{false, true} {
		r := newRig(t)
		w := &token{}
		r.c.Witness = w
		m := r.open()
		put(t, m, "k/1", "one")
		r.close(m)
		backup := t.TempDir()
		for i, dir := range append([]string{r.c.StateDir}, r.c.Dirs...) {
			if err := os.CopyFS(filepath.Join(backup, fmt.Sprint(i)), os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			m = r.open()
			put(t, m, "k/2", "two")
			r.close(m)
		}
		restored := []string{r.c.StateDir}
		if rolledBack {
			restored = append(restored, r.c.Dirs...)
		}
		for i, dir := range restored {
			if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(filepath.Join(backup, fmt.Sprint(i))))); err != nil {
				t.Fatal(err)
			}
		}
		w.away = errors.New("no token in the slot")
		m = r.open()
		put(t, m, "k/3", "three")
		if err := m.Detach(t.Context(), raid.Ref(r.c.Dirs[0])); err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		before := string(w.mark)
		w.away = nil
		w.mu.Unlock()
		err := m.Remind()
		w.mu.Lock()
		after := string(w.mark)
		w.mu.Unlock()
		_, werr := m.Write(t.Context(), []raid.Op{{Key: []byte("k/4"), Value: []byte("four")}})
		if rolledBack {
			if after != before || !errors.Is(werr, raid.ErrRolledBack) {
				t.Errorf("volumes older than the token knows: written %v, its mark changed: %v", werr, after != before)
			}
			_ = m.Close() // it takes no writes: an error is right
			continue
		}
		if err != nil || werr != nil || after <= before {
			t.Errorf("the token's mark stays above ours: %v, %v", err, werr)
		}
		r.close(m)
	}
}

// A state directory restored from a backup goes on with a lower order while the token is silent. The token's
// old mark does not outrank what the record knows since: neither at the next opening nor when the
// token answers again in the middle of a change.
func TestRecordAheadOfTheWitness(t *testing.T) {
	for _, answers := range []bool{false, true} {
		r := newRig(t)
		w := &token{}
		r.c.Witness = w
		m := r.open()
		put(t, m, "k/1", "one")
		r.close(m)
		say := r.outrun(w)
		m = r.open()
		if answers {
			say(nil)
		}
		w.mu.Lock()
		before := string(w.mark)
		w.mu.Unlock()
		r.clock.stop() // it does not come back before it is moved away
		kill(t, m, 0)
		move(t, r.c.Dirs[0], r.c.Dirs[0]+".away")
		put(t, m, "k/2", "two") // on the second volume alone
		w.mu.Lock()
		after := string(w.mark)
		w.mu.Unlock()
		if answers != (after > before) {
			t.Errorf("the token answers: %v; its mark was overtaken: %v", answers, after > before)
		}
		r.crash(m)
		say(nil)
		move(t, r.c.Dirs[0]+".away", r.c.Dirs[0])
		move(t, r.c.Dirs[1], r.c.Dirs[1]+".away")
		for _, c := range r.refused(raid.ErrNotWitnessed) {
			if !c.Doubt || !strings.Contains(c.Loses, "without it") {
				t.Errorf("the volume left behind: %+v", c)
			}
		}
		move(t, r.c.Dirs[1]+".away", r.c.Dirs[1])
		r.clock.start()
		m = r.open()
		want(t, m, "k/2", "two")
		insync(t, m)
		r.close(m)
	}
}

// A token that is away or never answers holds nothing up, and is told later.
func TestWitnessAway(t *testing.T) {
	r := newRig(t)
	w := &token{hang: true}
	r.c.Witness = w
	m := r.open()
	kill(t, m, 0)
	put(t, m, "k/1", "one")
	insync(t, m)
	w.mu.Lock()
	w.hang, w.away = false, errors.New("no token in the slot")
	w.mu.Unlock()
	if err := m.Detach(t.Context(), raid.Ref(r.c.Dirs[0])); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.away = nil
	w.mu.Unlock()
	if err := m.Remind(); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	told := len(w.mark)
	w.mu.Unlock()
	if told == 0 {
		t.Fatal("the token was never told")
	}
	r.close(m)

	// It alone knows which volume went on, once the state directory is lost.
	if err := os.RemoveAll(r.c.StateDir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(r.c.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	move(t, r.c.Dirs[1], r.c.Dirs[1]+".away")
	r.refused(raid.ErrNotWitnessed)
	move(t, r.c.Dirs[1]+".away", r.c.Dirs[1])
	move(t, r.c.Dirs[0], r.c.Dirs[0]+".away")
	want(t, r.open(), "k/1", "one")
}

// A decision does not cost a volume that nobody had before their eyes when it was made.
func TestDecisionAmongOthers(t *testing.T) {
	r := newRig(t)
	r.stale()
	r.choose(r.refused(raid.ErrNotWitnessed), r.c.Dirs[1])
	move(t, r.c.Dirs[0]+".away", r.c.Dirs[0]) // the better one is found, and could perhaps be mended
	for _, name := range files(t, r.c.Dirs[0], "MANIFEST") {
		if err := os.WriteFile(name, []byte("rot"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	choices := r.refused(raid.ErrNotWitnessed)
	if r.ev.count(raid.EventDecided) != 0 {
		t.Error("it was carried out")
	}
	r.choose(choices, r.c.Dirs[1])
	m := r.decided()
	insync(t, m)
	onEach(t, m, 2, "k/1", "both")
}
