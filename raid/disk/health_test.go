package disk

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	for name, want := range map[string]string{
		"ata-healthy":    "ok",
		"ata-failing":    "failing: the drive says that it is failing; 2032 bad sectors were replaced; attribute 5 is or was below its threshold; attribute 190 is or was below its threshold; 48 sectors can not be read for now; 16 errors could not be corrected; 61 °C, which is too warm",
		"nvme-healthy":   "ok",
		"nvme-worn":      "failing: the drive says that it is failing; only 4 % of its spare blocks are left; it says that it is less reliable; 7 errors could not be corrected; 112 % of its written life is used",
		"scsi-defects":   "warning: 56 bad sectors were replaced; 3 errors could not be corrected",
		"sata-ssd-worn":  "warning: its last self-test failed; 85 % of its written life is used",
		"denied":         "unknown: only root may ask the drive",
		"no-device-type": "unknown: the device offers no S.M.A.R.T.",
		"switched-off":   "unknown: S.M.A.R.T. is switched off (smartctl -s on DEVICE switches it on)",
	} {
		b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := parseSmart(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r := judge(s)
		got := strings.TrimSuffix(string(r.Verdict)+": "+r.In("en"), ": ")
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
		if r.Verdict != Unknown && (r.Temperature == nil || r.Hours == nil) {
			t.Errorf("%s: no temperature or no hours", name)
		}
	}
}

// Each bit and limit by itself.
func TestJudgeOne(t *testing.T) {
	const nvme = `{"json_format_version":[1,0],"nvme_smart_health_information_log":{"critical_warning":%d,"available_spare":%d,"available_spare_threshold":10,"percentage_used":%d,"media_errors":%d},"temperature":{"current":%d}}`
	const ata = `{"json_format_version":[1,0],"smartctl":{"exit_status":%d},"rotation_rate":%d,"temperature":{"current":%d},"smart_status":{"passed":true},"ata_smart_attributes":{"table":[{"id":%d,"when_failed":"%s","flags":{"prefailure":%t},"raw":{"value":%d}}]}}`
	for _, c := range []struct {
		json    string
		verdict Verdict
		code    Code
	}{
		{fmt.Sprintf(nvme, 0, 10, 79, 0, 74), OK, ""},
		{fmt.Sprintf(nvme, 1, 10, 0, 0, 30), Failing, SpareLow},
		{fmt.Sprintf(nvme, 2, 10, 0, 0, 30), Warning, TooWarm},
		{fmt.Sprintf(nvme, 4, 10, 0, 0, 30), Failing, Degraded},
		{fmt.Sprintf(nvme, 8, 10, 0, 0, 30), Failing, WritesRefused},
		{fmt.Sprintf(nvme, 16, 10, 0, 0, 30), Failing, BackupFailed},
		{fmt.Sprintf(nvme, 32, 10, 0, 0, 30), Warning, Degraded},
		{fmt.Sprintf(nvme, 0, 9, 0, 0, 30), Failing, SpareLow},
		{fmt.Sprintf(nvme, 0, 10, 80, 0, 30), Warning, Worn},
		{fmt.Sprintf(nvme, 0, 10, 100, 0, 30), Failing, Worn},
		{fmt.Sprintf(nvme, 0, 10, 0, 1, 30), Warning, Uncorrectable},
		{fmt.Sprintf(nvme, 0, 10, 0, 0, 75), Warning, TooWarm},
		{fmt.Sprintf(ata, 0, 7200, 59, 9, "", false, 5), OK, ""},
		{fmt.Sprintf(ata, 64, 7200, 59, 199, "", false, 5), OK, ""}, // a cable's errors, an old error log
		{fmt.Sprintf(ata, 0, 7200, 60, 9, "", false, 5), Warning, TooWarm},
		{fmt.Sprintf(ata, 0, 0, 60, 9, "", false, 5), OK, ""},
		{fmt.Sprintf(ata, 0, 7200, 30, 5, "", true, 1), Warning, Reallocated},
		{fmt.Sprintf(ata, 0, 7200, 30, 197, "", false, 1), Warning, Pending},
		{fmt.Sprintf(ata, 0, 7200, 30, 198, "", false, 1), Warning, Uncorrectable},
		{fmt.Sprintf(ata, 0, 7200, 30, 187, "", false, 1), Warning, Uncorrectable},
		{fmt.Sprintf(ata, 0, 7200, 30, 3, "past", true, 0), Warning, BelowThreshold},
		{fmt.Sprintf(ata, 0, 7200, 30, 3, "now", false, 0), Warning, BelowThreshold},
		{fmt.Sprintf(ata, 0, 7200, 30, 3, "now", true, 0), Failing, BelowThreshold},
		{fmt.Sprintf(ata, 8, 7200, 30, 3, "", true, 0), Failing, SaysFailing},
		{fmt.Sprintf(ata, 16, 7200, 30, 3, "", true, 0), Failing, SaysFailing},
		{fmt.Sprintf(ata, 128, 7200, 30, 3, "", true, 0), Warning, SelfTest},
	} {
		s, err := parseSmart([]byte(c.json))
		if err != nil {
			t.Errorf("%s: %v", c.json, err)
			continue
		}
		r := judge(s)
		if r.Verdict != c.verdict || (c.code == "") != (len(r.Reasons) == 0) || (c.code != "" && r.Reasons[0].Code != c.code) {
			t.Errorf("%s\n%s %+v, want %s %s", c.json, r.Verdict, r.Reasons, c.verdict, c.code)
		}
	}
}

