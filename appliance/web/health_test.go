package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"casemate/appliance/wire"
)

func asked(t *testing.T, answer http.HandlerFunc) (int, wire.Health) {
	t.Helper()
	w := httptest.NewRecorder()
	answer(w, httptest.NewRequest(http.MethodGet, "/", nil))
	var h wire.Health
	if err := json.Unmarshal(w.Body.Bytes(), &h); err != nil || h.Reasons == nil || h.Concerns == nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return w.Code, h
}

func TestHealth(t *testing.T) {
	clock := wire.Reason{Code: wire.ReasonClock, Message: "no server answers"}
	broken := wire.Reason{Code: wire.ReasonFault, Message: "an fsync failed"}
	late := wire.Reason{Code: wire.ReasonLate, Message: "since Sunday"}
	for _, c := range []struct {
		name           string
		alive          error
		ready          []wire.Reason
		healthy, takes int
		reasons        []wire.Reason // of readiness
	}{
		{"well", nil, nil, 200, 200, nil},
		{"waiting for the clock", nil, []wire.Reason{clock}, 200, 503, []wire.Reason{clock}},
		{"broken", errors.New("an fsync failed"), nil, 503, 503, []wire.Reason{broken}},
		{"both", errors.New("an fsync failed"), []wire.Reason{clock}, 503, 503, []wire.Reason{broken, clock}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := NewHealth(func() error { return c.alive }, func() []wire.Reason { return c.ready }, func() []wire.Reason { return []wire.Reason{late} })
			if code, said := asked(t, h.Healthy); code != c.healthy || said.OK != (code == 200) || (code == 503) != (len(said.Reasons) == 1) || len(said.Concerns) != 0 {
				t.Errorf("healthz: %d %+v", code, said)
			}
			if code, said := asked(t, h.Readiness); code != c.takes || said.OK != (code == 200) || fmt.Sprint(said.Reasons) != fmt.Sprint(c.reasons) || fmt.Sprint(said.Concerns) != fmt.Sprint([]wire.Reason{late}) {
				t.Errorf("readyz: %d %+v", code, said)
			}
		})
	}
}

// TestHealthOfASafeThatHangs: every question is answered in time, and one alone is left waiting inside.
func TestHealthOfASafeThatHangs(t *testing.T) { synctest.Test(t, safeThatHangs) }

func safeThatHangs(t *testing.T) {
	freed := make(chan struct{})
	var waiting atomic.Int64
	h := NewHealth(func() error { waiting.Add(1); <-freed; return nil }, func() []wire.Reason { return nil }, func() []wire.Reason { return nil })
	h.patience = 20 * time.Millisecond
	for range 5 {
		if code, said := asked(t, h.Healthy); code != 503 || len(said.Reasons) != 1 || said.Reasons[0].Code != wire.ReasonHangs {
			t.Fatalf("%d %+v", code, said)
		}
	}
	if n := waiting.Load(); n != 1 {
		t.Errorf("%d questions wait in a safe that hangs", n)
	}
	close(freed)
	h.patience = time.Minute
	if code, said := asked(t, h.Readiness); code != 200 {
		t.Errorf("it goes on, and yet: %d %+v", code, said)
	}
}

// TestMonitorTakesReadsAlone: no method but GET and HEAD, no body, no end of connections.
func TestMonitorTakesReadsAlone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- ServeMonitor(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "told") }), slog.New(slog.DiscardHandler))
	}()
	for _, c := range []struct {
		method, body string
		want         int
	}{{"GET", "", 200}, {"HEAD", "", 200}, {"POST", "", 405}, {"DELETE", "", 405}, {"GET", "a body", 405}} {
		req, err := http.NewRequest(c.method, "http://"+l.Addr().String()+"/", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != c.want || (c.want != 200 && strings.Contains(string(text), "told")) {
			t.Errorf("%s with %q: %d %s", c.method, c.body, res.StatusCode, text)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	_ = l.(*net.TCPListener).SetDeadline(time.Now())
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("it listens still: %v", err)
	}
}
