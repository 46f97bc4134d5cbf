package main

import (
	"slices"
	"testing"

	"casemate/appliance/wire"
	"casemate/appliance/words"
)

// TestCataloguesSayTheSame holds each language against English: nothing is missing
// and every sentence takes the same values in the same order.
func TestCataloguesSayTheSame(t *testing.T) {
	for code, c := range catalogues {
		for _, difference := range words.Differences(english, *c, "Problems") { // English has the safe's own words
			t.Error(code + difference)
		}
	}
}

// TestFrenchKnowsEveryProblem: a refusal that people meet has French words.
func TestFrenchKnowsEveryProblem(t *testing.T) {
	programs := []string{wire.CodeCrossOrigin, wire.CodeUnknownPath, wire.CodeMethod, wire.CodeUnsupported} // only a broken program meets these
	for _, code := range []string{
		wire.CodeNoCertificate, wire.CodeUnknownAuthority, wire.CodeCertificateExpired, wire.CodeCertificateRevoked, wire.CodeUnknownCaller,
		wire.CodeForbidden, wire.CodeBadRequest, wire.CodeBadName, wire.CodeMetadata, wire.CodeIncomplete, wire.CodeUnknownVault, wire.CodeUnknownDoc,
		wire.CodeVaultExists, wire.CodeEmpty, wire.CodeQuery, wire.CodeTooLarge, wire.CodeTooManyFiles, wire.CodeDigestDiffers, wire.CodeTooSlow,
		wire.CodeInternal, wire.CodeIntegrity, wire.CodeSealUnavailable, wire.CodeTimeUntrusted, wire.CodeStorage, wire.CodeStopping, wire.CodeBusy,
		wire.CodeBadDir, wire.CodeDirNotEmpty, wire.CodeDirInside, wire.CodeDirLocked, wire.CodeNotMounted, wire.CodeSameDisk, wire.CodeNoSpace,
		wire.CodeUnknownVolume, wire.CodeVolumeState, wire.CodeNoScrub, wire.CodeNoScrub,
	} {
		words, ok := french.Problems[code]
		if (!ok || words.Message == "" || words.Hint == "") && !slices.Contains(programs, code) {
			t.Errorf("no French for %q", code)
		}
	}
}

func TestLanguageFollowsTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		all, messages, lang string
		want                *catalogue
	}{
		{"", "", "", &english},
		{"", "", "C.UTF-8", &english},
		{"", "", "fr_FR.UTF-8", &french},
		{"", "", "fr", &french},
		{"", "fr_CA", "en_US.UTF-8", &french},
		{"C", "fr_CA", "fr_FR", &english},
		{"", "", "de_DE.UTF-8", &english},
	} {
		env := map[string]string{"LC_ALL": c.all, "LC_MESSAGES": c.messages, "LANG": c.lang}
		if got := catalogueFor(func(name string) string { return env[name] }); got != c.want {
			t.Errorf("%v: the wrong language", c)
		}
	}
}

// TestExitCodesAreOneTable: each code once, each with a name and a meaning.
func TestExitCodesAreOneTable(t *testing.T) {
	codes, names := map[int]bool{}, map[string]bool{}
	for _, e := range exitCodes {
		if codes[e.code] || names[e.name] || e.meaning(&english) == "" {
			t.Errorf("exit code %d %q is twice there, or without meaning", e.code, e.name)
		}
		codes[e.code], names[e.name] = true, true
	}
	for _, c := range classes {
		if !codes[c.exit] {
			t.Errorf("%v has exit code %d, which is not in the table", c.class, c.exit)
		}
	}
	if exitName(5) != "integrity" || exitName(99) != "general" {
		t.Errorf("names: %s, %s", exitName(5), exitName(99))
	}
}
