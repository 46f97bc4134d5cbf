package main

import (
	"strings"
	"testing"
	"time"

	"casemate/appliance/wire"
	"casemate/appliance/words"
	"casemate/store"
)

// TestCataloguesSayTheSame: nothing is missing in French, and every sentence takes the same values.
func TestCataloguesSayTheSame(t *testing.T) {
	for _, difference := range words.Differences(english, french, "language", "storage", "problems", "UsageWrong", "Findings") {
		t.Error(difference)
	}
	// What is typed is typed alike.
	for _, pair := range [][2]string{{english.Decide.Long, french.Decide.Long}, {english.Sign, french.Sign}, {english.Decide.Example, french.Decide.Example}} {
		for _, line := range strings.Split(pair[0], "\n") {
			if strings.Contains(line, "openssl") && !strings.Contains(pair[1], strings.TrimSpace(line)) {
				t.Errorf("French does not have the line %q", line)
			}
		}
	}
}

// TestFindingsHaveWords: each kind of finding has its sentence in French (English has the safe's own
// words), and each thing to be done its words in both.
func TestFindingsHaveWords(t *testing.T) {
	for code := range english.Findings {
		if french.Findings[code] == "" {
			t.Errorf("no French for %q", code)
		}
	}
	for _, f := range []store.Finding{
		{Code: store.CodeDamaged, Volume: "/a", What: "journal entry 7", Detail: "one byte"},
		{Code: store.CodeMissing, Repaired: true}, {Code: store.CodeAudit}, {Code: store.CodeJournal}, {Code: store.CodeRound}, {Code: store.CodeVault},
		{Code: store.CodeRecord}, {Code: store.CodeProof}, {Code: store.CodeIndex}, {Code: store.CodeGap}, {Code: store.CodeGone}, {Code: store.CodeStranger}, {Code: store.CodeOrphan},
	} {
		p := &printer{t: catalogueFor([]string{"--lang=fr"}, func(string) string { return "" })}
		p.finding(f)
		if words := french.Findings[string(f.Code)]; words == "" || !strings.Contains(p.b.String(), words) {
			t.Errorf("%s is told as %q", f.Code, p.b.String())
		}
	}
}

func TestLanguageOfTheCommandLine(t *testing.T) {
	french := func(name string) string { return map[string]string{"LANG": "fr_FR.UTF-8"}[name] }
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "fr"}, {[]string{"raid", "--lang", "en"}, "en"}, {[]string{"--lang=en", "raid"}, "en"}, {[]string{"--lang"}, "fr"}, {[]string{"--lang=de"}, "en"},
	} {
		if got := catalogueFor(c.args, french); got.language != c.want {
			t.Errorf("%q: %s", c.args, got.language)
		}
	}
}

func said(language string, s wire.Storage, open bool) string {
	p := &printer{t: catalogueFor([]string{"--lang=" + language}, func(string) string { return "" })}
	p.mirror(s, open)
	return p.b.String()
}

func at(s string) *time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err) // of this file's own making
	}
	return &t
}

// TestStatusForAPerson: state, since when, why, what to do; a volume that is well asks for nothing.
func TestStatusForAPerson(t *testing.T) {
	s := wire.Storage{State: "degraded", Since: at("2026-11-22T17:00:05Z"), Why: "one of two", MinCopies: 1, Volumes: []wire.Volume{
		{ID: "1a2b3c4d5e6f", Dir: "/srv/a", State: "in-sync", FreeBytes: 3 << 30, SizeBytes: 4 << 30, FloorBytes: 1 << 28},
		{ID: "5e6f7a8b9c0d", Dir: "/srv/b", State: "missing", Since: at("2026-11-22T17:00:05Z"), Cause: "gone", Why: "no such file\x1b[2J"},
		{ID: "99999999aaaa", Dir: "/srv/c", State: "syncing", Cause: "behind", Progress: &wire.Progress{Whole: true, Resumed: true,
			Done: 1 << 30, Total: 4 << 30, Rate: 100 << 20, LeftNs: int64(90 * time.Second)}},
	}, Scrub: &wire.Scrub{State: "paused", Started: at("2026-11-01T00:00:00Z"), Done: 1, Total: 2, Findings: 3, Repaired: 2, Unrepaired: 1, NextDue: at("2026-12-01T00:00:00Z")}}
	const want = `mirror DEGRADED since 2026-11-22 17:00:05 UTC: the safe works, with fewer copies than it should have
  why: one of two
  do: do what stands beside the volume that is not in sync; until then do not touch the others

volume 1a2b3c4d  /srv/a  in sync
  3.0 GiB free of 4.0 GiB

volume 5e6f7a8b  /srv/b  MISSING since 2026-11-22 17:00:05 UTC
  why: no volume is in its folder (no such file\x1b[2J)
  do: mount its disk on /srv/b again; if the disk is lost, mount a new one on an empty folder and: casemated raid replace 5e6f7a8b NEWDIR

volume 99999999  /srv/c  SYNCING
  why: it lacks batches that the others have
  [######..................]  25 %  1.0 GiB of 4.0 GiB, 100.0 MiB/s, 1 min 30 left (filled anew, goes on where it was interrupted)

deposits are taken, on 1 volumes; at least 1 are wanted
scrub: PAUSED, begun 2026-11-01 00:00:00 UTC; none was finished yet; the next ends by 2026-12-01 00:00:00 UTC
  [############............]  50 %  1 B of 2 B, 0 B/s, ? left
  3 findings, 2 values repaired, 1 findings stand
`
	if got := said("en", s, true); got != want {
		t.Errorf("%s", got)
	}
	got := said("fr", s, true)
	for _, words := range []string{"miroir DÉGRADÉ depuis le", "ABSENT", "remontez son disque sur /srv/b", "1.0 Gio sur 4.0 Gio", "relecture : EN PAUSE"} {
		if !strings.Contains(got, words) {
			t.Errorf("no %q in\n%s", words, got)
		}
	}
	for _, word := range []string{" why", " left", " deposits", "since"} {
		if strings.Contains(got, word) {
			t.Errorf("%q is no French:\n%s", word, got)
		}
	}
}

