package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"casemate/appliance/client"
	"casemate/appliance/wire"
	"casemate/store/proof"
)

// receiptFlags are shared by deposit and receipt.
type receiptFlags struct {
	detached, force bool
	wait            time.Duration
}

// defaultWait is what --wait alone means: longer than the usual interval of rounds.
const defaultWait = 15 * time.Minute

func (a *app) addReceiptFlags(cmd *cobra.Command, f *receiptFlags) {
	flags := cmd.Flags()
	flags.BoolVar(&f.detached, "detached", false, a.t.Flag.Detached)
	flags.BoolVar(&f.force, "force", false, a.t.Flag.Force)
	flags.DurationVar(&f.wait, "wait", 0, a.t.Flag.Wait)
	flags.Lookup("wait").NoOptDefVal = defaultWait.String()
}

// saveReceipt fetches a receipt, after its round if told to wait, into a file that
// appears whole or not at all.
func (a *app) saveReceipt(ctx context.Context, c *client.Client, id, name string, f receiptFlags) (savedReceipt, error) {
	if f.wait > 0 {
		if err := a.awaitRound(ctx, c, id, f.wait); err != nil {
			return savedReceipt{}, err
		}
	}
	doc, err := c.Stat(ctx, id)
	if err != nil {
		return savedReceipt{}, err
	}
	bar := a.progress(name, receiptSize(doc, f.detached))
	defer bar.finish()
	saved := savedReceipt{Document: id, Receipt: name, doc: doc}
	err = a.create(name, f.force, func(file *os.File) error {
		if err := c.ReadReceipt(ctx, id, f.detached, bar.writer(file)); err != nil {
			return a.offerDetached(err, f)
		}
		saved.State, err = examineReceipt(file, doc)
		return err
	})
	return saved, err
}

// showReceipt tells of a receipt that was saved.
func (a *app) showReceipt(saved savedReceipt) {
	a.say(a.t.ReceiptSaved+"\n", clean(saved.Receipt), a.stateWord(saved.State))
	if saved.State == wire.Provisional {
		a.warn(a.t.ReceiptProvisionalHint, a.t.ReceiptProvisional, saved.Receipt)
	}
}

// receiptToStdout writes a receipt as it arrives.
func (a *app) receiptToStdout(ctx context.Context, c *client.Client, id string, f receiptFlags) error {
	if f.wait > 0 {
		if err := a.awaitRound(ctx, c, id, f.wait); err != nil {
			return err
		}
	}
	if err := c.ReadReceipt(ctx, id, f.detached, a.stdout); err != nil {
		return &unusable{a.offerDetached(err, f)}
	}
	return nil
}

// offerDetached tells who may not read the document that its receipt alone is his.
func (a *app) offerDetached(err error, f receiptFlags) error {
	if f.detached || !errors.Is(err, client.ErrForbidden) {
		return err
	}
	return &hinted{err, a.t.DetachedHint}
}

func receiptSize(doc wire.Document, detached bool) int64 {
	if detached {
		return -1
	}
	return doc.Size
}

// awaitRound waits until an external timestamp covers the document.
func (a *app) awaitRound(ctx context.Context, c *client.Client, id string, limit time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if a.terminal && !a.json {
		a.tell(a.t.Waiting+"\n", limit)
	}
	every := min(max(limit/20, 200*time.Millisecond), 5*time.Second)
	_, err := c.WaitProved(bounded, id, every)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return &failure{exit: exitNotProved, message: fmt.Sprintf(a.t.NotProvedYet, id, limit), hint: a.t.NotProvedHint, cause: err}
	}
	return err
}

func (a *app) receiptCommand() *cobra.Command {
	var f receiptFlags
	var output string
	cmd := a.command("receipt DOCUMENT", a.t.ReceiptCommand, a.args(1, 1), func(cmd *cobra.Command, args []string) error {
		if err := a.documentID(args[0]); err != nil {
			return err
		}
		name := first(output, args[0]+".asice")
		if err := a.mayCreate(name, f.force); err != nil {
			return err
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		defer c.Close()
		if name == "-" {
			return a.receiptToStdout(cmd.Context(), c, args[0], f)
		}
		saved, err := a.saveReceipt(cmd.Context(), c, args[0], name, f)
		if err != nil {
			return err
		}
		return a.result(saved, func() { a.showReceipt(saved) })
	})
	cmd.Flags().StringVarP(&output, "output", "o", "", a.t.Flag.ReceiptOutput)
	a.addReceiptFlags(cmd, &f)
	return cmd
}

// savedReceipt is the result of a receipt written to a file.
type savedReceipt struct {
	Document string `json:"document"`
	Receipt  string `json:"receipt"` // file name
	State    string `json:"state"`   // of the receipt itself

	doc wire.Document
}

// examineReceipt looks at a receipt before it gets its name: complete, of the
// document asked for, and about the same files. What it proves is verify's to say.
func examineReceipt(file *os.File, doc wire.Document) (state string, err error) {
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	r, err := proof.OpenReceipt(file, info.Size())
	if err != nil {
		return "", fmt.Errorf("%w: the receipt: %w", client.ErrIntegrity, err)
	}
	attestation, err := proof.ParseAttestation(r.Receipt.Attestation)
	if err != nil {
		return "", fmt.Errorf("%w: the receipt's attestation: %w", client.ErrIntegrity, err)
	}
	if attestation.Document.String() != doc.ID {
		return "", fmt.Errorf("%w: the receipt is of document %s", client.ErrIntegrity, attestation.Document)
	}
	if len(attestation.Files) != len(doc.Files) {
		return "", fmt.Errorf("%w: the receipt attests %d files, the document has %d", client.ErrIntegrity, len(attestation.Files), len(doc.Files))
	}
	for i, f := range attestation.Files {
		if hex.EncodeToString(f.Digests.SHA256[:]) != doc.Files[i].SHA256 || hex.EncodeToString(f.Digests.SHA3[:]) != doc.Files[i].SHA3 {
			return "", fmt.Errorf("%w: the receipt attests other digests for file %d", client.ErrIntegrity, i+1)
		}
	}
	if r.Provisional() {
		return wire.Provisional, nil
	}
	return wire.Proved, nil
}
