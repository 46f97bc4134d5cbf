package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// setID NAME: the field id of the first JSON line of the last standard output.
func setID(ts *testscript.TestScript, _ bool, args []string) {
	line, _, _ := bytes.Cut([]byte(ts.ReadFile("stdout")), []byte("\n"))
	var doc struct{ ID string }
	if err := json.Unmarshal(line, &doc); err != nil || doc.ID == "" || len(args) != 1 {
		ts.Fatalf("setid NAME: no id in %q: %v", line, err)
	}
	ts.Setenv(args[0], doc.ID)
}

func fakeOf(ts *testscript.TestScript) *fakeSafe {
	return ts.Value(fakeKey{}).(*fakeSafe)
}

// fault [NAME]: from now on this goes wrong, or nothing.
func setFault(ts *testscript.TestScript, _ bool, args []string) {
	s := fakeOf(ts)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = ""
	if len(args) > 0 {
		s.fault = args[0]
	}
}

// prove: a timestamp round. prove DELAY: soon, while the script goes on.
func prove(ts *testscript.TestScript, _ bool, args []string) {
	s := fakeOf(ts)
	if len(args) == 0 {
		s.prove()
		return
	}
	delay, err := time.ParseDuration(args[0])
	ts.Check(err)
	time.AfterFunc(delay, s.prove)
}

// await: until a request has reached the point where the fake stalls.
func await(ts *testscript.TestScript, _ bool, _ []string) {
	select {
	case <-fakeOf(ts).waiting:
	case <-time.After(30 * time.Second):
		ts.Fatalf("no request came")
	}
}

// interrupt: Ctrl-C for what runs in the background.
func interrupt(ts *testscript.TestScript, _ bool, _ []string) {
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(os.Interrupt))
	}
}

// big FILE BYTES: a file of that size.
func bigFile(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 >> 3)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}
