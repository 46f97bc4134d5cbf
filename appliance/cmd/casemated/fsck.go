package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"casemate/appliance"
	"casemate/store"
)

func fsckCommand(o *options) *cobra.Command {
	var opt appliance.FsckOptions
	cmd := &cobra.Command{Use: "fsck", Short: "Read everything again on every volume and check it (the daemon must be stopped)",
		Long: `Open the safe, read everything again on every volume in sync and check it: journal, rounds, documents
with their proofs, every other value. With --repair what is bad on one volume and good on another is
written again, and checked again. While the safe serves, "casemated raid scrub start" does the same.

Exit code 0: nothing is wrong any more; 5: something is, and each finding says what to do.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			if err := asOwner(cfg); err != nil {
				return err
			}
			opt.Progress = progressLine(cmd, o)
			report, err := appliance.Fsck(cmd.Context(), cfg, o.config, o.log(), opt)
			if err != nil {
				return err
			}
			if o.json {
				if err := printJSON(cmd, report); err != nil {
					return err
				}
			} else if err := printFsck(cmd, report); err != nil {
				return err
			}
			if !report.OK {
				return exitCode{exitFindings, errFindings}
			}
			return nil
		}}
	cmd.Flags().BoolVar(&opt.Repair, "repair", false, "write again what is bad on one volume and good on another")
	cmd.Flags().StringVar(&opt.Volume, "volume", "", "read the one volume in `DIR` alone (or its identity)")
	return cmd
}

func printFsck(cmd *cobra.Command, r appliance.FsckReport) error {
	p := &printer{}
	for _, v := range r.Volumes {
		p.line("volume %s: %d journal entries, %d documents (%d bytes), %d other values, %d findings, %d repaired",
			v.Dir, v.Journal, v.Documents, v.Bytes, v.Values, v.Findings, v.Repaired)
	}
	for _, f := range r.Findings {
		mark := "WRONG"
		if f.Repaired {
			mark = "REPAIRED"
		}
		p.line("%s %s %s: %s", mark, f.Volume, f.What, f.Detail)
		if f.Remedy != "" {
			p.line("  hint: %s", f.Remedy)
		}
	}
	if r.More > 0 {
		p.line("and %d findings more", r.More)
	}
	verdict := "clean"
	switch {
	case r.Unrepaired > 0:
		verdict = fmt.Sprintf("%d findings stand", r.Unrepaired)
	case len(r.Findings) > 0:
		verdict = "everything that was wrong is repaired"
	}
	p.line("%d journal entries, %d documents (%d bytes) on every volume, %d timestamp rounds: %s",
		r.Journal, r.Documents, r.Bytes, r.Rounds, verdict)
	return p.to(cmd.OutOrStdout())
}

// progressLine tells how far fsck is, once a second, on a terminal or a log alike.
func progressLine(cmd *cobra.Command, o *options) func(store.FsckReport) {
	last := time.Now() //nolint:forbidigo // paces the display
	return func(r store.FsckReport) {
		if o.json || time.Since(last) < time.Second {
			return
		}
		last = time.Now() //nolint:forbidigo // paces the display
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%d documents, %d bytes so far, %d findings\n", r.Documents, r.Bytes, len(r.Findings))
	}
}
