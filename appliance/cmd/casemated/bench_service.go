package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"casemate/appliance"
)

func benchServiceCommand(o *options) *cobra.Command {
	opt := appliance.BenchServiceOptions{}
	cmd := describe(&cobra.Command{Use: "service --dir DIR",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opt.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
			lines, failure := benchLines(cmd, o)
			opt.Line = lines
			if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
				return err
			}
			if err := appliance.BenchService(cmd.Context(), opt); err != nil {
				return err
			}
			return failure()
		}}, o.t.BenchService)
	cmd.Flags().StringVar(&opt.Dir, "dir", "", "an empty `DIR` on the disk to measure, or that of an earlier run")
	cmd.Flags().StringVar(&opt.Module, "module", "", "the PKCS#11 `LIBRARY` (default: SoftHSM)")
	cmd.Flags().IntSliceVar(&opt.Grow, "grow", []int{10_000}, "numbers of documents to measure at, like 10000,100000")
	cmd.Flags().IntVar(&opt.Starts, "starts", 3, "how often it is started with nothing cached")
	cmd.Flags().IntVar(&opt.Idle, "idle", 1000, "connections that say nothing")
	cmd.Flags().IntVar(&opt.Depositors, "depositors", 8, "callers who deposit when it is told to stop")
	cmd.Flags().IntVar(&opt.Seconds, "seconds", 10, "how long they have deposited then")
	return cmd
}
