package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"casemate/appliance"
)

func raidDecideCommand(o *options) *cobra.Command {
	var files []string
	cmd := describe(&cobra.Command{Use: "decide [CHOICE]", RunE: func(cmd *cobra.Command, args []string) error {
		switch {
		case len(files) > 0 && len(args) == 0:
			return o.decide(cmd, files)
		case len(files) == 0 && len(args) == 0:
			return o.choices(cmd)
		case len(files) == 0:
			return o.statement(cmd, args[0])
		default:
			return exitCode{exitUsage, errors.New("CHOICE, or --signature twice")}
		}
	}, Args: func(cmd *cobra.Command, args []string) error {
		if err := cobra.MaximumNArgs(1)(cmd, args); err != nil {
			return exitCode{exitUsage, err}
		}
		return nil
	}}, o.t.Decide)
	cmd.Flags().StringArrayVar(&files, "signature", nil, o.t.FlagSign)
	return cmd
}

// choices tells what may be decided.
func (o *options) choices(cmd *cobra.Command) error {
	s, closed, err := o.storage(cmd)
	if err != nil {
		return err
	}
	if !closed || len(s.Choices) == 0 {
		return o.tell(cmd, s, "%s", o.t.NothingToDecide)
	}
	return o.show(cmd, s, closed)
}

// statement writes the statement of a choice, to be signed, and behind it what to do with it.
func (o *options) statement(cmd *cobra.Command, choice string) error {
	cfg, err := o.load()
	if err != nil {
		return err
	}
	signed, err := appliance.LastSigned(cmd.Context(), cfg) // as root, while the safe's own user may not look there
	if err != nil {
		return err
	}
	if err := asOwner(cfg); err != nil {
		return err
	}
	text, err := appliance.PrepareDecision(cmd.Context(), cfg, choice, signed)
	if err != nil {
		return err
	}
	if _, err := cmd.OutOrStdout().Write(text); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(cmd.ErrOrStderr(), o.t.Sign) // the statement is out
	return nil
}

const maxSignatureFile = 1 << 20

// decide hands both signatures in.
func (o *options) decide(cmd *cobra.Command, files []string) error {
	cfg, err := o.load()
	if err != nil {
		return err
	}
	var signatures [][]byte
	for _, name := range files {
		f, err := os.Open(name) // #nosec G304 -- named by the operator
		if err != nil {
			return err
		}
		der, err := io.ReadAll(io.LimitReader(f, maxSignatureFile))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		signatures = append(signatures, der)
	}
	if err := asOwner(cfg); err != nil {
		return err
	}
	by, err := appliance.Decide(cmd.Context(), cfg, signatures)
	if err != nil {
		return err
	}
	return o.tell(cmd, map[string][]string{"decidedBy": by}, o.t.Decided, by[0]+" "+o.t.And+" "+by[1])
}
