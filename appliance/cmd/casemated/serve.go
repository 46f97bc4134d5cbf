package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"

	"casemate/appliance"
	"casemate/appliance/setup"
	"casemate/hsm/module"
	"casemate/raid"
	"casemate/raid/volume"
)

func serveCommand(o *options) *cobra.Command {
	return describe(&cobra.Command{Use: "serve", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			if _, err := os.Lstat(setup.Layout{Config: filepath.Dir(o.config)}.Record()); err == nil { // the next set-up takes all of it back
				return exitCode{exitConfig, &told{setup.ErrUnfinished, o.t.box().Unfinished, o.t.box().BrokenOffHint}}
			}
			a, err := appliance.Open(cmd.Context(), cfg, o.config, o.log())
			if err != nil && cmd.Context().Err() != nil { // told to stop before it was ready: that is no failure
				o.log().Info("stopped before it was ready", "error", err)
				return nil
			}
			if err != nil {
				return o.refused(cmd, cfg, err)
			}
			return a.Run(cmd.Context())
		}}, o.t.Serve)
}

// refused tells, when volumes do not agree, what two officers may decide. Starting again mends nothing:
// the code tells the service manager so.
func (o *options) refused(cmd *cobra.Command, cfg appliance.Config, err error) error {
	if !errors.Is(err, raid.ErrFork) && !errors.Is(err, raid.ErrNotWitnessed) && !errors.Is(err, raid.ErrRolledBack) {
		return err
	}
	s, examined := appliance.Examine(cmd.Context(), cfg)
	if examined == nil {
		p := &printer{t: o.t}
		p.mirror(s, false)
		_ = p.to(cmd.ErrOrStderr()) // the error says the same in short
	}
	return exitCode{exitConfig, err}
}

func volumeCommand() *cobra.Command {
	return &cobra.Command{Use: "volume DIR", Short: "Serve one volume to the daemon that started this process",
		Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return volume.Main(cmd.Context(), args[0])
		}}
}

func hsmCommand(o *options) *cobra.Command {
	cmd := describe(&cobra.Command{Use: "hsm", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			// A heap of a few MiB and many short-lived requests: collecting less often costs tens of MiB
			// and gives a fifth more seals a second.
			debug.SetGCPercent(400)
			return tokenExit(appliance.ServeToken(cmd.Context(), cfg, o.log()))
		}}, o.t.HSM)
	cmd.AddCommand(pinCommand(o))
	return cmd
}

// tokenExit gives the code that tells the supervisor what to do.
func tokenExit(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, module.ErrRestart):
		return exitCode{exitRestart, err}
	default:
		return err
	}
}

func printJSON(cmd *cobra.Command, v any) error {
	return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
}
