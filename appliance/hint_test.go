package appliance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"casemate/appliance/words"
)

// TestErrorsHaveWords: each error that a person may meet has a remedy in both languages, a sentence in
// French, and keeps its own words beside it.
func TestErrorsHaveWords(t *testing.T) {
	for _, known := range codes {
		err := fmt.Errorf("opening %q: %w", "/srv/a", known.err)
		for _, language := range []string{"en", "fr"} {
			message, hint := Explain(err, language)
			if hint == "" || !strings.Contains(message, "/srv/a") {
				t.Errorf("%s, %s: %q, hint %q", known.code, language, message, hint)
			}
		}
		if french, _ := Explain(err, "fr"); french == err.Error() {
			t.Errorf("%s has no French", known.code)
		}
	}
	if message, hint := Explain(os.ErrClosed, "fr"); message != os.ErrClosed.Error() || hint != "" {
		t.Errorf("an error of no class: %q, %q", message, hint)
	}
}

// TestDiagnosesHaveWords: each line that doctor may print, and each name of what it looks at.
func TestDiagnosesHaveWords(t *testing.T) {
	files, err := filepath.Glob("doctor*.go")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	lines := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(source)
		for _, m := range regexp.MustCompile(`\.line\("([^"]+)", [A-Za-z.()]+, "([^"]+)"`).FindAllStringSubmatch(text, -1) {
			lines++
			for _, language := range []string{"en", "fr"} {
				say := words.DoctorIn(language)
				if say.Names[m[1]] == "" || say.Said[m[2]].Message == "" {
					t.Errorf("%s: no words in %q for %q, %q", file, language, m[1], m[2])
				}
			}
		}
		for _, m := range regexp.MustCompile(`verdict, code :?= \w+, "([^"]+)"`).FindAllStringSubmatch(text, -1) {
			if words.DoctorIn("fr").Said[m[1]].Message == "" {
				t.Errorf("%s: no words for %q", file, m[1])
			}
		}
	}
	if lines < 20 {
		t.Errorf("only %d lines were found", lines)
	}
}
