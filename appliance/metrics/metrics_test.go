package metrics

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"casemate/appliance/web"
	"casemate/appliance/wire"
	"casemate/raid"
	"casemate/store"
	"casemate/store/proof"
)

func sample() Snapshot {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	return Snapshot{
		Safe: store.Status{Documents: 12, Bytes: 3456, JournalSize: 99, CheckpointAt: 98, Round: 7, RoundAt: at, Pending: 2, PendingSince: at,
			Clock: proof.Clock{Trusted: true, Offset: -3 * time.Millisecond, RootDistance: 20 * time.Millisecond},
			Volumes: raid.Status{State: raid.Resilvering, Sequence: 41, MinCopies: 2, Volumes: []raid.VolumeStatus{
				{ID: "1a2b3c4d5e6f", Dir: "/srv/secret", State: raid.InSync, Free: 10, Size: 20, Floor: 1, Budget: 64},
				{ID: "99887766aabb", State: raid.Syncing, Free: 11, Size: 20, Progress: &raid.Progress{Done: 5, Total: 6}},
				{Slot: 2, State: raid.Missing, Free: -1},
			}},
			Scrub: store.ScrubStatus{State: store.ScrubRunning, Done: 3, Total: 4, LastFinished: at, NextDue: at, Overdue: true}},
		Alive: true, Backups: store.Backups{Last: &store.BackedUp{At: at}, Drill: &store.Drilled{At: at, OK: true}}, Reasons: []wire.Reason{{Code: wire.ReasonVolumes, Message: "/srv/secret"}},
		Token: Token{Up: true, Took: 1500 * time.Microsecond}, Certificates: map[string]time.Time{"tls": at}, StateFree: 77, Connections: 3, Most: 1024,
	}
}

func scrape(t *testing.T, look func() Snapshot, seen ...web.Exchange) (status int, text string) {
	t.Helper()
	m, err := New(Config{Build: Build{"1.2.3", "abc", "go1"}, Snapshot: look, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range seen {
		m.Observe(e)
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, wire.PathMetrics, nil))
	return w.Code, w.Body.String()
}

// TestEverythingIsTold holds the text against what the snapshot has, sample by sample.
func TestEverythingIsTold(t *testing.T) {
	_, text := scrape(t, sample,
		web.Exchange{Method: "POST", Route: depositRoute, Status: 201, Took: 300 * time.Millisecond},
		web.Exchange{Method: "POST", Route: depositRoute, Status: 422, Code: "metadata"},
		web.Exchange{Method: "POST", Route: depositRoute, Status: 503, Code: "seal-unavailable"},
		web.Exchange{Method: "POST", Route: depositRoute, Cut: true})
	for _, want := range []string{
		`casemate_build_info{commit="abc",goversion="go1",version="1.2.3"} 1`,
		"casemate_healthy 1", "casemate_ready 0", `casemate_not_ready{reason="volumes"} 1`, `casemate_not_ready{reason="token"} 0`,
		"casemate_documents 12", "casemate_documents_bytes 3456", "casemate_journal_entries_total 99", "casemate_journal_checkpoint_entries_total 98",
		"casemate_rounds_total 7", "casemate_round_last_timestamp_seconds 1.893553445e+09", "casemate_pending_documents 2",
		"casemate_pending_oldest_timestamp_seconds 1.893553445e+09", "casemate_clock_trusted 1", "casemate_clock_offset_seconds -0.003",
		"casemate_clock_root_distance_seconds 0.02", "casemate_token_up 1", "casemate_token_ping_seconds 0.0015",
		`casemate_certificate_expiry_timestamp_seconds{use="tls"} 1.893553445e+09`, "casemate_http_connections 3", "casemate_http_connections_limit 1024",
		"casemate_state_free_bytes 77", `casemate_mirror_state{state="resilvering"} 1`, `casemate_mirror_state{state="healthy"} 0`,
		"casemate_mirror_in_sync 1", "casemate_mirror_wanted 2", "casemate_mirror_batches_total 41",
		`casemate_volume_state{state="in-sync",volume="1a2b3c4d"} 1`, `casemate_volume_state{state="missing",volume="slot-2"} 1`,
		`casemate_volume_free_bytes{volume="1a2b3c4d"} 10`, `casemate_volume_resilver_done_bytes{volume="99887766"} 5`,
		"casemate_scrub_running 1", "casemate_scrub_overdue 1", "casemate_backup_last_timestamp_seconds 1.893553445e+09", "casemate_backup_drill_timestamp_seconds 1.893553445e+09", "casemate_scrub_last_timestamp_seconds 1.893553445e+09",
		`casemate_deposits_total{result="done"} 1`, `casemate_deposits_total{result="refused"} 1`, `casemate_deposits_total{result="failed"} 2`,
		"casemate_deposit_duration_seconds_count 1", `casemate_deposit_duration_seconds_bucket{le="0.25"} 0`, `casemate_deposit_duration_seconds_bucket{le="0.5"} 1`,
		`casemate_refusals_total{code="metadata"} 1`, "casemate_http_cut_total 1", "process_open_fds",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no line %s", want)
		}
	}
	for _, secret := range []string{"/srv/secret", "slot-2\"} -1"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is told", secret)
		}
	}
}