func TestParseSmartRefuses(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":          "",
		"words":            "smartctl: not found",
		"array":            "[]",
		"null":             "null",
		"cut":              `{"json_format_version":[1,0]`,
		"two":              `{"json_format_version":[1,0]}{}`,
		"no format":        `{}`,
		"another format":   `{"json_format_version":[2,0]}`,
		"negative raw":     `{"json_format_version":[1,0],"ata_smart_attributes":{"table":[{"id":5,"raw":{"value":-1}}]}}`,
		"no temperature":   `{"json_format_version":[1,0],"temperature":{"current":99999999999}}`,
		"warning too big":  `{"json_format_version":[1,0],"nvme_smart_health_information_log":{"critical_warning":256}}`,
		"fraction":         `{"json_format_version":[1,0],"power_on_time":{"hours":1.5}}`,
		"many attributes":  `{"json_format_version":[1,0],"ata_smart_attributes":{"table":[` + strings.Repeat("{},", 256) + `{}]}}`,
		"more than enough": `{"json_format_version":[1,0],"x":"` + strings.Repeat("x", maxSmart) + `"}`,
	} {
		if got, err := parseSmart([]byte(s)); err == nil {
			t.Errorf("%s: accepted as %+v", name, got)
		}
	}
}

func FuzzSmart(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no samples: %v", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSmart(b)
		if err != nil {
			return
		}
		r := judge(s)
		for _, lang := range []string{"en", "fr"} {
			if (r.Verdict == OK) != (r.In(lang) == "") {
				t.Errorf("%s for %q", r.Verdict, r.In(lang))
			}
		}
		if strings.ContainsAny(r.In("en"), "\x00\x1b\n") {
			t.Errorf("%q goes to a terminal", r.In("en"))
		}
	})
}

// Every code has its words in both languages, and they differ.
func TestWords(t *testing.T) {
	for code, form := range words {
		r := Reason{Code: code, Value: 3, Drive: "/dev/sda"}
		if en, fr := r.In("en"), r.In("fr"); en == fr || strings.Contains(en+fr, "%!") || strings.Contains(form[0], "%d") != strings.Contains(form[1], "%d") {
			t.Errorf("%s: %q, %q", code, en, fr)
		}
	}
	for _, v := range verdicts {
		if v.In("fr") == v.In("en") {
			t.Errorf("%s has no French", v)
		}
	}
}

