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
	cmd := describe(&cobra.Command{Use: "raid --dir A --dir B",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(dirs) != 2 {
				return exitCode{exitUsage, errors.New("two folders are wanted: --dir A --dir B")}
			}
			opt.Dirs, opt.Load = [2]string(dirs), load<<20
			opt.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
			lines, failure := benchLines(cmd, o)
			opt.Line = lines
			if err := appliance.BenchRaid(cmd.Context(), opt); err != nil {
				return err
			}
			return failure()
		}}, o.t.BenchRaid)
	cmd.Flags().StringArrayVar(&dirs, "dir", nil, "an empty `DIR` on a disk to measure; twice")
	cmd.Flags().StringVar(&opt.Module, "module", "", "the PKCS#11 `LIBRARY` (default: SoftHSM)")
	cmd.Flags().IntVar(&opt.Seconds, "seconds", 10, "duration of each case")
	cmd.Flags().Int64Var(&load, "load", 1024, "`MiB` of documents that are filled anew and scrubbed")
	cmd.Flags().IntVar(&opt.Turns, "turns", 5, "how often each case and its raw limit are measured by turns, at least")
	cmd.Flags().IntSliceVar(&opt.Grow, "grow", nil, "numbers of documents to measure at, like 10000,100000")
	return cmd
}