// TestRefusedForAPerson: the choices, what each loses, what to type.
func TestRefusedForAPerson(t *testing.T) {
	s := wire.Storage{State: "refused", Why: "two histories", Choices: []wire.Choice{
		{ID: "c0ffee00dd", Dir: "/srv/a", Volume: "1a2b3c4d5e6f", Sequence: 120, Written: at("2026-11-22T17:00:05Z"), Loses: "batches after 100 on /srv/b"}}}
	for language, all := range map[string][]string{
		"en": {"mirror REFUSED: the safe does not open", "why: two histories", "choice c0ffee00: volume 1a2b3c4d in /srv/a, up to batch 120, written 2026-11-22 17:00:05 UTC",
			"loses: batches after 100", "casemated raid decide c0ffee00 >decision.txt", "two officers decide"},
		"fr": {"miroir REFUSÉ : le coffre", "choix c0ffee00", "perd : batches after 100", "casemated raid decide c0ffee00 >decision.txt", "deux personnes décident"},
	} {
		got := said(language, s, false)
		for _, words := range all {
			if !strings.Contains(got, words) {
				t.Errorf("no %q in\n%s", words, got)
			}
		}
	}
}

// TestMirrorsOwnWordsInFrench: why, and what a choice loses, as the mirror says it.
func TestMirrorsOwnWordsInFrench(t *testing.T) {
	s := wire.Storage{State: "refused", Why: `the volumes present are not witnessed as up to date: "/srv/b" was put out before epoch 4`,
		Volumes: []wire.Volume{{ID: "5e6f7a8b9c0d", Dir: "/srv/a", State: "missing", Cause: "gone", Why: `there is no volume in "/srv/a"`}},
		Choices: []wire.Choice{{ID: "c0ffee00dd", Dir: "/srv/b", Volume: "1a2b3c4d5e6f", Sequence: 120,
			Loses: "the batches 121 to 124, which are on record; an unknown number of batches written since epoch 4 without it"}}}
	for language, all := range map[string][]string{
		"en": {`why: the volumes present are not witnessed as up to date: "/srv/b" was put out before epoch 4`, `(there is no volume in "/srv/a")`,
			"loses: the batches 121 to 124, which are on record; an unknown number"},
		"fr": {`raison : rien n'atteste que les volumes présents sont à jour : "/srv/b" a été exclu avant l'époque 4`, `(il n'y a pas de volume dans "/srv/a")`,
			"perd : les écritures 121 à 124, qui sont inscrites ; un nombre inconnu d'écritures faites sans lui depuis l'époque 4"},
	} {
		got := said(language, s, false)
		for _, words := range all {
			if !strings.Contains(got, words) {
				t.Errorf("no %q in\n%s", words, got)
			}
		}
	}
}

// TestWhatAsksForAPerson decides the exit code.
func TestWhatAsksForAPerson(t *testing.T) {
	for _, c := range []struct {
		state   string
		volumes []string
		want    bool
	}{
		{"healthy", []string{"in-sync", "in-sync", "spare"}, false},
		{"resilvering", []string{"in-sync", "syncing"}, false},
		{"resilvering", []string{"in-sync", "syncing", "missing"}, true},
		{"degraded", []string{"in-sync", "missing"}, true},
		{"degraded", []string{"in-sync", "detached"}, true},
		{"read-only", []string{"syncing"}, true},
		{"refused", nil, true},
	} {
		s := wire.Storage{State: c.state}
		for _, v := range c.volumes {
			s.Volumes = append(s.Volumes, wire.Volume{State: v})
		}
		if asksForPerson(s) != c.want {
			t.Errorf("%+v: %v", c, !c.want)
		}
	}
}

func TestBarIsNeverFullTooSoon(t *testing.T) {
	for _, c := range []struct {
		done, total int64
		want        string
	}{{0, 0, "[........................]   0 %"}, {999, 1000, "[#######################.]  99 %"}, {5, 5, "[########################] 100 %"}, {9, 5, "[########################] 100 %"}} {
		if got := bar(c.done, c.total); got != c.want {
			t.Errorf("%d of %d: %s", c.done, c.total, got)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0 s", 59 * time.Second: "59 s", 61 * time.Second: "1 min 01", 3700 * time.Second: "1 h 01", 72 * time.Hour: "3 d"} {
		if got := span(int64(d)); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}
