package packaging

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var metric = regexp.MustCompile(`casemate_[a-z_]+`)

// served are the metrics that the safe's own design page lists, which its tests hold against what is
// scraped; of a histogram also the series it is made of.
func served(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../appliance/metrics/DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(casemate_[a-z_]+)[^|]*\\| (\\w+) \\|").FindAllStringSubmatch(string(text), -1) {
		all = append(all, row[1])
		if row[2] == "histogram" {
			all = append(all, row[1]+"_bucket", row[1]+"_count", row[1]+"_sum")
		}
	}
	if len(all) < 30 {
		t.Fatalf("the table of metrics has %d", len(all))
	}
	return all
}

// What the alerts and the dashboard ask for is what the safe tells.
func TestMonitoringAsksForWhatIsServed(t *testing.T) {
	known := served(t)
	for _, file := range []string{"monitoring/casemate.rules.yml", "monitoring/casemate.dashboard.json", "monitoring/casemate.rules_test.yml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		asked := metric.FindAllString(string(text), -1)
		if len(asked) < 20 {
			t.Errorf("%s asks for %d metrics only", file, len(asked))
		}
		for _, name := range asked {
			if !slices.Contains(known, name) {
				t.Errorf("%s asks for %s, which nobody tells", file, name)
			}
		}
	}
	if slices.Contains(known, metric.FindString("casemate_volume_free_byte > 0")) {
		t.Error("a misspelt metric is not noticed")
	}
}

// Every alert speaks both languages, and every alert is in the test that promtool runs.
func TestAlertsSpeakBothLanguages(t *testing.T) {
	rules, err := os.ReadFile("monitoring/casemate.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("monitoring/casemate.rules_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	alerts := strings.Split(string(rules), "- alert: ")[1:]
	if len(alerts) < 20 {
		t.Fatalf("%d alerts", len(alerts))
	}
	for _, a := range alerts {
		name, _, _ := strings.Cut(a, "\n")
		for _, key := range []string{"severity:", "summary:", "remedy:", "summary_fr:", "remedy_fr:"} {
			if strings.Count(a, key) != 1 {
				t.Errorf("%s: not one %s", name, key)
			}
		}
		if !strings.Contains(string(tests), `alertname="`+name+`"`) {
			t.Errorf("%s is in no test", name)
		}
	}
}

// The dashboard is one Grafana can read: JSON, panels that do not overlap and have a query each.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("monitoring/casemate.dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		UID    string
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil || d.UID != "casemate" || len(d.Panels) < 15 {
		t.Fatalf("%v, %d panels", err, len(d.Panels))
	}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if p.Title == "" || len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d %q lacks a title or a query, or is too wide", p.ID, p.Title)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other, ok := taken[at]; ok {
					t.Fatalf("%q lies on %q", p.Title, other)
				}
				taken[at] = p.Title
			}
		}
	}
}
