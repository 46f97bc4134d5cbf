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
}

// writeBill writes the bill of materials, CycloneDX 1.5.
func writeBill(file string, r request, p program) error {
	var b bytes.Buffer
	encoder := cyclonedx.NewBOMEncoder(&b, cyclonedx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	if err := encoder.EncodeVersion(bill(r, p), cyclonedx.SpecVersion1_5); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644) // #nosec G306 -- for anybody to read
}

// bill lists the program, its modules, the standard library, and the system's libraries.
func bill(r request, p program) *cyclonedx.BOM {
	top := component(cyclonedx.ComponentTypeApplication, r.Name, r.Version, purl("deb", "casemate/"+r.Name, r.Version))
	binary := component(cyclonedx.ComponentTypeFile, p.Name, r.Version, "file:"+p.Name)
	binary.PackageURL = ""
	binary.Hashes = &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: p.Digest}}
	binary.Properties = &[]cyclonedx.Property{{Name: "casemate:go", Value: p.Go}, {Name: "casemate:commit", Value: p.Commit}}
	all := []cyclonedx.Component{binary}
	version := strings.TrimPrefix(p.Go, "go")
	parts := []cyclonedx.Component{component(cyclonedx.ComponentTypeLibrary, "stdlib", version, purl("golang", "stdlib", version))}
	for _, m := range p.Modules {
		c := component(cyclonedx.ComponentTypeLibrary, m.Path, m.Version, purl("golang", m.Path, m.Version))
		notes := []cyclonedx.Property{{Name: "casemate:go.sum", Value: m.Sum}}
		if m.Replaces != "" {
			notes = append(notes, cyclonedx.Property{Name: "casemate:replaces", Value: m.Replaces})
		}
		c.Properties = &notes
		parts = append(parts, c)
	}
	for _, d := range p.Libraries {
		parts = append(parts, component(cyclonedx.ComponentTypeLibrary, d.Name, d.Version,
			purl("deb", "debian/"+d.Name, d.Version)+"?arch="+d.Arch))
	}
	all = append(all, parts...)
	var below []string
	for _, c := range parts {
		below = append(below, c.BOMRef)
	}
	b := cyclonedx.NewBOM()
	b.SerialNumber = serial(p.Digest)
	b.Metadata = &cyclonedx.Metadata{Timestamp: r.Time.Format(time.RFC3339), Component: &top}
	b.Components = &all
	b.Dependencies = &[]cyclonedx.Dependency{
		{Ref: top.BOMRef, Dependencies: &[]string{binary.BOMRef}}, {Ref: binary.BOMRef, Dependencies: &below}}
	return b
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

// check reads a bill back and compares it with the binary: each module by name and version, each
// reference known, no reference twice.
func check(text []byte, p program) error {
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
