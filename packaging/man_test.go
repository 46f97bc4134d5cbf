package packaging

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// configKeys are the keys of the configuration, as its struct declares them.
func configKeys(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../appliance/config.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	ast.Inspect(file, func(n ast.Node) bool {
		f, ok := n.(*ast.Field)
		if !ok || f.Tag == nil {
			return true
		}
		tag, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(reflect.StructTag(tag).Get("toml"), ",")
		keys = append(keys, name)
		return true
	})
	if len(keys) < 40 {
		t.Fatalf("the configuration has %d keys", len(keys))
	}
	return keys
}

var item = regexp.MustCompile(`(?m)^\.B ([a-z_]+)$|^\.SS "?\[+([a-z.]+)\]`)

// Each key of the configuration is in casemate.toml(5), and no other is.
func TestManualKnowsEachKey(t *testing.T) {
	keys := configKeys(t)
	for _, language := range languages {
		page, err := os.ReadFile(filepath.Join("man", language, "casemate.toml.5"))
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, m := range item.FindAllStringSubmatch(string(page), -1) {
			name := m[1] + m[2]
			told = append(told, name[strings.LastIndex(name, ".")+1:])
		}
		for _, key := range keys {
			if !slices.Contains(told, key) {
				t.Errorf("casemate.toml(5), %s: nothing of %s", language, key)
			}
		}
		for _, key := range told {
			if !slices.Contains(keys, key) {
				t.Errorf("casemate.toml(5), %s: there is no key %s", language, key)
			}
		}
	}
}

// The pages are the same in each language: as many sections, terms and examples.
func TestManualsSayTheSame(t *testing.T) {
	pages, err := filepath.Glob("man/en/*.[1-8]")
	if err != nil || len(pages) < 3 {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	for _, page := range pages {
		for _, language := range languages[1:] {
			other := filepath.Join("man", language, filepath.Base(page))
			for _, macro := range []string{".SH ", ".SS ", ".TP", ".EX", `.\" COMMANDS `} {
				if a, b := countLines(t, page, macro), countLines(t, other, macro); a != b {
					t.Errorf("%s has %d lines %q, %s %d", page, a, macro, other, b)
				}
			}
		}
	}
}

func countLines(t *testing.T, file, prefix string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}
