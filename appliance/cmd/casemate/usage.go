package main

import "strings"

// usageWords are the headings of a command's usage.
type usageWords struct{ Usage, Examples, Commands, Flags, Global, Topics, More string }

// usageTemplate is cobra's own, with the headings of a language and without aliases
// and groups, of which we have none.
func usageTemplate(w usageWords) string {
	return strings.NewReplacer("USAGE", w.Usage, "EXAMPLES", w.Examples, "COMMANDS", w.Commands,
		"LOCALFLAGS", w.Flags, "GLOBALFLAGS", w.Global, "TOPICS", w.Topics, "MORE", w.More).Replace(`USAGE:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND{{end}}{{if .HasExample}}

EXAMPLES:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

COMMANDS:{{range .Commands}}{{if or .IsAvailableCommand (eq .Name "help")}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

LOCALFLAGS:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

GLOBALFLAGS:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasHelpSubCommands}}

TOPICS:{{range .Commands}}{{if .IsAdditionalHelpTopicCommand}}
  {{rpad .CommandPath .CommandPathPadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableSubCommands}}

MORE{{end}}
`)
}
