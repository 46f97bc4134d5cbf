package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"casemate/appliance/client"
	"casemate/appliance/wire"
)

// depositFlags are what a deposit may be told.
type depositFlags struct {
	vault, name string
	meta        []string
	sha256      []string
	asOne       bool
	receipt     string
	receiptFlags
}

func (a *app) depositCommand() *cobra.Command {
	var f depositFlags
	cmd := a.command("deposit --vault VAULT FILE...", a.t.Deposit, a.args(1, -1), func(cmd *cobra.Command, args []string) error {
		if err := a.needVault(cmd, f.vault); err != nil {
			return err
		}
		return a.deposit(cmd.Context(), f, args)
	})
	flags := cmd.Flags()
	flags.StringVar(&f.vault, "vault", "", a.t.Flag.Vault)
	flags.StringVar(&f.name, "name", "", a.t.Flag.Name)
	flags.StringArrayVar(&f.meta, "meta", nil, a.t.Flag.Meta)
	flags.StringArrayVar(&f.sha256, "sha256", nil, a.t.Flag.SHA256)
	flags.BoolVar(&f.asOne, "as-one", false, a.t.Flag.AsOne)
	flags.StringVar(&f.receipt, "receipt", "", a.t.Flag.Receipt)
	a.addReceiptFlags(cmd, &f.receiptFlags)
	return cmd
}

// deposit checks all it was told, then makes one document of each file, or one of
// all. It stops at the first failure; what was deposited before stands, and was told.
func (a *app) deposit(ctx context.Context, f depositFlags, names []string) error {
	metadata, err := a.parseMeta(f.meta)
	if err != nil {
		return err
	}
	sources, err := a.sources(f, names)
	if err != nil {
		return err
	}
	groups := [][]source{sources}
	if !f.asOne {
		groups = groups[:0]
		for i := range sources {
			groups = append(groups, sources[i:i+1])
		}
	}
	receipts, err := a.receiptNames(f, groups)
	if err != nil {
		return err
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	for i, group := range groups {
		err := a.depositOne(ctx, c, f, metadata, group, receipts[i])
		var stands *kept
		switch {
		case errors.As(err, &stands):
			stands.left = names[min((i+1)*len(group), len(names)):]
			return err
		case err != nil:
			return &doing{fmt.Sprintf(a.t.Depositing, clean(group[0].name)), err}
		}
	}
	return nil
}

func (a *app) depositOne(ctx context.Context, c *client.Client, f depositFlags, metadata map[string]string, group []source, receipt string) error {
	d := client.Deposit{Vault: f.vault, Metadata: metadata}
	bar := a.progress(group[0].name, total(group))
	defer bar.finish()
	for _, s := range group {
		d.Files = append(d.Files, client.File{Name: s.name, SHA256: s.sha256, Open: func() (io.ReadCloser, error) {
			file, err := s.open()
			if err != nil {
				return nil, err
			}
			return bar.reader(file), nil
		}})
	}
	doc, err := c.Deposit(ctx, d)
	bar.finish()
	asSent := err == nil
	if asSent {
		err = a.tellDeposit(ctx, c, doc, receipt, f.receiptFlags)
	}
	if err != nil && doc.ID != "" {
		return &kept{doc: doc, asSent: asSent, err: err}
	}
	return err
}

// deposited is the result of one deposit.
type deposited struct {
	wire.Document
	Receipt string `json:"receipt,omitempty"` // file name
}

// tellDeposit tells of a deposit and fetches its receipt if one is wanted. A person
// sees the document at once; a program gets one object, also when only the receipt
// failed: the document is kept all the same.
func (a *app) tellDeposit(ctx context.Context, c *client.Client, doc wire.Document, receipt string, f receiptFlags) error {
	if !a.json {
		a.showDocument(doc)
	}
	told := deposited{Document: doc}
	var err error
	if receipt != "" {
		var saved savedReceipt
		if saved, err = a.depositReceipt(ctx, c, doc.ID, receipt, f); err == nil {
			told = deposited{saved.doc, receipt}
			if !a.json {
				a.showReceipt(saved)
			}
		}
	}
	if a.json {
		err = errors.Join(a.writeJSON(a.stdout, told), err)
	}
	return err
}

// depositReceipt saves the receipt of what was just deposited: the detached one, and
// says so, where the caller may deposit and not read. The safe then refuses the
// document's bytes alone, and the depositor has them.
func (a *app) depositReceipt(ctx context.Context, c *client.Client, id, name string, f receiptFlags) (savedReceipt, error) {
	saved, err := a.saveReceipt(ctx, c, id, name, f)
	if f.detached || !errors.Is(err, client.ErrForbidden) {
		return saved, err
	}
	f.detached = true
	if saved, err = a.saveReceipt(ctx, c, id, name, f); err == nil {
		a.warn(a.t.ReceiptDetachedHint, a.t.ReceiptDetached, name)
	}
	return saved, err
}

func (a *app) parseMeta(pairs []string) (map[string]string, error) {
	metadata := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, a.usage(a.t.MetaHint, a.t.MetaWrong, pair)
		}
		if _, twice := metadata[key]; twice {
			return nil, a.usage("", a.t.MetaTwice, key)
		}
		if !utf8.ValidString(pair) {
			return nil, a.usage("", a.t.MetaNotUTF8, key)
		}
		metadata[key] = value
	}
	return metadata, nil
}
