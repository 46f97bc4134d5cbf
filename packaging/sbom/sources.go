package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// sources says where what is linked lies on the machine that builds.
type sources struct {
	Go      string            // GOROOT
	Modules map[string]string // folders, by the path of the module itself
}

// findSources asks the go command.
func findSources(ctx context.Context) (sources, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return sources{}, fmt.Errorf("go env GOROOT: %w", err)
	}
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-json", "all").Output()
	if err != nil {
		return sources{}, fmt.Errorf("go list -m -json all: %w", err)
	}
	s := sources{Go: strings.TrimSpace(string(root)), Modules: map[string]string{}}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var m struct{ Path, Dir string }
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return s, nil
		} else if err != nil {
			return sources{}, fmt.Errorf("go list -m -json all: %w", err)
		}
		s.Modules[m.Path] = m.Dir
	}
}

// folder is that of a linked module: with a replacement, go list knows it by the path it stands in for.
func (s sources) folder(m module) string {
	if m.Replaces != "" {
		return s.Modules[m.Replaces]
	}
	return s.Modules[m.Path]
}