// TestWhatIsNotKnownIsNotTold: no 1970, no -1, no figure of a volume that was not looked at.
func TestWhatIsNotKnownIsNotTold(t *testing.T) {
	_, text := scrape(t, func() Snapshot {
		return Snapshot{StateFree: -1, Safe: store.Status{Volumes: raid.Status{Volumes: []raid.VolumeStatus{{ID: "1a2b3c4d5e6f", Free: -1}}}}}
	})
	for _, name := range []string{"casemate_round_last_timestamp_seconds", "casemate_pending_oldest_timestamp_seconds", "casemate_token_ping_seconds",
		"casemate_state_free_bytes", "casemate_backup_last_timestamp_seconds", "casemate_backup_drill_timestamp_seconds", "casemate_volume_free_bytes", "casemate_volume_resilver_bytes", "casemate_scrub_last_timestamp_seconds"} {
		if strings.Contains(text, "\n"+name) {
			t.Errorf("%s has a sample", name)
		}
	}
	if !strings.Contains(text, "casemate_token_up 0") {
		t.Error("a token that does not answer is not told")
	}
}

// TestNamesFollowTheConventions asks Prometheus' own linter, in the library and as promtool.
func TestNamesFollowTheConventions(t *testing.T) {
	_, text := scrape(t, sample, web.Exchange{Method: "GET", Route: "/status", Status: 200})
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "casemate_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	cmd := exec.Command("promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestNoCallerMakesSeries: methods and addresses that the API does not know are one series.
func TestNoCallerMakesSeries(t *testing.T) {
	var seen []web.Exchange
	for i := range 500 {
		seen = append(seen, web.Exchange{Method: fmt.Sprintf("M%d", i), Status: 404, Code: "unknown-path"})
	}
	_, few := scrape(t, sample, seen[:1]...)
	_, many := scrape(t, sample, seen...)
	if a, b := strings.Count(few, "\ncasemate_"), strings.Count(many, "\ncasemate_"); a != b {
		t.Errorf("%d series, %d after many strange requests", a, b)
	}
}

// TestHangingSafe: whoever scrapes a safe that hangs is told so, and gathers nothing behind him.
func TestHangingSafe(t *testing.T) {
	freed := make(chan struct{})
	looks := make(chan struct{}, 100)
	m, err := New(Config{Log: slog.New(slog.DiscardHandler), Patience: 100 * time.Millisecond, Snapshot: func() Snapshot {
		looks <- struct{}{}
		<-freed
		return Snapshot{}
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(m.Handler())
	defer server.Close()
	defer close(freed)
	statuses := make(chan int)
	for range 10 {
		go func() {
			res, err := http.Get(server.URL)
			if err != nil {
				statuses <- 0
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
			statuses <- res.StatusCode
		}()
	}
	for range 10 {
		if got := <-statuses; got != http.StatusServiceUnavailable {
			t.Errorf("status %d", got)
		}
	}
	if n := len(looks); n > scrapesAtOnce {
		t.Errorf("%d scrapes wait in a safe that hangs, want at most %d", n, scrapesAtOnce)
	}
}

// TestDesignListsEveryName keeps the table of the design true, and alert rules with it.
func TestDesignListsEveryName(t *testing.T) {
	design, err := os.ReadFile("DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text := scrape(t, sample, web.Exchange{Method: "GET", Route: "/status", Status: 200, Code: "x"})
	var told []string
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "# TYPE casemate_"); ok {
			told = append(told, "casemate_"+strings.Fields(rest)[0])
		}
	}
	for _, name := range told {
		if !strings.Contains(string(design), "`"+name+"`") && !strings.Contains(string(design), "`"+name+"{") {
			t.Errorf("DESIGN.md does not tell of %s", name)
		}
	}
	for line := range strings.Lines(string(design)) {
		if name, ok := strings.CutPrefix(line, "| `"); ok && strings.HasPrefix(name, "casemate_") {
			name = name[:strings.IndexAny(name, "{`")]
			if !slices.Contains(told, name) {
				t.Errorf("DESIGN.md tells of %s, which is not there", name)
			}
		}
	}
}
