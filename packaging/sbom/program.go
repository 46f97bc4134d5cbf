package main

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"os"
	"path/filepath"
)

// module is a Go module as it is linked: with a replacement, the replacement.
type module struct {
	Path, Version string
	Sum           string // of go.sum, "h1:..."
	Replaces      string // the path it is imported by, when another module stands in for it
	Terms         terms
}

// program is what one binary says of itself, and the terms of all that is in it.
type program struct {
	Name      string
	Digest    string // SHA-256, hexadecimal
	Go        string // the toolchain, "go1.26.8"
	Commit    string // empty where it was built without one
	Modules   []module
	Libraries []debian
	Terms     terms // our own
	GoTerms   terms // of the standard library
}

// inspect reads what the linker left in the binary and what the machine would load for it.
func inspect(ctx context.Context, file string, from sources) (program, error) {
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
	if p.Libraries, err = libraries(ctx, file); err != nil {
		return p, err
	}
	return p, p.license(info.Main.Path, from)
}

// license finds the terms of the program, the standard library and each module.
func (p *program) license(main string, from sources) error {
	known, err := loadLicences()
	if err != nil {
		return err
	}
	if p.Terms, err = known.in(from.Modules[main], main); err != nil {
		return err
	}
	if p.GoTerms, err = known.in(from.Go, "Go"); err != nil {
		return err
	}
	for i := range p.Modules {
		m := &p.Modules[i]
		if m.Terms, err = known.in(from.folder(*m), m.Path); err != nil {
			return err
		}
	}
	return nil
}
