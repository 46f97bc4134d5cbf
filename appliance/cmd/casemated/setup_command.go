package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"casemate/appliance"
	"casemate/appliance/setup"
	"casemate/appliance/words"
)

// setupFlags are what is given to `casemated setup`.
type setupFlags struct {
	answers, prefix string
	check           bool
}

// setupCommand is the first start of a box, on its console or from a file of answers.
func setupCommand(o *options) *cobra.Command {
	var f setupFlags
	w := o.t.box()
	cmd := describe(&cobra.Command{Use: "setup", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.setUp(cmd, f) }}, w.Setup)
	cmd.Flags().StringVar(&f.answers, "answers", "", w.FlagAnswers)
	cmd.Flags().StringVar(&f.prefix, "prefix", "", w.FlagPrefix)
	cmd.Flags().BoolVar(&f.check, "check", false, w.FlagCheck)
	return cmd
}

// tokenSetupCommand is the child that a set-up has the token with.
func tokenSetupCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: appliance.TokenCommand, Hidden: true, Args: noArguments, RunE: func(cmd *cobra.Command, _ []string) error {
		return appliance.RunTokenJob(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), o.log())
	}}
}

// setUp asks or reads, judges, does.
func (o *options) setUp(cmd *cobra.Command, f setupFlags) error {
	layout, err := f.layout()
	if err != nil {
		return o.problems(cmd, []setup.Problem{{Code: setup.BadUsers, Detail: err.Error()}})
	}
	s := &appliance.Setup{Layout: layout, Log: o.log()}
	if f.answers != "" {
		if s.Answers, err = setup.LoadAnswers(f.answers); err != nil {
			return exitCode{exitConfig, &told{err, strings.ReplaceAll(err.Error(), setup.ErrAnswers.Error(), o.t.box().BadAnswers), o.t.box().BadAnswersHint}}
		}
		o.speak(s.Answers.Language)
	} else if s.Answers, err = o.ask(cmd, s); err != nil {
		return err
	}
	s.Say = func(step appliance.SetupStep, args ...any) {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), o.t.box().Steps[string(step)]+"\n", args...) // what is done counts, not that it is said
	}
	if s.Unfinished() {
		_, _ = fmt.Fprintln(cmd.ErrOrStderr(), o.t.box().Unfinished)
		if f.check {
			return exitCode{exitFindings, &told{setup.ErrUnfinished, o.t.box().BrokenOff, o.t.box().BrokenOffHint}}
		}
		if err := s.Undo(); err != nil {
			return o.setupFailed(err)
		}
	}
	if found := s.Check(cmd.Context()); len(found) > 0 {
		return o.problems(cmd, found)
	}
	if f.check {
		return o.tell(cmd, []setup.Problem{}, "%s", o.t.box().NothingAgainst)
	}
	done, err := s.Run(cmd.Context())
	if err != nil {
		return o.setupFailed(err)
	}
	return o.setupDone(cmd, done, layout)
}

// layout is the package's, or one folder.
func (f setupFlags) layout() (setup.Layout, error) {
	if f.prefix == "" {
		return setup.System()
	}
	dir, err := filepath.Abs(f.prefix)
	return setup.Under(dir), err
}

// speak changes the language, as the person at the console or the answers want it.
func (o *options) speak(language string) {
	if catalogues[language] != nil && o.lang == "" {
		*o.t = *catalogueFor([]string{"--lang=" + language}, os.Getenv)
	}
}

// problems tells all that is wrong, each with its remedy.
func (o *options) problems(cmd *cobra.Command, found []setup.Problem) error {
	p := &printer{t: o.t}
	known := words.SetupProblems(o.t.language)
	for _, one := range found {
		if o.json {
			if err := printJSON(cmd, one); err != nil {
				return err
			}
			continue
		}
		p.problem(one, known[one.Code])
	}
	if err := p.to(cmd.ErrOrStderr()); err != nil {
		return err
	}
	return exitCode{exitConfig, &told{nil, o.t.box().NotSetUp, o.t.box().NotSetUpHint}}
}

func (p *printer) problem(one setup.Problem, said words.Said) {
	line := said.Message
	if one.Key != "" {
		line = one.Key + p.t.Colon + line
	}
	if one.Detail != "" {
		line += " (" + strings.ReplaceAll(one.Detail, "\n", "; ") + ")"
	}
	p.line("%s %s", p.t.ErrorLabel, line)
	p.line("%s %s", p.t.HintLabel, said.Hint)
}

