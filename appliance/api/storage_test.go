package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"casemate/appliance/client"
	"casemate/appliance/storage"
	"casemate/appliance/wire"
	"casemate/raid"
	"casemate/store"
	"casemate/store/identity"
	"casemate/systemd"
)

// volumes is a mirror that does nothing but remember what it was asked.
type volumes struct {
	mu     sync.Mutex
	asked  []string
	status raid.Status
	fail   error
}

func (m *volumes) ask(format string, args ...any) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, fmt.Sprintf(format, args...))
	return m.fail
}

func (m *volumes) Status() raid.Status { return m.status }
func (m *volumes) Add(_ context.Context, dir string, spare bool) (string, error) {
	return "newborn", m.ask("add %s %v", dir, spare)
}
func (m *volumes) Replace(_ context.Context, old raid.Ref, dir string) (string, error) {
	return "newborn", m.ask("replace %s %s", old, dir)
}
func (m *volumes) Remove(_ context.Context, v raid.Ref) error { return m.ask("remove %s", v) }
func (m *volumes) Detach(_ context.Context, v raid.Ref) error { return m.ask("detach %s", v) }
func (m *volumes) Resilver(_ context.Context, v raid.Ref, whole bool) error {
	return m.ask("resilver %s %v", v, whole)
}
func (m *volumes) Reclaim(_ context.Context, v raid.Ref) (raid.Reclaimed, error) {
	return raid.Reclaimed{Before: 9, After: 4}, m.ask("reclaim %s", v)
}

// Maintenance journals as the safe does.
func (s *double) Maintenance(ctx context.Context, who identity.Caller, act, object string, do func(context.Context) (string, error)) error {
	s.journalRefusal(ctx, who, act, object, "intent")
	detail, err := do(ctx)
	if err != nil {
		detail = "failed"
	}
	s.journalRefusal(ctx, who, act, object, detail)
	return err
}

func (s *double) StartScrub(_ context.Context, who identity.Caller) error {
	s.journalRefusal(context.Background(), who, "scrub-start", "", "done")
	return nil
}

func (s *double) PauseScrub(_ context.Context, who identity.Caller) error {
	s.journalRefusal(context.Background(), who, "scrub-pause", "", "done")
	return nil
}

func (s *double) ScrubStatus() store.ScrubStatus {
	return store.ScrubStatus{State: store.ScrubRunning, Done: 1, Total: 2, LastFinished: time.Unix(3, 0), NextDue: time.Unix(4, 0)}
}

// TestScrub: its state is told, and it starts and pauses as asked.
func TestScrub(t *testing.T) {
	s := start(t)
	c := s.as(serialAdministrator)
	var st wire.Scrub
	s.get(c, "/scrub").into(t, &st)
	if st.State != "running" || st.Last == nil || st.NextDue == nil || st.NextStart != nil {
		t.Errorf("%+v", st)
	}
	for act, status := range map[string]int{"start": 200, "pause": 200, "stop": 400} {
		if a := s.post(c, "/scrub", `{"act":"`+act+`"}`); a.status != status {
			t.Errorf("%s: %d %s", act, a.status, a.body)
		}
	}
	journal := s.safe.refusals()
	for _, line := range []string{"adamd|scrub-start||done", "adamd|scrub-pause||done", "adamd|scrub|stop|" + wire.CodeBadRequest} {
		if !slices.Contains(journal, line) {
			t.Errorf("no %q in %q", line, journal)
		}
	}
}

// TestStatusNamesNoFolder: who only deposits is told why a volume is out, not where it lies.
func TestStatusNamesNoFolder(t *testing.T) {
	st := storageOf(store.Status{Volumes: raid.Status{Volumes: []raid.VolumeStatus{
		{Dir: "/srv/casemate/a", Why: `stat "/srv/casemate/b/superblock": input/output error, as /srv/casemate/a`}, {Dir: "/srv/casemate/b"}}}})
	if got := st.Volumes[0].Detail; got != `stat "b/superblock": input/output error, as a` {
		t.Errorf("told %q", got)
	}
}

const firstVolume, secondVolume = "aaaaaaaa11111111", "bbbbbbbb22222222"

func storageOver(t testing.TB, d *double) (*storage.Storage, *volumes) {
	t.Helper()
	m := &volumes{status: raid.Status{State: raid.Degraded, Since: time.Unix(1e9, 0), Why: "one is gone", Sequence: 7, Volumes: []raid.VolumeStatus{
		{ID: firstVolume, Dir: t.TempDir(), State: raid.InSync, Free: 5, Size: 10},
		{Slot: 1, ID: secondVolume, Dir: "/nowhere/b", State: raid.Syncing, Cause: raid.CauseBehind, Why: "why", Since: time.Unix(2e9, 0),
			Progress: &raid.Progress{Whole: true, Done: 1, Total: 4, Rate: 2, Left: time.Second}}}}}
	return &storage.Storage{Mirror: m, Journal: d}, m
}

