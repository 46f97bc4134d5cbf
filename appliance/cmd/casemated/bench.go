package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"casemate/appliance"
)

func benchCommand(o *options) *cobra.Command {
	opt := appliance.BenchOptions{}
	var large []int64
	var stream int64
	cmd := &cobra.Command{Use: "bench --dir DIR", Short: "Measure a safe beside the raw limits of this machine",
		Long: `Makes a safe in an empty folder on the disk to be measured, with a token in software, and prints
one line a case: what the safe does, what the machine does without it in the same run, the ratio.
The folder is left as it is, for a second look.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, mib := range large {
				opt.Large = append(opt.Large, mib<<20)
			}
			opt.Stream = stream << 20
			opt.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
			lines, failure := benchLines(cmd, o)
			opt.Line = lines
			if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
				return err
			}
			if err := appliance.Bench(cmd.Context(), opt); err != nil {
				return err
			}
			return failure()
		}}
	cmd.Flags().StringVar(&opt.Dir, "dir", "", "an empty `DIR` on the disk to measure")
	cmd.Flags().StringVar(&opt.Module, "module", "", "the PKCS#11 `LIBRARY` (default: SoftHSM)")
	cmd.Flags().Int64SliceVar(&large, "large", []int64{64, 1024}, "sizes of large documents, `MiB`")
	cmd.Flags().Int64Var(&stream, "stream", 0, "`MiB` of one stream during which memory is watched; 0: leave out")
	cmd.Flags().IntVar(&opt.Seconds, "seconds", 5, "duration of each case of small documents")
	cmd.AddCommand(benchRaidCommand(o), benchServiceCommand(o), benchBackupCommand(o))
	return cmd
}

// benchLines prints each case as it comes; the second function gives the first failure to print.
func benchLines(cmd *cobra.Command, o *options) (line func(appliance.BenchLine), failure func() error) {
	var first error
	line = func(l appliance.BenchLine) {
		var err error
		switch out := cmd.OutOrStdout(); {
		case o.json:
			err = printJSON(cmd, l)
		case l.Limit == "":
			_, err = fmt.Fprintf(out, "%-60s %10.1f %s\n", l.Case, l.Value, l.Unit)
		default:
			_, err = fmt.Fprintf(out, "%-60s %10.1f %-11s  %10.1f %-32s  ratio %.2f%s  wanted %s\n", l.Case, l.Value, l.Unit, l.Raw, l.Limit, l.Ratio, spread(l), l.Wanted)
		}
		if first == nil {
			first = err
		}
	}
	return line, func() error { return first }
}

// spread is between what the ratio of single turns lay, if there were several.
func spread(l appliance.BenchLine) string {
	if l.Turns == 0 {
		return ""
	}
	return fmt.Sprintf(" (%.2f to %.2f in %d turns)", l.Low, l.High, l.Turns)
}
