package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// errNoLicence refuses to ship a module whose terms are not known.
var errNoLicence = errors.New("no licence is in the module")

var licence = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|copyright)([-.].*)?$`)

// writeNotices writes the licence files of the modules, and of Go itself, one after the other.
func writeNotices(file string, modules []module, from sources) error {
	var b bytes.Buffer
	if err := notice(&b, "Go's standard library", from.Go); err != nil {
		return err
	}
	for _, m := range modules {
		if err := notice(&b, m.Path+" "+m.Version, from.folder(m)); err != nil {
			return err
		}
	}
	return os.WriteFile(file, b.Bytes(), 0o644) // #nosec G306 -- for anybody to read
}

// notice adds the licence files at the top of one module.
func notice(b *bytes.Buffer, title, dir string) error {
	if dir == "" {
		return fmt.Errorf("%s: %w: it is not in the module cache", title, errNoLicence)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	found := false
	for _, e := range entries {
		if e.IsDir() || !licence.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "---- %s, %s\n\n%s\n\n", title, e.Name(), bytes.TrimSpace(text))
		found = true
	}
	if !found {
		return fmt.Errorf("%s: %w (%s)", title, errNoLicence, dir)
	}
	return nil
}
