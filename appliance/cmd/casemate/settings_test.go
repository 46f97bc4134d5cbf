package main

import (
	"path/filepath"
	"testing"
)

func TestConfigIsRelativeToItsFolder(t *testing.T) {
	s, err := parseConfig([]byte("url = 'https://safe.example:8443'\nca = 'pki/ca.pem'\ncert = '/abs/cert.pem'\n"))
	if err != nil {
		t.Fatal(err)
	}
	s = s.relativeTo("folder")
	want := settings{URL: "https://safe.example:8443", CA: filepath.Join("folder", "pki/ca.pem"), Cert: "/abs/cert.pem"}
	if s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
}

// FuzzConfig: a file from anywhere is read or refused, nothing else.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{"", "url = 'https://x'", "url = 1", "x = 1", "[url]\n", "key = '\\u0000'", "ca = \"\"\"\n", "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseConfig(text)
		if s.Config != "" {
			t.Errorf("the file set what only a flag may: %+v", s)
		}
		if err != nil && s != (settings{}) {
			t.Errorf("settings beside the error %v: %+v", err, s)
		}
	})
}
