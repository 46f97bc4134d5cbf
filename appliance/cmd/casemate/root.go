package main

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// rootCommand is the table of commands.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:               "casemate",
		Short:             a.t.Root.Short,
		Long:              a.t.Root.Long,
		Example:           a.t.Root.Example,
		SilenceUsage:      true,
		SilenceErrors:     true,
		DisableAutoGenTag: true,
		Args:              a.noArgs(),
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetUsageTemplate(a.t.UsageTemplate)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return a.flagError(cmd, err) })
	flags := root.PersistentFlags()
	flags.StringVar(&a.given.Config, "config", "", a.t.Flag.Config)
	flags.StringVar(&a.given.URL, "url", "", a.t.Flag.URL)
	flags.StringVar(&a.given.CA, "ca", "", a.t.Flag.CA)
	flags.StringVar(&a.given.Cert, "cert", "", a.t.Flag.Cert)
	flags.StringVar(&a.given.Key, "key", "", a.t.Flag.Key)
	flags.BoolVar(&a.json, "json", false, a.t.Flag.JSON)
	root.AddCommand(
		a.depositCommand(),
		a.getCommand(),
		a.statCommand(),
		a.listCommand(),
		a.countCommand(),
		a.checkCommand(),
		a.compareCommand(),
		a.receiptCommand(),
		a.verifyCommand(),
		a.journalCommand(),
		a.vaultsCommand(),
		a.vaultCommand(),
		a.statusCommand(),
		a.trustCommand(),
		a.versionCommand(),
		a.exitCodesTopic(),
	)
	a.localise(root)
	return root
}

// command fills in what every command has. Help flags are cobra's, in our words.
func (a *app) command(use string, words help, args cobra.PositionalArgs, run func(cmd *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: words.Short, Long: words.Long, Example: words.Example,
		Args: args, RunE: run, DisableFlagsInUseLine: true,
	}
}

// localise puts cobra's own help and completion commands and help flags in the
// catalogue's words.
func (a *app) localise(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Short = a.t.HelpCommand
		case "completion":
			cmd.Short = a.t.Completion
		}
	}
	var each func(*cobra.Command)
	each = func(cmd *cobra.Command) {
		cmd.Flags().BoolP("help", "h", false, a.t.Flag.Help)
		for _, sub := range cmd.Commands() {
			each(sub)
		}
	}
	each(root)
}

// args checks the number of arguments; most < 0 is any.
func (a *app) args(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return a.usage(a.helpHint(cmd), a.t.ArgumentsWrong, cmd.UseLine())
		}
		return nil
	}
}

// noArgs also catches a command that does not exist.
func (a *app) noArgs() cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		if cmd.HasSubCommands() {
			return a.usage(a.helpHint(cmd), a.t.CommandUnknown, args[0])
		}
		return a.usage(a.helpHint(cmd), a.t.ArgumentsWrong, cmd.UseLine())
	}
}

func (a *app) helpHint(cmd *cobra.Command) string {
	return cmd.CommandPath() + " --help"
}

// flagError puts pflag's errors in the catalogue's words.
func (a *app) flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var empty *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		return a.usage(a.helpHint(cmd), a.t.FlagUnknown, unknown.GetSpecifiedName())
	case errors.As(err, &empty):
		return a.usage(a.helpHint(cmd), a.t.FlagEmpty, empty.GetSpecifiedName())
	case errors.As(err, &invalid):
		return a.usage(a.helpHint(cmd), a.t.FlagInvalid, invalid.GetFlag().Name, invalid.GetValue(), invalid.Unwrap())
	}
	return a.usage(a.helpHint(cmd), "%v", err)
}

// needVault gives the --vault a command cannot do without.
func (a *app) needVault(cmd *cobra.Command, vault string) error {
	if vault == "" {
		return a.usage(a.t.VaultMissingHint, a.t.FlagMissing, "vault", cmd.CommandPath())
	}
	return nil
}
