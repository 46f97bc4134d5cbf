package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"casemate/appliance/client"
	"casemate/appliance/storage"
	"casemate/appliance/wire"
)

// raidCommand is all that an administrator of the machine does to the volumes.
func raidCommand(o *options) *cobra.Command {
	t := o.t
	root := describe(&cobra.Command{Use: "raid", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}, t.Raid)
	root.AddCommand(raidStatusCommand(o), raidScrubCommand(o), raidResilverCommand(o), raidReplaceCommand(o), raidAddCommand(o),
		raidRemoveCommand(o), raidDetachCommand(o), raidReclaimCommand(o), raidExamineCommand(o), raidDecideCommand(o))
	return root
}

func describe(cmd *cobra.Command, words help) *cobra.Command {
	cmd.Short, cmd.Long, cmd.Example = words.Short, words.Long, words.Example
	return cmd
}

// exactly wants n arguments, with the exit code of a command line that cannot be understood.
func exactly(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := cobra.ExactArgs(n)(cmd, args); err != nil {
			return exitCode{exitUsage, err}
		}
		return nil
	}
}

// running is the safe that runs on this machine, asked through its control socket.
func (o *options) running() (*client.Client, error) {
	cfg, err := o.load()
	if err != nil {
		return nil, err
	}
	return client.Local(cfg.ControlSocket()), nil
}

// absent says in place of a failed connection that the safe is not running.
func (o *options) absent(err error) error {
	if errors.Is(err, client.ErrUnreachable) {
		return &told{err, o.t.NotRunning, o.t.NotRunningHint}
	}
	return err
}

// told is an error with its own words for a person.
type told struct {
	err           error
	message, hint string
}

func (t *told) Error() string { return t.message }
func (t *told) Unwrap() error { return t.err }

// volume finds the volume that a person names.
func (o *options) volume(s wire.Storage, name string) (wire.Volume, error) {
	found := slices.DeleteFunc(slices.Clone(s.Volumes), func(v wire.Volume) bool {
		return v.ID != name && v.Dir != strings.TrimSuffix(name, "/") && (len(name) < 8 || !strings.HasPrefix(v.ID, name))
	})
	if len(found) != 1 {
		return wire.Volume{}, &told{storage.ErrUnknownVolume, fmt.Sprintf(o.t.UnknownVolume, name), o.t.problems[wire.CodeUnknownVolume].Hint}
	}
	return found[0], nil
}

// on finds a volume of the running safe and does something to it.
func (o *options) on(cmd *cobra.Command, name string, act func(*client.Client, wire.Storage, wire.Volume) error) error {
	c, err := o.running()
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := c.Storage(cmd.Context())
	if err != nil {
		return o.absent(err)
	}
	v, err := o.volume(s, name)
	if err != nil {
		return err
	}
	return act(c, s, v)
}

// sure asks whoever sits at the terminal. Without one, --yes must have been said.
func (o *options) sure(cmd *cobra.Command, yes bool, format string, args ...any) error {
	if yes {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) { //nolint:gosec // a descriptor fits
		return exitCode{exitUsage, &told{nil, o.t.SayYes, o.t.SayYesHint}}
	}
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), format+"\n"+o.t.Sure, args...) // else no answer comes
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if answer := strings.ToLower(strings.TrimSpace(line)); err != nil || (answer != "yes" && answer != "oui") {
		return &told{nil, o.t.NotSure, ""}
	}
	return nil
}

// tell gives the result of an act: a JSON line, or a sentence.
func (o *options) tell(cmd *cobra.Command, result any, format string, args ...any) error {
	if o.json {
		return printJSON(cmd, result)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
	return err
}
