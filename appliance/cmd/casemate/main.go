// Command casemate deposits documents in a safe, reads them back, asks for their
// proofs and verifies these offline. It holds no state of its own.
//
// Results go to standard output, everything else to standard error. With --json
// each result is one JSON object on one line, in the shapes of appliance/wire, and
// so is an error. Exit codes are in one table: casemate help exit-codes.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	a := &app{
		stdin:    os.Stdin,
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		terminal: term.IsTerminal(int(os.Stderr.Fd())),
		getenv:   os.Getenv,
		now:      time.Now,
	}
	os.Exit(a.run(ctx, os.Args[1:]))
}
