package main

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLocalNameLeadsNowhereElse(t *testing.T) {
	for name, want := range map[string]string{
		"invoice.pdf":             "invoice.pdf",
		"Été à la mer.txt":        "Été à la mer.txt",
		"../../etc/passwd":        "document-0007",
		"/etc/passwd":             "document-0007",
		`..\..\windows\win.ini`:   "document-0007.ini",
		"c:evil.txt":              "document-0007.txt",
		".":                       "document-0007",
		"..":                      "document-0007",
		".bashrc":                 "document-0007.bashrc",
		"-rf":                     "document-0007",
		"":                        "document-0007",
		"NUL":                     "document-0007",
		"con.txt":                 "document-0007.txt",
		"a\x1b[31mred.txt":        "document-0007.txt",
		"line\nbreak.txt":         "document-0007.txt",
		"gnp.\u202eexe":           "document-0007",
		"trailing.":               "document-0007",
		"trailing ":               "document-0007",
		strings.Repeat("a", 201):  "document-0007",
		"a\xff.txt":               "document-0007.txt",
		"zero\u200bwidth.pdf":     "document-0007.pdf",
		"stream.txt:hidden":       "document-0007",
		"wild*card?.txt":          "document-0007.txt",
		"a name with spaces.jpeg": "a name with spaces.jpeg",
	} {
		if got := localName(name, 7); got != want {
			t.Errorf("localName(%q) = %q, want %q", name, got, want)
		}
	}
}

// FuzzLocalName: whatever a depositor calls a file, it stays in the folder.
func FuzzLocalName(f *testing.F) {
	for _, seed := range []string{"a", "../a", `a\b`, "a/b", "\x00", "..", "a\u202eb", "COM1.txt", "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := localName(name, 1)
		if got == "" || filepath.Base(got) != got || got == "." || got == ".." || !utf8.ValidString(got) || clean(got) != got {
			t.Errorf("localName(%q) = %q", name, got)
		}
		if joined := filepath.Join("folder", got); filepath.Dir(joined) != "folder" {
			t.Errorf("localName(%q) leaves the folder: %q", name, joined)
		}
	})
}

func TestCleanLeavesNothingThatMovesTheCursor(t *testing.T) {
	for text, want := range map[string]string{
		"plain é 💾":      "plain é 💾",
		"\x1b[2J":        `\x1b[2J`,
		"a\r\nb\tc":      `a\r\nb\tc`,
		"\u202egnp":      `\u202egnp`,
		"\u009b31m":      `\u009b31m`,
		"bad\xffbytes":   `bad�bytes`,
		"non\u00a0break": `non\u00a0break`,
	} {
		if got := clean(text); got != want {
			t.Errorf("clean(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestSizeIsExactAndRound(t *testing.T) {
	a := &app{t: &english}
	for n, want := range map[int64]string{
		0: "0 bytes", 1023: "1023 bytes", 1024: "1.0 KiB (1024 bytes)", 5 << 30: "5.0 GiB (5368709120 bytes)",
	} {
		if got := a.size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}
