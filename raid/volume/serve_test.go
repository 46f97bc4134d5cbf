package volume

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const probeArgument = "casemate-volume-probe"

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == probeArgument {
		probe(os.Args[2], os.Args[3])
		return
	}
	m.Run()
}

// probe confines itself to a directory and says what it can do within and without.
func probe(own, other string) {
	state, err := confine(own)
	say := func(what string, err error) {
		answer := "yes"
		if err != nil {
			answer = "no"
		}
		fmt.Println(what, answer)
	}
	fmt.Println("state", state, err)
	say("own-write", os.WriteFile(filepath.Join(own, "f"), []byte("x"), 0o600))
	say("own-replace", ReplaceFile(filepath.Join(own, "g"), []byte("x")))
	say("own-remove", os.Remove(filepath.Join(own, "f")))
	_, err = os.ReadFile(filepath.Join(other, "secret"))
	say("other-read", err)
	say("other-write", os.WriteFile(filepath.Join(other, "f"), []byte("x"), 0o600))
	say("other-remove", os.Remove(filepath.Join(other, "secret")))
	_, err = net.DialTimeout("tcp", "127.0.0.1:9", time.Second)
	say("denied-network", map[bool]error{true: nil, false: errors.New("it answered otherwise")}[errors.Is(err, os.ErrPermission)])
}

func TestLandlock(t *testing.T) {
	own, other := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("/proc/self/exe", probeArgument, own, other).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := string(out)
	for _, want := range []string{"own-write yes", "own-replace yes", "own-remove yes"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q wanted in\n%s", want, got)
		}
	}
	if strings.Contains(got, "state unavailable") { // an older kernel: nothing to enforce, and it says so
		return
	}
	for _, want := range []string{"state landlock", "other-read no", "other-write no", "other-remove no"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q wanted in\n%s", want, got)
		}
	}
}

// bench is a volume served in this process.
type bench struct {
	t    *testing.T
	dir  string
	c    *Client
	pool *Pool
	end  chan error
	st   State
}

func newVolume(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "v")
	if err := Create(dir, declared(), Digest{}, Ready); err != nil {
		t.Fatal(err)
	}
	return dir
}

func serving(t *testing.T, dir string) *bench {
	t.Helper()
	a, b := net.Pipe()
	v := &bench{t: t, dir: dir, c: NewClient(a), pool: NewPool(4), end: make(chan error, 1)}
	go func() { v.end <- Serve(context.Background(), b, dir) }()
	t.Cleanup(func() {
		v.c.Close()
		<-v.end
	})
	return v
}

func (v *bench) hello() *bench {
	v.t.Helper()
	var err error
	if v.st, err = v.c.Hello(v.t.Context(), 1<<20, false); err != nil {
		v.t.Fatal(err)
	}
	return v
}

// stop closes the connection and waits for the volume to end.
func (v *bench) stop() {
	v.t.Helper()
	v.c.Close()
	if err := <-v.end; err != nil {
		v.t.Fatalf("serving: %v", err)
	}
	close(v.end)
}

func (v *bench) control(r Request) (State, error) { return v.c.Control(v.t.Context(), r) }

// write sends one batch and gives the answer.
func (v *bench) write(h Head, epoch uint64, flags uint8, deadline time.Duration, keys ...string) error {
	b := NewBuilder(v.pool)
	for _, k := range keys {
		room, err := b.Add([]byte(k), 10, false)
		if err != nil {
			v.t.Fatal(err)
		}
		copy(room, "0123456789")
	}
	got := make(chan error, 1)
	v.c.Write(b.Finish(h, 0), epoch, flags, deadline, func(_ int64, err error) { got <- err })
	return <-got
}

func next(h Head) Head {
	return Head{Epoch: 1, Sequence: h.Sequence + 1, Previous: h.Digest, Digest: Digest{byte(h.Sequence + 1)}}
}

