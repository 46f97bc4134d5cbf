package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// errNoLicence refuses to ship a module whose terms are not known.
var errNoLicence = errors.New("no licence is in the module")

var licence = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|copyright)([-.].*)?$`)

// writeNotices writes the licence files of the modules, and of Go itself, one after the other.
func writeNotices(ctx context.Context, file string, modules []module) error {
	folders, err := folders(ctx)
	if err != nil {
		return err
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	var b bytes.Buffer
	if err := notice(&b, "Go's standard library", strings.TrimSpace(string(root))); err != nil {
		return err
	}
	for _, m := range modules {
		dir := folders[m.Path]
		if m.Replaces != "" {
			dir = folders[m.Replaces]
		}
		if err := notice(&b, m.Path+" "+m.Version, dir); err != nil {
			return err
		}
	}
	return os.WriteFile(file, b.Bytes(), 0o644) // #nosec G306 -- for anybody to read
}

// folders says where the module cache has each module, by the path it is imported by.
func folders(ctx context.Context) (map[string]string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-json", "all").Output()
	if err != nil {
		return nil, fmt.Errorf("go list -m -json all: %w", err)
	}
	found := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var m struct{ Path, Dir string }
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, err
		}
		found[m.Path] = m.Dir
	}
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
