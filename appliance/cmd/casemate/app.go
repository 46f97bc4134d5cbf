package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"casemate/appliance/client"
)

// app is one run of the command: its streams, its words, its settings.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	terminal       bool // stderr is a terminal: progress may be drawn
	getenv         func(string) string
	now            func() time.Time

	t     *catalogue
	json  bool
	given settings // from flags
}

// run is the whole command; it gives the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	a.t = catalogueFor(a.getenv)
	out := &sticky{Writer: a.stdout}
	a.stdout = out
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		return a.report(ctx, err)
	}
	if out.err != nil {
		return a.report(ctx, fmt.Errorf("%s: %w", a.t.ResultLost, out.err))
	}
	return exitOK
}

// connect makes the client the settings describe. Nothing is sent yet.
func (a *app) connect() (*client.Client, error) {
	s, err := a.settings()
	if err != nil {
		return nil, err
	}
	a.warnOfOpenKey(s.Key)
	roots, pair, err := client.LoadCredentials(s.CA, s.Cert, s.Key)
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{URL: s.URL, Roots: roots, Certificate: pair, UserAgent: "casemate/" + version()})
}
