package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"casemate/appliance"
)

func benchBackupCommand(o *options) *cobra.Command {
	opt := appliance.BenchBackupOptions{}
	var load int64
	cmd := describe(&cobra.Command{Use: "backup --dir DIR --medium DIR", Args: noArguments, RunE: func(cmd *cobra.Command, _ []string) error {
		opt.Load = load << 20
		opt.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
		lines, failure := benchLines(cmd, o)
		opt.Line = lines
		if err := appliance.BenchBackup(cmd.Context(), opt); err != nil {
			return err
		}
		return failure()
	}}, o.t.backup().Bench)
	cmd.Flags().StringVar(&opt.Dir, "dir", "", "an empty `DIR` for a safe")
	cmd.Flags().StringVar(&opt.Medium, "medium", "", "an empty `DIR` on the disk that backups go to")
	cmd.Flags().StringVar(&opt.Module, "module", "", "the PKCS#11 `LIBRARY` (default: SoftHSM)")
	cmd.Flags().IntVar(&opt.Seconds, "seconds", 10, "duration of the case of small documents")
	cmd.Flags().Int64Var(&load, "load", 1024, "`MiB` of documents in the safe")
	cmd.Flags().IntVar(&opt.Turns, "turns", 5, "how often each case and its raw limit are measured by turns, at least")
	return cmd
}
