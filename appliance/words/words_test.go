package words

import (
	"reflect"
	"strings"
	"testing"

	"casemate/appliance/wire"
)

func TestLanguageFollowsTheEnvironment(t *testing.T) {
	for _, c := range []struct{ asked, all, messages, lang, want string }{
		{"", "", "", "", "en"},
		{"", "", "", "C.UTF-8", "en"},
		{"", "", "", "fr_FR.UTF-8", "fr"},
		{"", "", "", "fr", "fr"},
		{"", "", "fr_CA", "en_US.UTF-8", "fr"},
		{"", "C", "fr_CA", "fr_FR", "en"},
		{"", "", "", "de_DE.UTF-8", "en"},
		{"FR", "C", "", "", "fr"},
		{"en", "fr_FR", "", "", "en"},
		{"de", "fr_FR", "", "", "en"},
	} {
		env := map[string]string{"LC_ALL": c.all, "LC_MESSAGES": c.messages, "LANG": c.lang}
		if got := Language(c.asked, func(name string) string { return env[name] }, "en", "fr"); got != c.want {
			t.Errorf("%v gives %q", c, got)
		}
	}
}

// TestLanguagesSayTheSame: each state and cause has words in each language, with the same commands in
// the same order.
func TestLanguagesSayTheSame(t *testing.T) {
	all := Differences(storageEnglish, storageFrench)
	all = append(all, Differences(doctorEnglish, doctorFrench)...)
	all = append(all, Differences(doctorFrench, doctorEnglish)...)
	all = append(all, Differences(errorsEnglish, errorsFrench)...)
	for _, difference := range append(all, Differences(errorsFrench, errorsEnglish)...) {
		t.Error(difference)
	}
	command := func(s string) []string {
		var all []string
		for _, part := range strings.Split(s, "casemated ")[1:] {
			part, _, _ = strings.Cut(part, ";")
			all = append(all, strings.TrimSpace(part))
		}
		return all
	}
	for cause, said := range storageEnglish.Causes {
		en, fr := command(said.Hint), command(storageFrench.Causes[cause].Hint)
		if len(en) != len(fr) {
			t.Errorf("%s: %q against %q", cause, en, fr)
		}
	}
}

func TestDifferencesAreFound(t *testing.T) {
	type book struct {
		A string
		L []string
		M map[string]string
	}
	want := book{"%d of %s", []string{"x"}, map[string]string{"k": "v"}}
	for _, c := range []struct {
		got  book
		many int
	}{
		{want, 0},
		{book{"%s of %d", []string{"y"}, map[string]string{"k": "w"}}, 1},
		{book{"", []string{"y"}, map[string]string{"k": "w"}}, 2},
		{book{"%d of %s", nil, nil}, 2},
		{book{"%d of %s", []string{""}, map[string]string{"k": ""}}, 2},
	} {
		if got := Differences(want, c.got); len(got) != c.many {
			t.Errorf("%+v: %q", c.got, got)
		}
	}
	if got := Differences(want, book{}, "A", "L", "M"); len(got) != 0 {
		t.Errorf("fields left out are looked at: %q", got)
	}
}

func TestTodo(t *testing.T) {
	for _, s := range []*Storage{StorageIn("en"), StorageIn("fr")} {
		if got := s.Todo("missing", "gone", "0123456789abcdef", "/srv/a"); !strings.Contains(got, "raid replace 01234567 NEWDIR") || !strings.Contains(got, "/srv/a") {
			t.Error(got)
		}
		if got := s.Todo("in-sync", "", "x", "/srv/a"); got != "" {
			t.Errorf("a good volume asks for %q", got)
		}
		if got := s.Todo("faulted", "never heard of", "abc", ""); !strings.Contains(got, "resilver abc") {
			t.Error(got)
		}
	}
	if !reflect.DeepEqual(Problems("en"), map[string]Said(nil)) || len(Problems("fr")) == 0 {
		t.Error("English has the safe's own words, French its own")
	}
}

// TestDoctorSays: a sentence takes the values it asks for, and its remedy picks its own.
func TestDoctorSays(t *testing.T) {
	for _, d := range []*Doctor{&doctorEnglish, &doctorFrench} {
		for code, said := range d.Said {
			detail, remedy := d.Say(code, "one", "two", "three", "four", "five")
			if got := strings.ReplaceAll(detail+remedy, "%!d(string=", ""); strings.Contains(got, "%!") || detail == "" {
				t.Errorf("%s: %q, %q", code, detail, remedy)
			}
			if (remedy == "") != (said.Hint == "") {
				t.Errorf("%s: remedy %q", code, remedy)
			}
		}
		if _, remedy := d.Say("set-up-copies", 1, 3, "/a/volumes.key"); !strings.HasSuffix(remedy, ": /a/volumes.key") {
			t.Error(remedy)
		}
	}
}

// TestReasonsHaveTheirWords: each code in each language.
func TestReasonsHaveTheirWords(t *testing.T) {
	for _, difference := range Differences(reasonsEnglish, reasonsFrench) {
		t.Error(difference)
	}
	for _, code := range []string{wire.ReasonFault, wire.ReasonHangs, wire.ReasonStopping, wire.ReasonClock, wire.ReasonVolumes,
		wire.ReasonSpace, wire.ReasonToken, wire.ReasonDegraded, wire.ReasonLate} {
		for _, language := range []string{"en", "fr"} {
			if said := Reasons(language)[code]; said.Message == "" || said.Hint == "" {
				t.Errorf("no words for %s in %s", code, language)
			}
		}
	}
}