func TestServe(t *testing.T) {
	dir := newVolume(t)
	v := serving(t, dir)
	if err := v.write(next(Head{}), 1, 0, 0, "k"); OutcomeOf(err) != No {
		t.Errorf("a write before hello: %v", err)
	}
	v.hello()
	one, two := next(Head{}), next(next(Head{}))
	for name, err := range map[string]error{
		"out of order":        v.write(two, 1, 0, 0, "k"),
		"another epoch":       v.write(one, 2, 0, 0, "k"),
		"backfill not marked": v.write(one, 1, FlagBackfill, 0, "k"),
	} {
		if OutcomeOf(err) != No || !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := errors.Join(v.write(one, 1, 0, time.Minute, "k/a", "k/b"), v.write(two, 1, 0, 0, "l")); err != nil {
		t.Fatal(err)
	}
	if err := v.write(two, 1, 0, 0, "l"); OutcomeOf(err) != No {
		t.Errorf("the same batch again: %v", err)
	}
	if got, err := v.c.Get(t.Context(), []byte("k/b")); err != nil || string(got) != "0123456789" {
		t.Errorf("Get = %q, %v", got, err)
	}
	if _, err := v.c.Get(t.Context(), []byte("m")); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get of nothing: %v", err)
	}
	page, err := v.c.Scan(t.Context(), []byte("k/"), []byte("k/a"), 5)
	if err != nil || len(page.Items) != 1 || !page.End {
		t.Errorf("Scan = %+v, %v", page, err)
	}
	if sum, err := v.c.ScanDigest(t.Context(), []byte("k/"), []byte("k/a"), 5); err != nil || sum.Sum != page.Sum {
		t.Errorf("ScanDigest = %v, %v", sum, err)
	}
	if page, err = v.c.Scan(t.Context(), []byte("k/"), nil, 1); err != nil || len(page.Items) != 1 || page.End {
		t.Errorf("a page of one = %+v, %v", page, err)
	}
	v.stop()
	v = serving(t, dir).hello()
	if v.st.Head != two || v.st.Audit || v.st.Behind() {
		t.Errorf("after a clean stop: %+v", v.st)
	}
}

