package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"casemate/appliance/client"
	"casemate/appliance/wire"
)

func (a *app) getCommand() *cobra.Command {
	var output string
	var number int
	var force bool
	cmd := a.command("get DOCUMENT", a.t.Get, a.args(1, 1), func(cmd *cobra.Command, args []string) error {
		if err := a.documentID(args[0]); err != nil {
			return err
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		defer c.Close()
		doc, err := c.Stat(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		wanted, err := a.wanted(doc, number)
		if err != nil {
			return err
		}
		if output == "-" {
			return a.getToStdout(cmd.Context(), c, doc, wanted)
		}
		return a.getToFiles(cmd.Context(), c, doc, wanted, output, force)
	})
	flags := cmd.Flags()
	flags.StringVarP(&output, "output", "o", "", a.t.Flag.Output)
	flags.IntVar(&number, "file", 0, a.t.Flag.File)
	flags.BoolVar(&force, "force", false, a.t.Flag.Force)
	return cmd
}

// wanted gives the files of a document that were asked for: one, or all with 0.
func (a *app) wanted(doc wire.Document, number int) ([]wire.File, error) {
	if number == 0 {
		return doc.Files, nil
	}
	if number < 1 || number > len(doc.Files) {
		return nil, &failure{exit: exitNotFound, message: fmt.Sprintf(a.t.NoSuchFile, doc.ID, len(doc.Files), number)}
	}
	return doc.Files[number-1 : number], nil
}

func (a *app) getToStdout(ctx context.Context, c *client.Client, doc wire.Document, wanted []wire.File) error {
	if len(wanted) != 1 {
		return a.usage(a.t.OneFileHint, a.t.OneFile, len(wanted))
	}
	f := wanted[0]
	bar := a.progress(f.Name, f.Size)
	defer bar.finish()
	if err := c.ReadFile(ctx, doc, f.Index, bar.writer(a.stdout)); err != nil {
		return &unusable{err}
	}
	return nil
}

// gotFile is the result for one file that was read.
type gotFile struct {
	Document string `json:"document"`
	wire.File
	Output string `json:"output"` // where it is now
}

func (a *app) getToFiles(ctx context.Context, c *client.Client, doc wire.Document, wanted []wire.File, output string, force bool) error {
	targets, err := a.targets(wanted, len(doc.Files), output)
	if err != nil {
		return err
	}
	for _, target := range targets {
		if err := a.mayCreate(target, force); err != nil {
			return err
		}
	}
	for i, f := range wanted {
		if err := a.getFile(ctx, c, doc, f, targets[i], force); err != nil {
			return &doing{fmt.Sprintf(a.t.Reading, clean(f.Name)), err}
		}
		got := gotFile{doc.ID, f, targets[i]}
		if err := a.result(got, func() { a.say(a.t.Got+"\n", clean(targets[i]), a.size(f.Size)) }); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) getFile(ctx context.Context, c *client.Client, doc wire.Document, f wire.File, target string, force bool) error {
	bar := a.progress(f.Name, f.Size)
	defer bar.finish()
	return a.create(target, force, func(file *os.File) error {
		return c.ReadFile(ctx, doc, f.Index, bar.writer(file))
	})
}

// targets says where each file goes: output names the file for one, or a folder.
func (a *app) targets(wanted []wire.File, of int, output string) ([]string, error) {
	info, err := os.Stat(output)
	folder := output == "" || err == nil && info.IsDir()
	if !folder {
		if len(wanted) != 1 {
			return nil, a.usage(a.t.FolderForManyHint, a.t.FolderForMany, output)
		}
		return []string{output}, nil
	}
	targets := make([]string, len(wanted))
	taken := map[string]bool{}
	for i, f := range wanted {
		name := localName(f.Name, f.Index)
		if taken[strings.ToLower(name)] { // two files of one name in one document
			name = fmt.Sprintf("%0*d-%s", len(fmt.Sprint(of)), f.Index, name)
		}
		taken[strings.ToLower(name)] = true
		targets[i] = filepath.Join(output, name)
	}
	return targets, nil
}
