package main

import (
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// source is one file to be.
type source struct {
	name, sha256 string
	size         int64 // -1 unknown
	open         func() (io.ReadCloser, error)
}

func total(group []source) int64 {
	var sum int64
	for _, s := range group {
		if s.size < 0 {
			return -1
		}
		sum += s.size
	}
	return sum
}

// sources looks at every file before anything is sent, so that a wrong name in the
// middle of many stops the command before the first deposit.
func (a *app) sources(f depositFlags, names []string) ([]source, error) {
	if f.name != "" && len(names) > 1 {
		return nil, a.usage("", "%s", a.t.NameForOne)
	}
	if len(f.sha256) > len(names) {
		return nil, a.usage("", a.t.TooManyDigests, len(f.sha256), len(names))
	}
	var sources []source
	stdin := false
	for i, name := range names {
		var s source
		var err error
		if name == "-" {
			if stdin || f.name == "" {
				return nil, a.usage(a.t.StdinHint, "%s", a.t.StdinNeedsName)
			}
			stdin = true
			s = source{size: -1, open: func() (io.ReadCloser, error) { return io.NopCloser(a.stdin), nil }}
		} else if s, err = a.fileSource(name); err != nil {
			return nil, err
		}
		s.name = first(f.name, s.name)
		if !utf8.ValidString(s.name) {
			return nil, a.usage(a.t.NameHint, a.t.NameNotUTF8, s.name)
		}
		if i < len(f.sha256) {
			if s.sha256, err = a.parseSHA256(f.sha256[i]); err != nil {
				return nil, err
			}
		}
		sources = append(sources, s)
	}
	return sources, nil
}

func (a *app) fileSource(name string) (source, error) {
	info, err := os.Stat(name)
	if err != nil {
		return source{}, err
	}
	if info.IsDir() {
		return source{}, a.usage(a.t.FolderHint, a.t.IsFolder, name)
	}
	size := int64(-1) // a pipe or a device: as much as comes
	if info.Mode().IsRegular() {
		size = info.Size()
	}
	open := func() (io.ReadCloser, error) { return os.Open(name) }
	return source{name: filepath.Base(name), size: size, open: open}, nil
}

func (a *app) parseSHA256(text string) (string, error) {
	if text == "" {
		return "", nil // this file's digest is not announced, the next one's is
	}
	if b, err := hex.DecodeString(text); err != nil || len(b) != 32 {
		return "", a.usage(a.t.SHA256Hint, a.t.SHA256Wrong, text)
	}
	return strings.ToLower(text), nil
}
