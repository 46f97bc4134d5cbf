package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// module is a Go module as it is linked: with a replacement, the replacement.
type module struct {
	Path, Version string
	Sum           string // of go.sum, "h1:..."
	Replaces      string // the path it is imported by, when another module stands in for it
}

// debian is an installed package that owns a library the program loads.
type debian struct{ Name, Version, Arch string }

// program is what one binary says of itself.
type program struct {
	Name      string
	Digest    string // SHA-256, hexadecimal
	Go        string // the toolchain, "go1.26.8"
	Commit    string // empty where it was built without one
	Modules   []module
	Libraries []debian
}

// inspect reads what the linker left in the binary and what the machine would load for it.
func inspect(ctx context.Context, file string) (program, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return program{}, err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return program{}, err
	}
	sum := sha256.Sum256(content)
	p := program{Name: filepath.Base(file), Digest: hex.EncodeToString(sum[:]), Go: info.GoVersion}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			p.Commit = s.Value
		}
	}
	for _, d := range info.Deps {
		m := module{Path: d.Path, Version: d.Version, Sum: d.Sum}
		if d.Replace != nil {
			m = module{Path: d.Replace.Path, Version: d.Replace.Version, Sum: d.Replace.Sum, Replaces: d.Path}
		}
		p.Modules = append(p.Modules, m)
	}
	p.Libraries, err = libraries(ctx, file)
	return p, err
}

var loaded = regexp.MustCompile(`(?m)^\s*(?:\S+ => )?(/\S+) \(0x`)

// libraries finds the packages of the shared libraries; a static program has none.
func libraries(ctx context.Context, file string) ([]debian, error) {
	out, err := exec.CommandContext(ctx, "ldd", file).CombinedOutput()
	if bytes.Contains(out, []byte("not a dynamic executable")) || bytes.Contains(out, []byte("statically linked")) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ldd %q: %w: %s", file, err, out)
	}
	var found []debian
	for _, m := range loaded.FindAllSubmatch(out, -1) {
		d, err := owner(ctx, string(m[1]))
		if err != nil {
			return nil, err
		}
		if !slices.Contains(found, d) {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b debian) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// owner asks dpkg whose a library is. The linker names /lib/..., dpkg may know it as /usr/lib/...
func owner(ctx context.Context, library string) (debian, error) {
	for _, path := range []string{library, "/usr" + library, strings.TrimPrefix(library, "/usr")} {
		out, err := exec.CommandContext(ctx, "dpkg-query", "--search", path).Output()
		if err != nil {
			continue // not by that name
		}
		name, _, _ := strings.Cut(string(out), ": ")
		shown, err := exec.CommandContext(ctx, "dpkg-query", "--show", "--showformat=${Package} ${Version} ${Architecture}", name).Output()
		if err != nil {
			return debian{}, fmt.Errorf("dpkg-query --show %q: %w", name, err)
		}
		words := strings.Fields(string(shown))
		if len(words) != 3 {
			return debian{}, fmt.Errorf("dpkg-query --show %q: %q is not a name, a version and an architecture", name, shown)
		}
		return debian{Name: words[0], Version: words[1], Arch: words[2]}, nil
	}
	return debian{}, fmt.Errorf("no Debian package owns %s", library)
}