// fake is a smartctl for a test.
func fake(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "smartctl")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// Whatever the program does, there is an answer, and a sentence.
func TestHealth(t *testing.T) {
	ctx := context.Background()
	sample, err := filepath.Abs("testdata/ata-failing.json")
	if err != nil {
		t.Fatal(err)
	}
	real := Disk{Drives: []Drive{{Path: "/dev/sda"}}}
	for name, c := range map[string]struct {
		on      Disk
		program string
		verdict Verdict
		code    Code
	}{
		"no drive":      {Disk{}, "", Unknown, NoDrive},
		"virtual":       {Disk{Drives: []Drive{{Path: "/dev/loop0", Virtual: true}}}, fake(t, "exit 1"), Unknown, NotOffered},
		"not installed": {real, "", Unknown, NotInstalled},
		"not there":     {real, "/nonexistent/smartctl", Unknown, NotUnderstood},
		"silent":        {real, fake(t, "exit 1"), Unknown, NotUnderstood},
		"rubbish":       {real, fake(t, "echo rubbish"), Unknown, NotUnderstood},
		"flood":         {real, fake(t, "yes"), Unknown, NotUnderstood},
		"killed":        {real, fake(t, "kill -9 $$"), Unknown, NotUnderstood},
		"failing":       {real, fake(t, "cat "+sample+"; exit 120"), Failing, SaysFailing},
		"its arguments": {real, fake(t, `test "$*" = "--json=c --all /dev/sda" && cat `+sample), Failing, SaysFailing},
	} {
		r := health(ctx, c.on, c.program)
		if r.Verdict != c.verdict || len(r.Reasons) == 0 || r.Reasons[0].Code != c.code || r.In("fr") == "" {
			t.Errorf("%s: %+v, want %s %s", name, r, c.verdict, c.code)
		}
	}
	// One that hangs is left, with what it started.
	brief, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if r := health(brief, real, fake(t, "exec sleep 60")); r.Reasons[0].Code != NoAnswer {
		t.Errorf("hanging: %+v", r)
	}
}

// The worst of several drives counts, and each is named.
func TestHealthOfSeveral(t *testing.T) {
	good, _ := filepath.Abs("testdata/nvme-healthy.json")
	bad, _ := filepath.Abs("testdata/scsi-defects.json")
	program := fake(t, `case $3 in /dev/sda) cat `+good+`;; *) cat `+bad+`;; esac`)
	r := health(context.Background(), Disk{Drives: []Drive{{Path: "/dev/sda"}, {Path: "/dev/sdb"}}}, program)
	if r.Verdict != Warning || !strings.HasPrefix(r.In("en"), "/dev/sdb: 56 bad sectors") || *r.Hours != 43549 || *r.Temperature != 35 {
		t.Errorf("%+v: %s", r, r.In("en"))
	}
}

// smartctl itself, on whatever this machine is made of: an answer we understand, and a sentence.
func TestHealthOfThisMachine(t *testing.T) {
	if _, err := exec.LookPath("/usr/sbin/smartctl"); err != nil {
		t.Fatal("smartmontools is missing: apt-get install smartmontools")
	}
	for _, dir := range []string{"/", "/dev/shm", t.TempDir()} {
		d, err := Under(dir)
		if err != nil {
			t.Fatal(err)
		}
		r := Health(context.Background(), d)
		t.Logf("%s on %s (%s): %s: %s", dir, d.Source, d.FSType, r.Verdict, r.In("en"))
		if r.Verdict != OK && r.In("fr") == "" {
			t.Errorf("%s: no sentence for %+v", dir, r)
		}
		for _, reason := range r.Reasons {
			if reason.Code == NotUnderstood || reason.Code == NoAnswer || reason.Code == NotInstalled {
				t.Errorf("%s: %+v", dir, reason)
			}
		}
	}
}
