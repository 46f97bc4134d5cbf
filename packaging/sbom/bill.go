package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
)

// request is what the bill is of.
type request struct {
	Name, Version string
	Time          time.Time
	Needs         []need // of the Debian package
}

// writeBill writes the bill of materials, CycloneDX 1.5.
func writeBill(file string, r request, p program, o official) error {
	var b bytes.Buffer
	encoder := cyclonedx.NewBOMEncoder(&b, cyclonedx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	if err := encoder.EncodeVersion(bill(r, p, o), cyclonedx.SpecVersion1_5); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644) // #nosec G306 -- for anybody to read
}

// bill lists the program, its modules, the standard library, the system's libraries, and what the package
// asks for beside.
func bill(r request, p program, o official) *cyclonedx.BOM {
	top := component(cyclonedx.ComponentTypeApplication, r.Name, r.Version, purl("deb", "casemate/"+r.Name, r.Version))
	top.Licenses = o.licences(p.Terms)
	binary := component(cyclonedx.ComponentTypeFile, p.Name, r.Version, "file:"+p.Name)
	binary.PackageURL = ""
	binary.Licenses = top.Licenses
	binary.Hashes = &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: p.Digest}}
	binary.Properties = &[]cyclonedx.Property{{Name: "casemate:go", Value: p.Go}, {Name: "casemate:commit", Value: p.Commit}}
	all := []cyclonedx.Component{binary}
	above := []string{binary.BOMRef}
	parts := linked(p, o)
	all = append(all, parts...)
	for _, n := range r.Needs {
		c := component(cyclonedx.ComponentTypeApplication, n.Name, "", "pkg:deb/debian/"+n.Name)
		c.Scope = cyclonedx.ScopeOptional
		if n.Required {
			c.Scope = cyclonedx.ScopeRequired
		}
		c.Properties = &[]cyclonedx.Property{{Name: "casemate:relation", Value: n.Relation}}
		all = append(all, c)
		above = append(above, c.BOMRef)
	}
	var below []string
	for _, c := range parts {
		below = append(below, c.BOMRef)
	}
	b := cyclonedx.NewBOM()
	b.SerialNumber = serial(p.Digest)
	b.Metadata = &cyclonedx.Metadata{Timestamp: r.Time.Format(time.RFC3339), Component: &top,
		Authors: &[]cyclonedx.OrganizationalContact{{Name: "the Casemate authors"}}}
	b.Components = &all
	b.Dependencies = &[]cyclonedx.Dependency{
		{Ref: top.BOMRef, Dependencies: &above}, {Ref: binary.BOMRef, Dependencies: &below}}
	return b
}

// linked lists what is in the program or loaded with it.
func linked(p program, o official) (parts []cyclonedx.Component) {
	version := strings.TrimPrefix(p.Go, "go")
	add := func(name, version, reference string, t terms, notes ...cyclonedx.Property) {
		c := component(cyclonedx.ComponentTypeLibrary, name, version, reference)
		c.Licenses = o.licences(t)
		if len(notes) > 0 {
			c.Properties = &notes
		}
		parts = append(parts, c)
	}
	add("stdlib", version, purl("golang", "stdlib", version), p.GoTerms)
	for _, m := range p.Modules {
		notes := []cyclonedx.Property{{Name: "casemate:go.sum", Value: m.Sum}}
		if m.Replaces != "" {
			notes = append(notes, cyclonedx.Property{Name: "casemate:replaces", Value: m.Replaces})
		}
		add(m.Path, m.Version, purl("golang", m.Path, m.Version), m.Terms, notes...)
	}
	for _, d := range p.Libraries {
		add(d.Name, d.Version, purl("deb", "debian/"+d.Name, d.Version)+"?arch="+d.Arch, d.Terms)
	}
	return parts
}

// licences says terms as SPDX does; what SPDX has no name for is told by where it stands.
func (o official) licences(t terms) *cyclonedx.Licenses {
	switch {
	case !o.known(t.IDs):
		return &cyclonedx.Licenses{{License: &cyclonedx.License{Name: strings.Join(append(t.IDs, "see "+t.File), ", ")}}}
	case len(t.IDs) == 1:
		return &cyclonedx.Licenses{{License: &cyclonedx.License{ID: t.IDs[0]}}}
	default: // each holds for some part
		return &cyclonedx.Licenses{{Expression: strings.Join(t.IDs, " AND ")}}
	}
}

func component(kind cyclonedx.ComponentType, name, version, reference string) cyclonedx.Component {
	return cyclonedx.Component{BOMRef: reference, Type: kind, Name: name, Version: version, PackageURL: reference}
}

// purl is a package's address (github.com/package-url): the version's reserved characters are escaped.
func purl(kind, name, version string) string {
	return "pkg:" + kind + "/" + name + "@" + strings.ReplaceAll(url.QueryEscape(version), "%3A", ":")
}

// serial is a UUID of the binary's digest (RFC 9562, version 8: custom).
func serial(digest string) string {
	b := sha256.Sum256([]byte("casemate bill of materials " + digest))
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// errBill is wrapped by what [check] finds.
var errBill = errors.New("the bill of materials is not whole")

// check reads a bill back, holds it against the official schema and compares it with the binary: each module
// by name and version, each reference known, no reference twice, terms for whatever is linked.
func check(text []byte, p program, o official) error {
	if err := o.holds(text); err != nil {
		return err
	}
	var b cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(text), cyclonedx.BOMFileFormatJSON).Decode(&b); err != nil {
		return fmt.Errorf("%w: %w", errBill, err)
	}
	if b.Metadata == nil || b.Metadata.Component == nil || b.Components == nil || b.Dependencies == nil {
		return fmt.Errorf("%w: it lacks its metadata, components or dependencies", errBill)
	}
	known := map[string]cyclonedx.Component{b.Metadata.Component.BOMRef: *b.Metadata.Component}
	for _, c := range *b.Components {
		if _, twice := known[c.BOMRef]; twice {
			return fmt.Errorf("%w: %s is there twice", errBill, c.BOMRef)
		}
		if c.Type == cyclonedx.ComponentTypeLibrary && (c.Licenses == nil || len(*c.Licenses) == 0) {
			return fmt.Errorf("%w: nothing is said of the terms of %s", errBill, c.Name)
		}
		known[c.BOMRef] = c
	}
	for _, d := range *b.Dependencies {
		for _, ref := range *d.Dependencies {
			if _, ok := known[ref]; !ok {
				return fmt.Errorf("%w: nothing is called %s", errBill, ref)
			}
		}
	}
	for _, m := range p.Modules {
		if c := known[purl("golang", m.Path, m.Version)]; c.Name != m.Path || c.Version != m.Version {
			return fmt.Errorf("%w: %s %s is in the binary only", errBill, m.Path, m.Version)
		}
	}
	for _, d := range p.Libraries {
		if _, ok := known[purl("deb", "debian/"+d.Name, d.Version)+"?arch="+d.Arch]; !ok {
			return fmt.Errorf("%w: %s %s is on the machine only", errBill, d.Name, d.Version)
		}
	}
	return nil
}
