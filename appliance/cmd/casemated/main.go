// Command casemated is the safe: the daemon, its helpers, and the commands of the box itself.
//
// One binary holds them all, so that a daemon and its children are always of one version.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"casemate/appliance"
	"casemate/appliance/client"
	"casemate/appliance/words"
	"casemate/systemd"
)

// Exit codes, beside 0. systemd units and scripts rely on them.
const (
	exitError    = 1  // it failed; the sentence on stderr says why
	exitUsage    = 2  // the command line cannot be understood
	exitFindings = 5  // doctor or fsck found something wrong
	exitRestart  = 75 // start it again (EX_TEMPFAIL)
	exitConfig   = 78 // the configuration or the set-up must change first (EX_CONFIG)
)

// exitCode is an error that knows how the process ends. Its text, when it has one, is printed.
type exitCode struct {
	code int
	err  error
}

func (e exitCode) Error() string { return e.err.Error() }
func (e exitCode) Unwrap() error { return e.err }

// found ends a command that has told of something wrong.
func (o *options) found() error { return exitCode{exitFindings, &told{nil, o.t.Wrong, ""}} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	t := catalogueFor(os.Args[1:], os.Getenv)
	err := command(t).ExecuteContext(ctx)
	stop()
	os.Exit(finish(t, err))
}

// finish tells an error and gives the exit code.
func finish(t *catalogue, err error) int {
	if err == nil {
		return 0
	}
	message, hint := explain(t, err)
	fmt.Fprintln(os.Stderr, t.ErrorLabel, message)
	if hint != "" {
		fmt.Fprintln(os.Stderr, t.HintLabel, hint)
	}
	var code exitCode
	switch {
	case errors.As(err, &code):
		return code.code
	case errors.Is(err, appliance.ErrConfig), errors.Is(err, appliance.ErrNotInitialised):
		return exitConfig
	default:
		return exitError
	}
}

// explain finds the words for an error, and the remedy.
func explain(t *catalogue, err error) (message, hint string) {
	var own *told
	var refusal *client.Refusal
	switch {
	case errors.As(err, &own):
		return own.message, own.hint
	case errors.As(err, &refusal):
		p := refusal.Problem
		said, ok := t.problems[p.Code]
		if !ok {
			said = words.Said{Message: strings.TrimSuffix(p.Title, "."), Hint: p.Remedy}
		}
		message = said.Message
		if p.Detail != "" {
			message += ": " + p.Detail
		}
		if p.Incident != "" {
			message += " (" + p.Incident + ")"
		}
		return clean(message), said.Hint
	}
	var code exitCode
	if errors.As(err, &code) && code.code == exitUsage {
		return clean(words.Said{Message: t.UsageWrong}.With(err.Error())), t.UsageHint
	}
	message, hint = appliance.Explain(err, t.language)
	lines := strings.Split(message, "\n") // faults of a configuration come one a line
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n"), hint
}

// options are the flags that every command has.
type options struct {
	config string
	json   bool
	debug  bool
	lang   string
	t      *catalogue
}

func (o *options) log() *slog.Logger {
	level := slog.LevelInfo
	if o.debug {
		level = slog.LevelDebug
	}
	text := slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})
	if journal := systemd.JournalHandler("casemated", level, text); journal != nil {
		return slog.New(journal)
	}
	return slog.New(text)
}

func (o *options) load() (appliance.Config, error) { return appliance.LoadConfig(o.config) }

func command(t *catalogue) *cobra.Command {
	o := &options{t: t}
	root := &cobra.Command{
		Use: "casemated", Short: t.Root.Short, Long: t.Root.Short,
		SilenceErrors: true, SilenceUsage: true,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return exitCode{exitUsage, err} })
	root.PersistentFlags().StringVar(&o.config, "config", "/etc/casemate/casemate.toml", t.FlagConfig)
	root.PersistentFlags().BoolVar(&o.json, "json", false, t.FlagJSON)
	root.PersistentFlags().StringVar(&o.lang, "lang", "", t.FlagLang)
	root.PersistentFlags().BoolVar(&o.debug, "debug", false, t.FlagDebug)
	root.SetUsageTemplate(t.UsageTemplate)
	root.AddCommand(serveCommand(o), hsmCommand(o), volumeCommand(), setupCommand(o), tokenSetupCommand(o), reachCommand(o), initCommand(o), doctorCommand(o),
		fsckCommand(o), raidCommand(o), backupCommand(o), restoreCommand(o), benchCommand(o), healthCommand(o), versionCommand(o))
	root.CompletionOptions.HiddenDefaultCmd = true // it has one language; shells alone call it
	root.InitDefaultHelpCmd()
	helpFlags(root, t)
	return root
}

// helpFlags gives a command and all below it their flag, in the words of the catalogue.
func helpFlags(cmd *cobra.Command, t *catalogue) {
	cmd.Flags().BoolP("help", "h", false, t.FlagHelp)
	if cmd.Name() == "help" {
		cmd.Short, cmd.Long = t.HelpCommand, t.HelpCommand
	}
	for _, below := range cmd.Commands() {
		helpFlags(below, t)
	}
}

// noArguments is cobra.NoArgs with the exit code of a command line that cannot be understood.
func noArguments(cmd *cobra.Command, args []string) error {
	if err := cobra.NoArgs(cmd, args); err != nil {
		return exitCode{exitUsage, err}
	}
	return nil
}

func versionCommand(o *options) *cobra.Command {
	return describe(&cobra.Command{Use: "version", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := appliance.Version()
			if o.json {
				return printJSON(cmd, v)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "casemated %s (%s, %s)\n", v.Version, v.Commit, v.Go)
			return err
		}}, o.t.Version)
}
