// Package words is what both programs say to a person in more than one language: how the language
// is chosen, the words of refusals, the states of volumes and what to do about them. Each program
// keeps a catalogue of its own for the rest.
//
// English is the language of the code: what has no translation is said in it.
package words

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Said is what is said of an error or a state: a sentence, and what to do about it.
type Said struct{ Message, Hint string }

// With puts an error's own words behind the sentence.
func (s Said) With(detail string) string {
	if s.Message == "" {
		return detail
	}
	return s.Message + " (" + detail + ")"
}

// Language picks one of the languages known (ISO 639-1; the first is the one of last resort): the
// one asked for, else as POSIX says, the first of LC_ALL, LC_MESSAGES and LANG that is set.
func Language(asked string, getenv func(string) string, known ...string) string {
	for _, s := range []string{asked, getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG")} {
		if s == "" {
			continue
		}
		code, _, _ := strings.Cut(s, ".")
		code, _, _ = strings.Cut(code, "_")
		if code = strings.ToLower(code); slices.Contains(known, code) {
			return code
		}
		break
	}
	return known[0]
}

// Size writes bytes roundly, in units of 1024 from bytes on.
func Size(n int64, units []string) string {
	value, unit := float64(n), 0
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d %s", n, units[0])
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// Headings are the words of a command's usage.
type Headings struct{ Usage, Examples, Commands, Flags, Global, Topics, More string }

// UsageTemplate is cobra's own (text/template), with the headings of a language and without aliases
// and groups, of which we have none.
func UsageTemplate(h Headings) string {
	return strings.NewReplacer("USAGE", h.Usage, "EXAMPLES", h.Examples, "COMMANDS", h.Commands,
		"LOCALFLAGS", h.Flags, "GLOBALFLAGS", h.Global, "TOPICS", h.Topics, "MORE", h.More).Replace(usage)
}

const usage = `USAGE:{{if .Runnable}}
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
`

var verb = regexp.MustCompile(`%(\[\d+\])?[-+0-9.*]*[a-z]`)

// Differences tells where a catalogue does not say what another says: a sentence that is missing, or
// one that takes other values or takes them in another order. Both are structs of one type; fields
// named in but are not looked at.
func Differences(want, got any, but ...string) []string {
	return differences("", reflect.ValueOf(want), reflect.ValueOf(got), but)
}

func differences(at string, want, got reflect.Value, but []string) (all []string) {
	switch want.Kind() {
	case reflect.String:
		if (want.String() == "") != (got.String() == "") && !strings.HasSuffix(at, ".Message") {
			all = append(all, fmt.Sprintf("%s: %q against %q", at, got, want))
		}
		if !slices.Equal(verb.FindAllString(want.String(), -1), verb.FindAllString(got.String(), -1)) {
			all = append(all, fmt.Sprintf("%s takes other values: %q against %q", at, got, want))
		}
	case reflect.Struct:
		for i := range want.NumField() {
			if name := want.Type().Field(i).Name; !slices.Contains(but, name) {
				all = append(all, differences(at+"."+name, want.Field(i), got.Field(i), but)...)
			}
		}
	case reflect.Slice:
		if want.Len() != got.Len() {
			return append(all, fmt.Sprintf("%s: %d elements against %d", at, got.Len(), want.Len()))
		}
		for i := range want.Len() {
			all = append(all, differences(fmt.Sprintf("%s[%d]", at, i), want.Index(i), got.Index(i), but)...)
		}
	case reflect.Map:
		for _, key := range want.MapKeys() {
			if there := got.MapIndex(key); there.IsValid() {
				all = append(all, differences(fmt.Sprintf("%s[%s]", at, key), want.MapIndex(key), there, but)...)
			} else {
				all = append(all, fmt.Sprintf("%s: no %q", at, key))
			}
		}
	default:
	}
	return all
}
