package main

import (
	"errors"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"casemate/appliance"
)

func benchRaidCommand(o *options) *cobra.Command {
	opt := appliance.BenchRaidOptions{}
	var dirs []string
	var load int64
	cmd := &cobra.Command{Use: "raid --dir A --dir B", Short: "Measure the mirror on two file systems beside these without it",
		Long: `Makes a mirror and a safe in two empty folders, best on two disks, and prints one line a case: writes
beside two raw files with fdatasync in the same run, writes with one volume, a volume filled anew beside
a raw copy, a scrub beside both digests on one core, and what a small deposit waits meanwhile. With
--grow, how opening, scrub and memory grow with the number of documents. Both folders are left as they
are; they hold a safe that nobody needs.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(dirs) != 2 {
				return exitCode{exitUsage, errors.New("two folders are wanted: --dir A --dir B")}
			}
			opt.Dirs, opt.Load = [2]string(dirs), load<<20
			opt.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
			opt.Say = func(string, ...any) {}
			lines, failure := benchLines(cmd, o)
			opt.Line = lines
			if err := appliance.BenchRaid(cmd.Context(), opt); err != nil {
				return err
			}
			return failure()
		}}
	cmd.Flags().StringArrayVar(&dirs, "dir", nil, "an empty `DIR` on a disk to measure; twice")
	cmd.Flags().StringVar(&opt.Module, "module", "", "the PKCS#11 `LIBRARY` (default: SoftHSM)")
	cmd.Flags().IntVar(&opt.Seconds, "seconds", 10, "duration of each case")
	cmd.Flags().Int64Var(&load, "load", 1024, "`MiB` of documents that are filled anew and scrubbed")
	cmd.Flags().IntSliceVar(&opt.Grow, "grow", nil, "numbers of documents to measure at, like 10000,100000")
	return cmd
}
