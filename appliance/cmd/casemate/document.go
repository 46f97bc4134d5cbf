package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"casemate/appliance/wire"
	"casemate/store/proof"
)

// documentID refuses what cannot be one before anything is sent.
func (a *app) documentID(text string) error {
	if _, err := proof.ParseDocumentID(text); err != nil {
		return a.usage(a.t.DocumentIDHint, a.t.DocumentIDWrong, text)
	}
	return nil
}

func (a *app) statCommand() *cobra.Command {
	return a.command("stat DOCUMENT...", a.t.Stat, a.args(1, -1), func(cmd *cobra.Command, args []string) error {
		for _, id := range args {
			if err := a.documentID(id); err != nil {
				return err
			}
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		defer c.Close()
		for _, id := range args {
			doc, err := c.Stat(cmd.Context(), id)
			if err != nil {
				return &doing{id, err}
			}
			if err := a.result(doc, func() { a.showDocument(doc) }); err != nil {
				return err
			}
		}
		return nil
	})
}

// showDocument writes what the safe says of a document.
func (a *app) showDocument(doc wire.Document) {
	a.say("%s\n", clean(doc.ID))
	a.field(a.t.Label.Vault, a.t.VaultAndNumber, doc.VaultName, doc.Number)
	for _, f := range doc.Files {
		a.field(a.t.Label.File, "%s", f.Name)
		a.field("", "%s, %s", a.size(f.Size), f.MediaType)
		a.field("", "sha-256  %s", f.SHA256)
		a.field("", "sha3-256 %s", f.SHA3)
	}
	for _, key := range slices.Sorted(maps.Keys(doc.Metadata)) {
		a.field(a.t.Label.Metadata, "%s = %s", key, doc.Metadata[key])
	}
	a.field(a.t.Label.Depositor, "%s", doc.Depositor.Name)
	a.field(a.t.Label.Declared, "%s (%s)", instant(doc.DeclaredAt), a.clock(doc.Clock))
	a.field(a.t.Label.State, "%s", a.state(doc))
	if doc.Demonstration {
		a.field(a.t.Label.Note, "%s", a.t.Demonstration)
	}
}

func (a *app) clock(c wire.Clock) string {
	if c.Trusted {
		return fmt.Sprintf(a.t.ClockTrusted, len(c.Sources))
	}
	return fmt.Sprintf(a.t.ClockUntrusted, c.Reason)
}

func (a *app) state(doc wire.Document) string {
	if doc.State == wire.Proved && doc.ProvedAt != nil {
		return fmt.Sprintf(a.t.Proved, instant(*doc.ProvedAt), doc.Round)
	}
	return a.t.Provisional
}

// fileNames joins the names of a document's files, shortened.
func fileNames(doc wire.Document) string {
	var names []string
	for i, f := range doc.Files {
		if i == 3 {
			names = append(names, "…")
			break
		}
		names = append(names, clean(f.Name))
	}
	return strings.Join(names, ", ")
}
