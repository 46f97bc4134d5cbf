package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// literals gives the clauses of all strings in the sources of a package, and those that are the format of a
// call of one of some functions.
func literals(t *testing.T, dir string, calls ...string) (all map[string]bool, formats []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources in %q: %v", dir, err)
	}
	return sources(t, files, calls...)
}

func sources(t *testing.T, files []string, calls ...string) (all map[string]bool, formats []string) {
	t.Helper()
	all = map[string]bool{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, b, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				for _, c := range clausesOf(n) {
					all[c] = true
				}
			case *ast.CallExpr:
				name := ""
				switch fn := n.Fun.(type) {
				case *ast.Ident:
					name = fn.Name
				case *ast.SelectorExpr:
					name = fn.Sel.Name
				}
				for _, arg := range n.Args {
					if l, ok := arg.(*ast.BasicLit); ok && slices.Contains(calls, name) {
						formats = append(formats, clausesOf(l)...)
					}
				}
			}
			return true
		})
	}
	return all, formats
}

// clausesOf gives the clauses of a string that say something.
func clausesOf(l *ast.BasicLit) (out []string) {
	s, err := strconv.Unquote(l.Value)
	if l.Kind != token.STRING || err != nil {
		return nil
	}
	for _, sentence := range strings.Split(s, "; ") {
		for _, c := range strings.Split(sentence, ": ") {
			if strings.Trim(c, "%wsvqd") != "" {
				out = append(out, c)
			}
		}
	}
	return out
}

// What the mirror gives as the cause of something, and what it says of a choice, has its French; what has
// French is still said.
func TestMirrorSpeaksFrench(t *testing.T) {
	said, causes := literals(t, "../../raid", "because", "doubt")
	volume, _ := literals(t, "../../raid/volume")
	known := map[string]bool{}
	for _, pair := range mirrorFrench {
		if known[pair[0]] {
			t.Errorf("%q twice", pair[0])
		}
		if known[pair[0]] = true; !said[pair[0]] && !volume[pair[0]] {
			t.Errorf("%q: the mirror does not say this", pair[0])
		}
		for n := range strings.Count(pair[0], "%") {
			if !strings.Contains(pair[1], "{"+strconv.Itoa(n+1)+"}") {
				t.Errorf("%q: the French leaves out its parameter %d", pair[0], n+1)
			}
		}
	}
	choices, _ := sources(t, []string{"../../raid/undecided.go"})
	for _, c := range append(causes, slices.Collect(maps.Keys(choices))...) {
		if !known[c] && strings.Contains(c, " ") && !strings.HasPrefix(c, "casemate choice") {
			t.Errorf("%q has no French", c)
		}
	}
}

func TestMirrorInFrench(t *testing.T) {
	for english, french := range map[string]string{
		`"/srv/a" is missing: there is no volume in "/srv/a"; "/srv/b" is syncing: being brought up`: `"/srv/a" est ` + storageFrench.Volumes["missing"] +
			` : il n'y a pas de volume dans "/srv/a" ; "/srv/b" est ` + storageFrench.Volumes["syncing"] + ` : en cours de remise à jour`,
		`the batches 7 to 12, which "/srv/a, b" has; whatever was written after that`: `les écritures 7 à 12, que "/srv/a, b" a ; tout ce qui a été écrit après`,
		`no sign of life: open /dev/x: input/output error`:                            `aucun signe de vie : open /dev/x : input/output error`,
		`input/output error: something nobody translated; and more`:                   `input/output error: something nobody translated; and more`,
		``: ``,
	} {
		if got := Mirror("fr", english); got != french {
			t.Errorf("%s\n%s\nnot\n%s", english, got, french)
		}
		if got := storageFrench.Why(english); got != french {
			t.Errorf("among the words of storage: %s", got)
		}
		if got := storageEnglish.Why(Mirror("en", english)); got != english {
			t.Errorf("in English: %s", got)
		}
	}
}
