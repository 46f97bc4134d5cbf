package main

import (
	"github.com/spf13/cobra"

	"casemate/appliance/wire"
	"casemate/store/proof"
)

func (a *app) listCommand() *cobra.Command {
	var vault string
	var after uint64
	var limit int
	var sameAs []string
	cmd := a.command("list --vault VAULT", a.t.List, a.noArgs(), func(cmd *cobra.Command, _ []string) error {
		if err := a.needVault(cmd, vault); err != nil {
			return err
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		defer c.Close()
		documents := c.Documents(cmd.Context(), vault, after)
		if len(sameAs) > 0 {
			fingerprint, err := a.fingerprint(sameAs)
			if err != nil {
				return err
			}
			documents = c.Lookup(cmd.Context(), vault, fingerprint)
		}
		told := 0
		for doc, err := range documents {
			if err != nil {
				return err
			}
			if err := a.result(doc, func() { a.listDocument(doc) }); err != nil {
				return err
			}
			if told++; told == limit {
				break
			}
		}
		return nil
	})
	flags := cmd.Flags()
	flags.StringVar(&vault, "vault", "", a.t.Flag.Vault)
	flags.Uint64Var(&after, "after", 0, a.t.Flag.After)
	flags.IntVar(&limit, "limit", 0, a.t.Flag.Limit)
	flags.StringArrayVar(&sameAs, "same-as", nil, a.t.Flag.SameAs)
	return cmd
}

// fingerprint is what a document of these files, in this order, is looked up by.
func (a *app) fingerprint(names []string) (proof.Digests, error) {
	var files []proof.File
	for i, name := range names {
		hasher, err := a.digest(name)
		if err != nil {
			return proof.Digests{}, err
		}
		files = append(files, proof.File{Index: i + 1, Size: hasher.Size(), Digests: hasher.Sum()})
	}
	return proof.ObjectDigests(files), nil
}

func (a *app) listDocument(doc wire.Document) {
	a.say("%6d  %s  %s  %12d  %-11s  %s\n", doc.Number, clean(doc.ID), instant(doc.DeclaredAt), doc.Size, a.stateWord(doc.State), fileNames(doc))
}

func (a *app) stateWord(state string) string {
	if state == wire.Proved {
		return a.t.ProvedWord
	}
	return a.t.ProvisionalWord
}

func (a *app) countCommand() *cobra.Command {
	var vault string
	cmd := a.command("count --vault VAULT", a.t.Count, a.noArgs(), func(cmd *cobra.Command, _ []string) error {
		if err := a.needVault(cmd, vault); err != nil {
			return err
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		defer c.Close()
		count, err := c.Count(cmd.Context(), vault)
		if err != nil {
			return err
		}
		return a.result(count, func() { a.say(a.t.Counted+"\n", count.Documents, a.size(int64(count.Bytes))) })
	})
	cmd.Flags().StringVar(&vault, "vault", "", a.t.Flag.Vault)
	return cmd
}
