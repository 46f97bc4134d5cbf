package main

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The texts by which a licence is known, named by their SPDX identifiers; <> stands for what differs from
// one author to the next. Apache's is in every Debian.
//
//go:embed licences/*.txt
var licenceTexts embed.FS

const apacheText = "/usr/share/common-licenses/Apache-2.0"

// terms are what a licence file says: SPDX identifiers when every word of the file belongs to texts that
// are known, otherwise none.
type terms struct {
	IDs  []string // sorted, none twice; with several, each holds for some part
	File string   // where it is said
}

// licences knows texts by heart.
type licences map[string]*regexp.Regexp // by SPDX identifier

// loadLicences reads the texts.
func loadLicences() (licences, error) {
	known := licences{}
	files, err := licenceTexts.ReadDir("licences")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		text, err := licenceTexts.ReadFile("licences/" + f.Name())
		if err != nil {
			return nil, err
		}
		known[strings.TrimSuffix(f.Name(), ".txt")] = pattern(string(text))
	}
	text, err := os.ReadFile(apacheText)
	if err != nil {
		return nil, fmt.Errorf("the text of Apache-2.0, which base-files brings: %w", err)
	}
	words := plain(string(text))
	parts := apacheParts.FindStringSubmatch(words)
	if parts == nil {
		return nil, fmt.Errorf("%s is not the text of Apache-2.0", apacheText)
	}
	known["Apache-2.0"] = regexp.MustCompile(parts[1] + "(?:" + parts[2] + ")?(?:" + parts[3] + ")?(?:" + parts[4] + ")?")
	return known, nil
}

// apacheParts are the terms, and what many leave out behind them: the end's mark, how to apply it, the notice.
var apacheParts = regexp.MustCompile(`^(.*)( end of terms and conditions)( appendix how to apply .*)( licensed under the apache license .*)$`)

var (
	aside = regexp.MustCompile(`(?m)^\W*(?:Copyright|\([cC]\) \d{4}|© \d{4}|Portions Copyright|All rights reserved|Files:|License$|<?https?://\S*$).*$` +
		`|^[ #]*(?:(?:The|New|Modified|Simplified) )*(?:MIT|BSD|ISC|Apache)[- A-Za-z0-9()."]{0,30}$`)
	number = regexp.MustCompile(`(?m)^\s*(?:\d+\.|[*+-]|\(\w\))\s`)
	word   = regexp.MustCompile(`[a-z0-9]+|<>`)
)

// plain is a text as bare words, without titles, authors and the numbers of its paragraphs: what remains
// is what it says.
func plain(text string) string {
	text = number.ReplaceAllString(aside.ReplaceAllString(text, ""), "\n")
	text = strings.ReplaceAll(strings.ToLower(text), "https://", "http://")
	return strings.Join(word.FindAllString(text, -1), " ")
}

// pattern finds a text among others, with at most a dozen words in each gap.
func pattern(text string) *regexp.Regexp {
	return regexp.MustCompile(strings.ReplaceAll(plain(text), " <>", `(?: \w+){1,12}?`))
}

// of judges the text that comes with a module. What it says beyond the known licences and the module's own
// name, be it one sentence, leaves it unknown.
func (l licences) of(text, name string) (ids []string) {
	rest := plain(text)
	for id, known := range l {
		if known.MatchString(rest) {
			ids = append(ids, id)
			rest = known.ReplaceAllString(rest, "")
		}
	}
	for _, w := range strings.Fields(rest) {
		if !slices.Contains(word.FindAllString(strings.ToLower(name), -1), w) {
			return nil
		}
	}
	slices.Sort(ids)
	return ids
}

// in judges the licence file of a module's folder; a folder without one is refused.
func (l licences) in(dir, name string) (terms, error) {
	if dir == "" {
		return terms{}, fmt.Errorf("%s: %w: it is not in the module cache", name, errNoLicence)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return terms{}, err
	}
	for _, e := range entries {
		if e.IsDir() || !licence.MatchString(e.Name()) || !grants.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name())) // #nosec G304 -- in the module cache
		if err != nil {
			return terms{}, err
		}
		return terms{IDs: l.of(string(text), name), File: e.Name()}, nil
	}
	return terms{}, fmt.Errorf("%s: %w (%s)", name, errNoLicence, dir)
}

// grants is the name of a file that gives rights; a NOTICE gives none.
var grants = regexp.MustCompile(`(?i)^(licen[cs]e|copying)`)
