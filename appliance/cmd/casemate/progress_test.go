package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestProgressIsForLongTransfersOnATerminal(t *testing.T) {
	for _, c := range []struct {
		name     string
		terminal bool
		json     bool
		total    int64
		drawn    bool
	}{
		{"long", true, false, longTransfer, true},
		{"of unknown length", true, false, -1, true},
		{"short", true, false, longTransfer - 1, false},
		{"to a file", false, false, longTransfer, false},
		{"for a program", true, true, longTransfer, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stderr bytes.Buffer
			a := &app{t: &english, stderr: &stderr, terminal: c.terminal, json: c.json}
			bar := a.progress("name\x1b[31m", c.total)
			got, err := io.ReadAll(bar.reader(io.NopCloser(strings.NewReader("some bytes"))))
			if err != nil || string(got) != "some bytes" {
				t.Fatalf("the reader gave %q, %v", got, err)
			}
			var out bytes.Buffer
			if _, err := bar.writer(&out).Write(got); err != nil || out.String() != "some bytes" {
				t.Fatalf("the writer gave %q, %v", out.String(), err)
			}
			bar.finish()
			bar.finish()
			if drawn := stderr.Len() > 0; drawn != c.drawn {
				t.Errorf("drawn: %v, want %v: %q", drawn, c.drawn, stderr.String())
			}
			if strings.Contains(stderr.String(), "\x1b[31m") {
				t.Error("the name reached the terminal raw")
			}
		})
	}
}
