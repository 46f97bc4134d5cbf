package packaging

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The guides say the same in each language and name what exists: commands, flags, headings.
var languages = []string{"en", "fr"}

// commands are the lines of a guide's sh blocks, in order, without comments.
func commands(t *testing.T, guide string) []string {
	t.Helper()
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	inside := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "```sh" && !inside:
			inside = true
		case strings.HasPrefix(line, "```"):
			if !inside && line != "```" {
				t.Errorf("%s: a block that is not sh: %s", guide, line)
			}
			inside = false
		case inside && line != "" && !strings.HasPrefix(line, "#"):
			found = append(found, line)
		}
	}
	if inside {
		t.Errorf("%s: a block does not end", guide)
	}
	return found
}

func guides(t *testing.T, language string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("guides", language, "*.md"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no guides in %q: %v", language, err)
	}
	return found
}

func TestGuidesSayTheSame(t *testing.T) {
	for _, guide := range guides(t, languages[0]) {
		want := commands(t, guide)
		if len(want) == 0 {
			t.Errorf("%s shows no command", guide)
		}
		for _, language := range languages[1:] {
			other := filepath.Join("guides", language, filepath.Base(guide))
			if got := commands(t, other); !slices.Equal(got, want) {
				t.Errorf("%s and %s show different commands:\n%s\n\n%s", guide, other, strings.Join(want, "\n"), strings.Join(got, "\n"))
			}
			if a, b := headings(t, guide), headings(t, other); len(a) != len(b) {
				t.Errorf("%s has %d headings, %s has %d", guide, len(a), other, len(b))
			}
		}
	}
	for _, language := range languages {
		if n := len(guides(t, language)); n != len(guides(t, languages[0])) {
			t.Errorf("%d guides in %s, %d in %s", n, language, len(guides(t, languages[0])), languages[0])
		}
	}
}

// headings are a guide's, as anchors that links lead to.
func headings(t *testing.T, guide string) []string {
	t.Helper()
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(string(text), -1) {
		anchor := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		found = append(found, "#"+strings.ReplaceAll(anchor, " ", "-"))
	}
	return found
}

func TestGuidesLinksLeadSomewhere(t *testing.T) {
	for _, language := range languages {
		for _, guide := range guides(t, language) {
			text, err := os.ReadFile(guide)
			if err != nil {
				t.Fatal(err)
			}
			anchors := headings(t, guide)
			for _, m := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(text), -1) {
				if !slices.Contains(anchors, m[1]) {
					t.Errorf("%s: nothing at %s", guide, m[1])
				}
			}
		}
	}
}

// Each command of ours in the guides is one the program has, with those flags and as many arguments
// as its usage line asks for.
func TestGuidesCommandsExist(t *testing.T) {
	program := filepath.Join(t.TempDir(), "casemated")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../appliance/cmd/casemated")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building casemated: %v\n%s", err, out)
	}
	checked := 0
	for _, language := range languages {
		for _, guide := range guides(t, language) {
			for _, line := range commands(t, guide) {
				_, ours, found := strings.Cut(line, "casemated ")
				if !found {
					continue
				}
				if fault := checkCommand(t, program, ours); fault != "" {
					t.Errorf("%s: casemated %s: %s", guide, ours, fault)
				}
				checked++
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d commands were checked", checked)
	}
	for _, wrong := range []string{"raid mend 1a2b3c4d", "raid replace 1a2b3c4d", "raid status --verbose", "raid add /srv/c --spares", "raid detach"} {
		if checkCommand(t, program, wrong) == "" {
			t.Errorf("casemated %s is not found fault with", wrong)
		}
	}
}

// checkCommand finds the command in the program's help and compares; empty: it is all there.
func checkCommand(t *testing.T, program, line string) string {
	t.Helper()
	line, _, _ = strings.Cut(line, " >") // a redirection
	var path, arguments, flags []string
	words := strings.Fields(line)
	for i := 0; i < len(words); i++ {
		switch {
		case strings.HasPrefix(words[i], "-"):
			flag, _, _ := strings.Cut(words[i], "=") // its value may stand there
			flags = append(flags, flag)
			if slices.Contains([]string{"--signature", "--answers"}, words[i]) {
				i++ // its value
			}
		case len(arguments) == 0 && has(t, program, append(path, words[i])):
			path = append(path, words[i])
		default:
			arguments = append(arguments, words[i])
		}
	}
	usage := help(t, program, path)
	m := regexp.MustCompile(`(?m)^ +casemated (.*)$`).FindStringSubmatch(usage)
	if m == nil {
		return "no usage line"
	}
	var wanted, may int
	for _, w := range strings.Fields(strings.TrimPrefix(m[1], strings.Join(path, " "))) {
		switch {
		case w == "[flags]":
		case strings.HasPrefix(w, "["):
			may++
		default:
			wanted++
		}
	}
	if n := len(arguments); n < wanted || n > wanted+may {
		return fmt.Sprintf("%d arguments %q where the usage is %q", n, arguments, m[1])
	}
	for _, flag := range flags {
		if !regexp.MustCompile(`(?m)^ +(-\w, )?` + regexp.QuoteMeta(flag) + `( |$)`).MatchString(usage) {
			return "no flag " + flag
		}
	}
	return ""
}

// has tells whether the program has a command of that path.
func has(t *testing.T, program string, path []string) bool {
	usage := help(t, program, path)
	return regexp.MustCompile(`(?m)^ +casemated ` + regexp.QuoteMeta(strings.Join(path, " ")) + `( |$)`).MatchString(usage)
}

// help is the usage of a command and its flags.
func help(t *testing.T, program string, path []string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, append(slices.Clone(path), "--help", "--lang", "en")...)
	out, _ := cmd.CombinedOutput() // an unknown command ends badly, without a usage
	_, usage, _ := strings.Cut(string(out), "\nUsage:\n")
	usage, examples, found := strings.Cut(usage, "\nExamples:\n")
	if found { // which are no usage, and look like one
		_, examples, _ = strings.Cut(examples, "\n\n")
	}
	return usage + examples
}
