package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// official is the JSON schema of CycloneDX and the list of SPDX identifiers, as those who define the format
// publish them beside their library.
type official struct {
	bill *jsonschema.Schema
	spdx *jsonschema.Schema
}

const schemaHome = "http://cyclonedx.org/schema/"

// loadOfficial reads them from the library's folder. Nothing is asked of the network.
func loadOfficial(from sources) (official, error) {
	dir := filepath.Join(from.Modules["github.com/CycloneDX/cyclonedx-go"], "schema")
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseLoader(jsonschema.SchemeURLLoader{})
	for name, file := range map[string]string{"bom-1.5.schema.json": "bom-1.5.schema.json", "spdx.schema.json": "spdx.schema.json",
		"jsf-0.82.schema.json": "jsf-0.82.schemax.json"} {
		text, err := os.ReadFile(filepath.Join(dir, file)) // #nosec G304 -- in the module cache
		if err != nil {
			return official{}, fmt.Errorf("the schema of CycloneDX: %w", err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return official{}, fmt.Errorf("the schema %s: %w", file, err)
		}
		if err := c.AddResource(schemaHome+name, doc); err != nil {
			return official{}, fmt.Errorf("the schema %s: %w", file, err)
		}
	}
	var o official
	var err error
	if o.bill, err = c.Compile(schemaHome + "bom-1.5.schema.json"); err != nil {
		return official{}, err
	}
	o.spdx, err = c.Compile(schemaHome + "spdx.schema.json")
	return o, err
}

// holds says what of a bill is against the schema.
func (o official) holds(text []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%w: %w", errBill, err)
	}
	if err := o.bill.Validate(doc); err != nil {
		return fmt.Errorf("%w: against the schema of CycloneDX: %w", errBill, err)
	}
	return nil
}

// known tells whether every identifier is on SPDX's list.
func (o official) known(ids []string) bool {
	return len(ids) > 0 && !slices.ContainsFunc(ids, func(id string) bool { return o.spdx.Validate(id) != nil })
}