func TestControlRefused(t *testing.T) {
	v := serving(t, newVolume(t))
	if _, err := v.control(Request{Act: ActHello, Protocol: Protocol, Build: "another"}); !errors.Is(err, ErrRefused) {
		t.Errorf("another build: %v", err)
	}
	if _, err := v.control(Request{Act: ActMark, Mark: Syncing}); !errors.Is(err, ErrRefused) {
		t.Errorf("a mark before hello: %v", err)
	}
	v.hello()
	say := func(change func(*Declared)) Request {
		d := declared()
		d.History = d.History.With(Epoch{Number: 2, ID: ID{8}, Members: []ID{{2}}})
		change(&d)
		return Request{Act: ActDeclare, Declared: &d}
	}
	for name, r := range map[string]Request{
		"unknown":              {Act: "dance"},
		"a forked history":     say(func(d *Declared) { d.History[0].ID[0]++; d.History = d.History[:1] }),
		"no history":           say(func(d *Declared) { d.History = nil }),
		"nothing declared":     {Act: ActDeclare},
		"another volume":       say(func(d *Declared) { d.Volume[0]++ }),
		"another set":          say(func(d *Declared) { d.Set[0]++ }),
		"an older roster":      say(func(d *Declared) { d.Roster.Number-- }),
		"a roster of nobody":   say(func(d *Declared) { d.Roster.Seats = nil }),
		"a head out of place":  {Act: ActHead, Head: Head{Sequence: 9}},
		"finish of nothing":    {Act: ActFinish},
		"a mark of no meaning": {Act: ActMark, Mark: Failed},
	} {
		if _, err := v.control(r); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ops := []Op{{Key: []byte("k"), Value: []byte("v")}}
	if err := v.c.Refill(t.Context(), ops, 0); !errors.Is(err, ErrRefused) {
		t.Errorf("a refill without a mark: %v", err)
	}
	if err := v.c.Refill(t.Context(), ops, FlagRepair); err != nil {
		t.Errorf("a repair: %v", err)
	}
	ops[0].Key = headKey
	if err := v.c.Refill(t.Context(), ops, FlagRepair); !errors.Is(err, ErrRefused) {
		t.Errorf("a repair of the head: %v", err)
	}
}

func TestEpochAndRebuildSurviveRestart(t *testing.T) {
	dir := newVolume(t)
	v := serving(t, dir).hello()
	if err := v.write(next(Head{}), 1, 0, 0, "old"); err != nil {
		t.Fatal(err)
	}
	d := declared(Epoch{Number: 2, ID: ID{7}, Members: []ID{{2}}, Base: 1})
	if _, err := v.control(Request{Act: ActDeclare, Declared: &d, MAC: Digest{9}}); err != nil {
		t.Fatal(err)
	}
	if _, err := v.control(Request{Act: ActRebuild, Reason: "a test"}); err != nil {
		t.Fatal(err)
	}
	v.stop() // in the middle of it
	v = serving(t, dir).hello()
	if v.st.Opened || v.st.Mark != Rebuilding || v.st.Declared.History.Last().ID != (ID{7}) || v.st.MAC != (Digest{9}) {
		t.Errorf("after a rebuild cut short: %+v", v.st)
	}
	if _, err := v.control(Request{Act: ActRebuild, Reason: "again"}); err != nil {
		t.Fatal(err)
	}
	if err := v.c.Refill(t.Context(), []Op{{Key: []byte("new"), Value: []byte("v")}}, 0); err != nil {
		t.Fatal(err)
	}
	head := Head{Epoch: 2, Sequence: 40, Digest: Digest{4}}
	for _, r := range []Request{{Act: ActHead, Head: head}, {Act: ActFinish}, {Act: ActMark, Mark: Ready}} {
		if _, err := v.control(r); err != nil {
			t.Fatal(err)
		}
	}
	v.stop()
	v = serving(t, dir).hello()
	if v.st.Head != head || v.st.Generation != 2 || v.st.Mark != Ready {
		t.Errorf("after a rebuild: %+v", v.st)
	}
	if _, err := v.c.Get(t.Context(), []byte("old")); !errors.Is(err, ErrNotFound) {
		t.Errorf("the old database shows through: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "db.1")); err == nil {
		t.Error("the old database is still there")
	}
}

// Killed at the wrong moment of its opening, Badger leaves a write-ahead log that it would not open.
func TestUnbornLog(t *testing.T) {
	dir := newVolume(t)
	v := serving(t, dir).hello()
	if err := v.write(next(Head{}), 1, 0, 0, "k"); err != nil {
		t.Fatal(err)
	}
	v.stop()
	if err := os.WriteFile(filepath.Join(dir, "db.1", "00009.mem"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	v = serving(t, dir).hello()
	if !v.st.Opened || v.st.Head.Sequence != 1 {
		t.Errorf("with a log of no length: %+v", v.st)
	}
}

func TestNeverOpenedTwice(t *testing.T) {
	dir := newVolume(t)
	serving(t, dir).hello()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	a, b := net.Pipe()
	c := NewClient(a)
	defer c.Close()
	end := make(chan error, 1)
	go func() { end <- Serve(ctx, b, dir) }()
	if _, err := c.Hello(t.Context(), 0, false); err == nil || !strings.Contains(err.Error(), ErrLocked.Error()) {
		t.Errorf("a second process on a volume: %v", err)
	}
	if err := <-end; !errors.Is(err, ErrLocked) {
		t.Errorf("serving it: %v", err)
	}
}

func TestNoVolumeThere(t *testing.T) {
	v := serving(t, t.TempDir())
	if _, err := v.c.Hello(t.Context(), 0, false); err == nil || !strings.Contains(err.Error(), ErrSuperblock.Error()) {
		t.Errorf("an empty directory: %v", err)
	}
	if err := <-v.end; !errors.Is(err, ErrSuperblock) {
		t.Errorf("serving it: %v", err)
	}
	close(v.end)
	if err := Create(newVolume(t), declared(), Digest{}, Ready); !errors.Is(err, ErrExists) {
		t.Errorf("creating over a volume: %v", err)
	}
}

// A peer that does not keep to the protocol is cut off.
func TestProtocolBroken(t *testing.T) {
	part := func(flags uint8, id uint64, p []byte) Frame {
		return Frame{Kind: KindWrite, Lane: LaneWrite, Flags: flags, ID: id, Payload: p}
	}
	begin := make([]byte, prologue)
	for name, frames := range map[string][]Frame{
		"a part without its batch": {part(0, 1, nil)},
		"a batch within a batch":   {part(FlagFirst, 1, begin), part(FlagFirst, 2, begin)},
		"no prologue":              {part(FlagFirst, 1, []byte("short"))},
		"a torn operation":         {part(FlagFirst|FlagLast, 1, append(begin[:len(begin):len(begin)], 1, 2, 3))},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := net.Pipe()
			end := make(chan error, 1)
			go func() { end <- Serve(context.Background(), b, newVolume(t)) }()
			for i := range frames {
				_ = writeFrame(a, &frames[i], Checksum(frames[i].Payload), frames[i].Payload)
			}
			if err := <-end; !errors.Is(err, ErrFrame) {
				t.Errorf("serving it: %v", err)
			}
			_ = a.Close()
		})
	}
}

func TestDeadlinePassed(t *testing.T) {
	v := serving(t, newVolume(t)).hello()
	j := job{Frame: Frame{Kind: KindWrite}, expires: time.Now().Add(-time.Second)}
	if !j.expired() {
		t.Error("a deadline that passed has not expired")
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := v.c.Get(ctx, []byte("k")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Get beyond its deadline: %v", err)
	}
}
