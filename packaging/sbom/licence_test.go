package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const mit = "licences/MIT.txt"

// A licence is what its file says, in the words of its author, and nothing but that.
func TestLicences(t *testing.T) {
	l, err := loadLicences()
	if err != nil {
		t.Fatal(err)
	}
	text := func(name string) string {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	free, apache := text(mit), text(apacheText)
	bsd := strings.NewReplacer("NAME of <>", "name of Wonder Inc.", "<>", "the copyright holders and others").Replace(text("licences/BSD-3-Clause.txt"))
	terms, _, _ := strings.Cut(apache, "END OF TERMS")
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"bare":                 {free, []string{"MIT"}},
		"with title and name":  {"The MIT License (MIT)\n\nCopyright (c) 2020 A. Body\nAll rights reserved.\n\n" + free, []string{"MIT"}},
		"the module's name":    {"wonder lib\n" + free, []string{"MIT"}},
		"wrapped anew":         {strings.Join(strings.Fields(free), "\n"), []string{"MIT"}},
		"in capitals":          {strings.ToUpper(free), []string{"MIT"}},
		"three clauses":        {bsd, []string{"BSD-3-Clause"}},
		"two texts":            {"Files: a/*\n" + free + "-----\n" + bsd, []string{"BSD-3-Clause", "MIT"}},
		"the same text twice":  {free + free, []string{"MIT"}},
		"Apache, whole":        {apache, []string{"Apache-2.0"}},
		"Apache, terms alone":  {terms, []string{"Apache-2.0"}},
		"one sentence more":    {free + "\nThe Software shall be used for Good, not Evil.\n", nil},
		"one word less":        {strings.Replace(free, "without restriction, ", "", 1), nil},
		"one word other":       {strings.Replace(apache, "irrevocable", "revocable", 1), nil},
		"four clauses":         {bsd + "\n4. All advertising materials must display an acknowledgement.\n", nil},
		"a gap without an end": {strings.Replace(bsd, "the copyright holders", strings.Repeat("somebody ", 20), 1), nil},
		"nothing":              {"", nil},
		"a title alone":        {"MIT License\n", nil},
	} {
		if got := l.of(c.text, "example.org/wonder-lib"); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Whatever is linked has terms of a name that SPDX knows; a new module whose terms have none is to be read by
// a person before it ships. Those named here were read.
func TestLicencesOfWhatIsLinked(t *testing.T) {
	binary, _ := built(t)
	from, o := known(t)
	p, err := inspect(t.Context(), binary, from)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"github.com/gorilla/mux": "BSD-3-Clause", "github.com/digitorus/timestamp": "BSD-2-Clause",
		"github.com/gabriel-vasile/mimetype": "MIT", "github.com/dgraph-io/badger/v4": "Apache-2.0",
		"github.com/spf13/cobra": "Apache-2.0", "github.com/eclipse-keypont/crypto11": "MIT",
		"github.com/klauspost/compress": "Apache-2.0 AND BSD-3-Clause AND MIT"}
	for _, m := range p.Modules {
		if !o.known(m.Terms.IDs) {
			t.Errorf("%s: nobody knows what %s says", m.Path, m.Terms.File)
		}
		if got := strings.Join(m.Terms.IDs, " AND "); want[m.Path] != "" && got != want[m.Path] {
			t.Errorf("%s: %s, want %s", m.Path, got, want[m.Path])
		}
		delete(want, m.Path)
	}
	for path := range want {
		t.Errorf("%s is not linked", path)
	}
	if !slices.Equal(p.Terms.IDs, []string{"Apache-2.0"}) || !slices.Equal(p.GoTerms.IDs, []string{"BSD-3-Clause"}) {
		t.Errorf("ours: %v, Go's: %v", p.Terms.IDs, p.GoTerms.IDs)
	}
	l, err := loadLicences()
	if err != nil {
		t.Fatal(err)
	}
	for id := range l {
		if !o.known([]string{id}) {
			t.Errorf("SPDX does not know %s", id)
		}
	}
	if _, err := l.in(t.TempDir(), "example.org/x"); !errors.Is(err, errNoLicence) {
		t.Errorf("a module without a licence: %v", err)
	}
}

// Debian's machine-readable files name a licence; a choice, an exception, or prose does not.
func TestDebianTerms(t *testing.T) {
	_, o := known(t)
	for name, c := range map[string]struct{ text, want string }{
		"one name":       {string(machineReadable) + "/\n\nFiles: *\nLicense: Zlib\n\nFiles: x\nLicense: Zlib\n", "Zlib"},
		"a choice":       {string(machineReadable) + "/\n\nFiles: *\nLicense: MIT or GPL-2\n", ""},
		"one a part":     {string(machineReadable) + "/\n\nFiles: *\nLicense: MIT\n\nFiles: x\nLicense: Zlib\n", ""},
		"a name of ours": {string(machineReadable) + "/\n\nFiles: *\nLicense: wonderful\n", ""},
		"prose":          {"It was packaged by somebody.\n\nLicense: MIT\n", ""},
		"no licence":     {string(machineReadable) + "/\n", ""},
	} {
		file := filepath.Join(t.TempDir(), "copyright")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := debianTerms(file)
		if err != nil {
			t.Fatal(err)
		}
		l := (*o.licences(d))[0].License
		if l == nil || l.ID != c.want || (c.want == "" && !strings.HasSuffix(l.Name, "see "+file)) {
			t.Errorf("%s: %+v, want %q", name, l, c.want)
		}
	}
	if _, err := debianTerms(filepath.Join(t.TempDir(), "none")); !errors.Is(err, errNoLicence) {
		t.Errorf("a package without a copyright file: %v", err)
	}
}

func TestNeeds(t *testing.T) {
	got := needs([]byte("Package: x\nPre-Depends: debconf (>= 0.5) | debconf-2.0\nDepends: @LIBRARIES@, systemd (>= 252), procps\nRecommends: chrony | time-daemon\nSuggests: softhsm2\nDescription: none\n Depends: what is told\n"))
	want := []need{{"debconf", "debconf (>= 0.5) | debconf-2.0", true}, {"systemd", "systemd (>= 252)", true}, {"procps", "procps", true},
		{"chrony", "chrony | time-daemon", false}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}