// setupFailed tells of a set-up that began and did not end well.
func (o *options) setupFailed(err error) error {
	w := o.t.box()
	var known *appliance.SetupError
	message, hint := clean(err.Error()), w.FailedHint
	switch {
	case errors.As(err, &known):
		said := words.SetupProblems(o.t.language)[known.Problem.Code]
		message, hint = clean(said.Message+" ("+known.Problem.Detail+")"), said.Hint
	case errors.Is(err, setup.ErrRunning):
		message, hint = w.Running, w.RunningHint
	}
	if errors.Is(err, appliance.ErrSetup) {
		message = w.Failed + o.t.Colon + strings.TrimPrefix(message, appliance.ErrSetup.Error()+": ")
	}
	if errors.Is(err, appliance.ErrSetupLeft) {
		message = w.FailedLeft + o.t.Colon + strings.TrimPrefix(message, appliance.ErrSetupLeft.Error()+": ")
	}
	return &told{err, message, hint}
}

// setupDone says what was made, and what comes next.
func (o *options) setupDone(cmd *cobra.Command, done appliance.SetupDone, l setup.Layout) error {
	if o.json {
		return printJSON(cmd, done)
	}
	w := o.t.box()
	p := &printer{t: o.t}
	p.line("")
	p.line(w.Done, done.Origin, done.Config)
	p.line("  "+w.DoneRoot, done.SealRoot)
	p.line("")
	p.line("%s", w.Next)
	n := 0
	next := func(format string, args ...any) {
		n++
		p.line("%d. "+format, append([]any{n}, args...)...)
	}
	if done.SOPIN != "" {
		next(w.NextPIN, done.SOPIN)
	}
	if !l.Start {
		next(w.NextLost, l.Credential())
	}
	if len(done.Given) > 0 {
		next(w.NextGiven, strings.Join(done.Given, ", "))
	}
	next(w.NextTrust, filepath.Join(done.Handed, "trust"))
	if len(done.Keys) > 0 {
		next(w.NextKeys, strings.Join(done.Keys, ", "))
	}
	if l.Start {
		next(w.NextStart, "casemated serve --config "+done.Config)
	} else {
		next(w.NextStart, "systemctl enable --now casemate-hsm casemate.socket casemate")
	}
	next(w.NextDoctor, o.withConfig("casemated doctor", done.Config), o.withConfig("casemated health", done.Config))
	return p.to(cmd.OutOrStdout())
}

func (o *options) withConfig(command, file string) string {
	if file == "/etc/casemate/casemate.toml" {
		return command
	}
	return command + " --config " + file
}

// showAnswers repeats what was answered, before it is done.
func (o *options) showAnswers(to io.Writer, a setup.Answers) {
	w := o.t.box()
	p := &printer{t: o.t}
	p.line("")
	p.line("%s", w.Summary)
	row := func(name, value string) { p.line("  %-22s %s", name, value) }
	row(w.RowOrigin, a.Origin)
	row(w.RowNames, strings.Join(a.Names, ", "))
	row(w.RowListen, a.Listen)
	for _, v := range a.Volumes {
		if v.Device != "" {
			row(w.RowVolume, fmt.Sprintf(w.RowErased, v.Device, v.Dir))
		} else {
			row(w.RowVolume, v.Dir)
		}
	}
	row(w.RowToken, a.Token.Label+", "+a.Token.Module)
	row(w.RowServers, strings.Join(a.Clock.Servers, ", ")+" ("+a.Clock.Policy+")")
	for _, one := range a.Authorities {
		row(w.RowAuthority, one.Name+", "+one.URL)
	}
	for _, one := range a.Persons {
		row(w.RowPerson, one.Name+" ("+strings.Join(one.Roles, ", ")+")")
	}
	_ = p.to(to) // shown; the question follows
}

// onConsole tells whether a person sits there.
func onConsole() bool { return term.IsTerminal(int(os.Stdin.Fd())) } //nolint:gosec // a descriptor fits

// whoami names the person for a first certificate.
func whoami() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil && u.Username != "root" {
		return u.Username
	}
	return "admin"
}
