package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// debian is an installed package that owns a library the program loads.
type debian struct {
	Name, Version, Arch string
	Terms               terms
}

// need is a package that ours asks for by its control file; which version is there, the machine that
// installs decides.
type need struct {
	Name     string
	Relation string // as the control file has it: alternatives and versions
	Required bool   // or recommended
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
	found := map[string]debian{}
	for _, m := range loaded.FindAllSubmatch(out, -1) {
		d, err := owner(ctx, string(m[1]))
		if err != nil {
			return nil, err
		}
		found[d.Name] = d
	}
	var list []debian
	for _, d := range found {
		if d.Terms, err = debianTerms("/usr/share/doc/" + d.Name + "/copyright"); err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b debian) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
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

var (
	machineReadable = []byte("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0")
	shortName       = regexp.MustCompile(`(?m)^License: *(\S+)$`)
)

// debianTerms reads a copyright file of the machine-readable kind (DEP 5), in which a single licence of an
// SPDX name is taken for it; all others are told by where they stand.
func debianTerms(file string) (terms, error) {
	text, err := os.ReadFile(file) // #nosec G304 -- dpkg's own folder
	if errors.Is(err, fs.ErrNotExist) {
		return terms{}, fmt.Errorf("%w: %w", errNoLicence, err)
	} else if err != nil {
		return terms{}, err
	}
	t := terms{File: file}
	if !bytes.HasPrefix(text, machineReadable) {
		return t, nil
	}
	for _, m := range shortName.FindAllSubmatch(text, -1) {
		if !slices.Contains(t.IDs, string(m[1])) {
			t.IDs = append(t.IDs, string(m[1]))
		}
	}
	if len(t.IDs) != 1 || len(shortName.FindAll(text, -1)) != bytes.Count(text, []byte("\nLicense:")) {
		t.IDs = nil // a choice, an exception, or one a part: no one name says it
	}
	return t, nil
}

var dependency = regexp.MustCompile(`(?m)^(Pre-Depends|Depends|Recommends): *(.*)$`)

// needs reads what a control file asks for, but for the libraries, which the program itself tells.
func needs(control []byte) (list []need) {
	for _, m := range dependency.FindAllSubmatch(control, -1) {
		for relation := range strings.SplitSeq(string(m[2]), ",") {
			relation = strings.TrimSpace(relation)
			name, _, _ := strings.Cut(relation, " ")
			if relation == "" || strings.HasPrefix(relation, "@") {
				continue
			}
			list = append(list, need{Name: name, Relation: relation, Required: string(m[1]) != "Recommends"})
		}
	}
	return list
}