// TestStorageOverHTTPS: what is asked reaches the mirror, what is told is what the mirror says.
func TestStorageOverHTTPS(t *testing.T) {
	s := start(t)
	c := s.as(serialAdministrator)
	var st wire.Storage
	s.get(s.as(serialAuditor), "/storage").into(t, &st)
	if st.State != "degraded" || len(st.Volumes) != 2 || st.Volumes[0].FreeBytes != 5 || st.Volumes[1].Cause != "behind" ||
		st.Volumes[1].Progress == nil || st.Volumes[1].Progress.LeftNs != 1e9 || st.Since == nil {
		t.Errorf("%+v", st)
	}
	dir := t.TempDir()
	for _, q := range []struct {
		path, body string
		status     int
		asked      string
	}{
		{"", fmt.Sprintf(`{"dir":%q,"sameDisk":true,"spare":true}`, dir), 201, "add " + dir + " true"},
		{"/aaaaaaaa/replace", fmt.Sprintf(`{"dir":%q,"sameDisk":true}`, dir), 201, "replace " + firstVolume + " " + dir},
		{"/bbbbbbbb/remove", "", 200, "remove " + secondVolume},
		{"/" + firstVolume + "/detach", "", 200, "detach " + firstVolume},
		{"/bbbbbbbb2/resilver", `{"whole":true}`, 200, "resilver " + secondVolume + " true"},
		{"/aaaaaaaa/reclaim", "", 200, "reclaim " + firstVolume},
	} {
		if a := s.post(c, "/storage/volumes"+q.path, q.body); a.status != q.status {
			t.Errorf("%s: %d %s", q.path, a.status, a.body)
		}
		if got := s.mirror.asked[len(s.mirror.asked)-1]; got != q.asked {
			t.Errorf("the mirror was asked %q, want %q", got, q.asked)
		}
	}
	if journal := s.safe.refusals(); !slices.Contains(journal, "adamd|volume-remove|"+secondVolume+"|intent") {
		t.Errorf("the journal has %q", journal)
	}
}

// TestStorageRefuses: each refusal has its code, and stands in the journal once.
func TestStorageRefuses(t *testing.T) {
	s := start(t)
	c := s.as(serialAdministrator)
	full, file, link := t.TempDir(), filepath.Join(t.TempDir(), "file"), filepath.Join(t.TempDir(), "link")
	for _, err := range []error{os.WriteFile(filepath.Join(full, "x"), nil, 0o600), os.WriteFile(file, nil, 0o600), os.Symlink(full, link)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	first := s.mirror.status.Volumes[0].Dir
	if err := os.Mkdir(filepath.Join(first, "inner"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct{ path, dir, code string }{
		{"", "relative", wire.CodeBadDir},
		{"", "/srv/../srv", wire.CodeBadDir},
		{"", "/nowhere/at/all", wire.CodeBadDir},
		{"", file, wire.CodeBadDir},
		{"", link, wire.CodeBadDir},
		{"", full, wire.CodeDirNotEmpty},
		{"", filepath.Join(first, "inner"), wire.CodeDirInside},
		{"/aaaaaaaa/replace", t.TempDir(), wire.CodeNotMounted},
		{"/cccccccc/replace", t.TempDir(), wire.CodeUnknownVolume},
		{"/aaaa/replace", t.TempDir(), wire.CodeUnknownVolume},
	} {
		before := len(s.safe.refusals())
		a := s.post(c, "/storage/volumes"+q.path, fmt.Sprintf(`{"dir":%q}`, q.dir))
		if a.code() != q.code || a.status >= 500 {
			t.Errorf("%s: %d %s, want %s", q.dir, a.status, a.body, q.code)
		}
		if told := s.safe.refusals()[before:]; len(told) != 1 || !strings.HasSuffix(told[0], "|"+q.code) {
			t.Errorf("%s: the journal has %q", q.dir, told)
		}
	}
	if len(s.mirror.asked) != 0 {
		t.Errorf("the mirror was asked %q", s.mirror.asked)
	}
	s.mirror.fail = errors.New("it is the last one in sync")
	before := len(s.safe.refusals())
	a := s.post(c, "/storage/volumes/aaaaaaaa/remove", "")
	if a.status != http.StatusConflict || a.code() != wire.CodeVolumeState || !strings.Contains(string(a.body), "the last one in sync") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if told := s.safe.refusals()[before:]; len(told) != 2 {
		t.Errorf("a failed act stands in the journal %d times, want its intent and its end: %q", len(told), told)
	}
}

// TestControlSocket: on the machine's own socket root is an administrator, and nothing more.
func TestControlSocket(t *testing.T) {
	s := start(t)
	socket := filepath.Join(t.TempDir(), "s")
	l, err := systemd.ListenUnix(socket, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.door.ServeLocal(ctx, l, s.handler) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	c := client.Local(socket)
	defer c.Close()
	if st, err := c.Storage(ctx); err != nil || st.State != "degraded" {
		t.Errorf("%+v, %v", st, err)
	}
	if err := c.DetachVolume(ctx, firstVolume); err != nil {
		t.Error(err)
	}
	if got, err := c.ReclaimVolume(ctx, secondVolume); err != nil || got.After != 4 {
		t.Errorf("%+v, %v", got, err)
	}
	if id, err := c.AddVolume(ctx, wire.NewVolume{Dir: t.TempDir(), SameDisk: true}); err != nil || id != "newborn" {
		t.Errorf("%s, %v", id, err)
	}
	if _, err := c.ReplaceVolume(ctx, firstVolume, wire.ReplaceVolume{Dir: "x"}); !errors.Is(err, client.ErrRefused) {
		t.Errorf("%v", err)
	}
	if err := errors.Join(c.RemoveVolume(ctx, secondVolume), c.ResilverVolume(ctx, secondVolume, true)); err != nil {
		t.Error(err)
	}
	for range c.Journal(ctx, client.Query{}) {
		break
	}
	want := fmt.Sprintf("local user %d%d|journal-read||forbidden", os.Getuid(), os.Getuid())
	if journal := s.safe.refusals(); !slices.Contains(journal, want) {
		t.Errorf("the journal has %q, want %q", journal, want)
	}
}
